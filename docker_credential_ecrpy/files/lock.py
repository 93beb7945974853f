"""A file lock between processes, with a timeout.

The system releases it when its holder dies. The file is never removed: a process that waits on a
removed file and one that creates the file again would both hold a lock.
"""

import errno
import os
import sys
import time

from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.files.directory import Directory

_FIRST_PAUSE = 0.005  # seconds; doubled up to `_LAST_PAUSE`
_LAST_PAUSE = 0.05
_MAX_NOTE = 4096  # bytes
_BUSY = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

if sys.platform == "win32":
    import msvcrt

    # A Windows lock blocks reads of the bytes it covers: lock one far past the note.
    _FAR = 2**30

    def _try_lock(opened: int) -> None:
        os.lseek(opened, _FAR, os.SEEK_SET)
        msvcrt.locking(opened, msvcrt.LK_NBLCK, 1)

    def _unlock(opened: int) -> None:
        os.lseek(opened, _FAR, os.SEEK_SET)
        msvcrt.locking(opened, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(opened: int) -> None:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(opened: int) -> None:
        fcntl.flock(opened, fcntl.LOCK_UN)


class FileLock:
    """A lock on a file, which is created if missing; leaving its context releases it.

    Raises OSError when the file cannot be opened.
    """

    def __init__(self, folder: Directory, name: str) -> None:
        self._opened = folder.open(name, os.O_RDWR | os.O_CREAT)
        if not private.stands_alone(os.fstat(self._opened)):
            os.close(self._opened)
            raise OSError(errno.EINVAL, "it is not this user's own regular file")

    def __enter__(self) -> "FileLock":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock, for good."""
        os.close(self._opened)

    def release(self) -> None:
        """Release the lock, which can be taken again. Raises OSError."""
        _unlock(self._opened)

    def acquire(self, seconds: float) -> bool:
        """Take the lock, waiting `seconds` at most; return whether that succeeded.

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

    def read_note(self) -> bytes:
        """Return the note of the current or last holder. Raises OSError."""
        os.lseek(self._opened, 0, os.SEEK_SET)
        return os.read(self._opened, _MAX_NOTE)

    def write_note(self, note: bytes) -> None:
        """Write `note` for the waiting processes. Raises OSError, such as on a full disk."""
        os.lseek(self._opened, 0, os.SEEK_SET)
        written = os.write(self._opened, note[:_MAX_NOTE])
        os.ftruncate(self._opened, written)
