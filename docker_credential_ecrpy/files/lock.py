"""A file lock between processes, with a time limit.

The system drops it when its holder dies, however that happens. The file is never removed:
those who wait on a removed one and those who make it anew would hold two locks.
"""

import errno
import os
import sys
import time
from types import TracebackType

from docker_credential_ecrpy.files import private

_FLAGS = os.O_RDWR | os.O_CREAT | private.SAFE_FLAGS | getattr(os, "O_BINARY", 0)
_FIRST_PAUSE = 0.005  # seconds; doubled up to
_LAST_PAUSE = 0.05
_MAX_NOTE = 4096  # bytes
_BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

if sys.platform == "win32":
    import msvcrt

    # Locks on Windows keep others from reading what they cover, so this byte is far past the note.
    _FAR = 2**30

    def _try_lock(opened: int) -> None:
        os.lseek(opened, _FAR, os.SEEK_SET)
        msvcrt.locking(opened, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _try_lock(opened: int) -> None:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)


class FileLock:
    """A lock on `path`, which is made where it is missing.

    Raises OSError when the file cannot be opened. Use it as a context manager, so that it is
    closed, which also lets go of it.
    """

    def __init__(self, path: str) -> None:
        self._opened = os.open(path, _FLAGS, 0o600)
        if not private.stands_alone(os.fstat(self._opened)):
            os.close(self._opened)
            raise OSError(errno.EINVAL, "it is no file of its own")

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        os.close(self._opened)

    def acquire(self, seconds: float) -> bool:
        """Take the lock, waiting `seconds` at most; return whether it was had.

        Raises OSError where this file system has no locks.
        """
        end = time.monotonic() + seconds
        pause = _FIRST_PAUSE
        while True:
            try:
                _try_lock(self._opened)
            except OSError as exc:
                if exc.errno not in _BUSY:
                    raise
            else:
                return True
            left = end - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(pause, left))
            pause = min(pause * 2, _LAST_PAUSE)

    @property
    def note(self) -> bytes:
        """What the holder, or the last one, left. Raises OSError."""
        os.lseek(self._opened, 0, os.SEEK_SET)
        return os.read(self._opened, _MAX_NOTE)

    def leave(self, note: bytes) -> None:
        """Leave `note` for the others. Raises OSError, on a full disk for one."""
        os.lseek(self._opened, 0, os.SEEK_SET)
        written = os.write(self._opened, note[:_MAX_NOTE])
        os.ftruncate(self._opened, written)
