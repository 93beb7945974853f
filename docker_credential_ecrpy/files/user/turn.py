"""Turns of runs of this program that edit the same files: each reads, plans and writes alone.

The lock is on the directory itself (or while that is missing, on the nearest one above it), so that
no lock file is left among the user's, and all users of a shared directory have the same lock. It
only saves runs from failing: each write is compared with what was read, with or without a lock.
"""

import errno
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.directory import Directory
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.files.user import target
from docker_credential_ecrpy.text.sanitize import one_line

MOST_SECONDS = 20.0
"""How long to wait for another run, which writes within a second unless its output is blocked."""

_MOST_MOVES = 100  # directories under the path of a file, one after the other
_PAUSE = 0.02  # seconds
_MOST_SECONDS_OTHERS = 2.0  # the same, for a process that is not the user's
_BUSY = (errno.EACCES, errno.EAGAIN)
_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)

if sys.platform == "win32":

    @contextmanager
    def _lock(directory: str, end: float) -> Iterator[None]:
        """Lock a file of the user's in the temporary directory: Windows locks no directories."""
        name = hashlib.sha256(os.path.normcase(directory).encode()).hexdigest()[:32]
        temporary = Directory(tempfile.gettempdir(), None)
        with FileLock(temporary, f"docker-credential-ecrpy-{name}") as at:
            if not at.acquire(max(0.0, end - time.monotonic())):
                raise _timed_out(directory, "another run")
            yield

else:
    import fcntl

    @contextmanager
    def _lock(directory: str, end: float) -> Iterator[None]:
        """Lock a directory until the context is left.

        Without a lock where that is unreadable or on a file system that has none, and where a
        process of another user keeps it: anybody can lock a directory that they may read. Raises
        HelperError if a process of this user still has it at `end`, a monotonic time.
        """
        opened, others_end = -1, min(end, time.monotonic() + _MOST_SECONDS_OTHERS)
        try:
            with suppress(OSError):
                opened = os.open(directory, _FLAGS)
            while opened >= 0 and not _try(opened):
                if time.monotonic() >= others_end:
                    holder = _find_holder(opened)
                    is_ours = _is_ours(holder)
                    if is_ours is False or (is_ours is None and time.monotonic() >= end):
                        break
                    if time.monotonic() >= end:
                        raise _timed_out(directory, f"process {holder}")
                time.sleep(_PAUSE)
            yield
        finally:
            if opened >= 0:
                os.close(opened)

    def _try(opened: int) -> bool:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            return exc.errno not in _BUSY
        return True

    def _is_ours(process: str) -> bool | None:
        """Whether a process is another one of this user; None where the system does not show it."""
        if process == str(os.getpid()):
            return False  # the lock of a directory that another program has moved meanwhile
        try:
            return os.stat(f"/proc/{process}").st_uid == os.geteuid() if process else None
        except OSError:
            return False  # it has ended, or is hidden, as none of the user's own is

    def _find_holder(opened: int) -> str:
        """Return the process that holds a directory's lock, as Linux shows it; "" if unknown."""
        seen = os.fstat(opened)
        at = f"{os.major(seen.st_dev):02x}:{os.minor(seen.st_dev):02x}:{seen.st_ino}"
        with suppress(OSError), open("/proc/locks", encoding="ascii") as locks:
            for line in locks:  # 1: FLOCK ADVISORY WRITE 123 fd:00:456 0 EOF
                fields = line.split()
                if fields[1] == "FLOCK" and at in fields:
                    return fields[4]
        return ""


@contextmanager
def take_turn(files: Collection[str], seconds: float = MOST_SECONDS) -> Iterator[None]:
    """Hold the locks of the directories of files until the context is left.

    All runs take them in the same order. Raises HelperError if another run of this user still has
    one after `seconds`.
    """
    end = time.monotonic() + seconds
    with ExitStack() as stack:
        held: set[tuple[int, int]] = set()
        # What another run creates while this one waits has a lock of its own.
        while missing := [at for at in _find_directories(files) if at[0] not in held]:
            inode, directory = missing[0]
            if len(held) > _MOST_MOVES:
                raise _moved(directory)
            stack.enter_context(_lock(directory, end))
            held.add(inode)
        yield


def _find_directories(files: Collection[str]) -> list[tuple[tuple[int, int], str]]:
    """Return the nearest directory above each file that exists: device and inode, and path.

    Raises HelperError for one that keeps changing.
    """
    found = []
    for file in files:
        try:
            directory = os.path.dirname(target.real_path(file))
            while not os.path.isdir(directory) and os.path.dirname(directory) != directory:
                directory = os.path.dirname(directory)
            seen = os.stat(directory)
        except OSError as exc:
            raise _moved(file) from exc
        found.append(((seen.st_dev, seen.st_ino), directory))
    return sorted(found, key=lambda at: at[1])


def _moved(path: str) -> HelperError:
    msg = f"{one_line(path)} cannot be found: another program is moving it"
    return HelperError(msg, hint="run this again when it has ended; nothing was written")


def _timed_out(directory: str, holder: str) -> HelperError:
    msg = f"{holder} has locked {one_line(directory)}"
    return HelperError(msg, hint="run this again when it has ended; nothing was written")
