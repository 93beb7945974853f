"""Whether this process was started, over however many others, by one of its kind.

A fallback helper may be a script that runs this very program. The variable that tells it so may be
taken away on the way, so whoever runs a fallback also holds a lock on a file with its name: its
number and when it started, since numbers are given again, and in each container anew.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import paths

_PREFIX = "fallback-"
_FARTHEST = 64  # ancestors; a tree of processes is never that high
_PS_SECONDS = 2


def name_of_this() -> str:
    """Return the name of this process."""
    return _seen(os.getpid())[1]


@contextmanager
def mark(directory: str) -> Iterator[Callable[[str], bool]]:
    """Mark this process as one that runs a fallback, for as long as it does.

    directory: the cache's, or "" for no mark. Yields a function that takes the name of a process
    that says so in another way, or "", and returns whether a process with either is an ancestor.
    """
    folder = os.path.join(directory, paths.LOCKS)
    others = _marked(folder) if directory else set()
    marked = {name for name in others if _is_held(folder, name)}

    def leads_back(name: str) -> bool:
        ancestors = _ancestors()
        if not ancestors:  # they cannot be seen, as on Windows
            return name in marked if directory else bool(name)
        return bool(((marked | {name}) - {""}) & ancestors)

    path = os.path.join(folder, _PREFIX + name_of_this())
    lock = _lock(path) if directory else None
    if lock is None:
        yield leads_back  # with the variable alone
        return
    with lock:
        try:
            yield leads_back
        finally:
            _remove(path)


def _lock(path: str) -> FileLock | None:
    try:
        private.own_directory(os.path.dirname(path))
        lock = FileLock(path)
        lock.acquire(0)  # by whoever thinks that it is left over, for a moment
    except OSError:
        return None
    return lock


def _marked(folder: str) -> set[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return set()
    return {name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)}


def _is_held(folder: str, name: str) -> bool:
    """Return whether the process that made a mark is there; without it the mark goes."""
    path = os.path.join(folder, _PREFIX + name)
    try:
        with FileLock(path) as lock:
            if not lock.acquire(0):
                return True
    except OSError:
        return False
    _remove(path)
    return False


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # another one did, or will


def _ancestors() -> set[str]:
    """Return the names of the processes that this one descends from, as far as can be told."""
    found: set[str] = set()
    number, _ = _seen(os.getpid())
    while number > 0 and len(found) < _FARTHEST:
        parent, name = _seen(number)
        found.add(name)
        number = parent
    return found


def _seen(number: int) -> tuple[int, str]:
    """Return the number of a process's parent, or 0, and the process's own name.

    That of the start is in field 22 of https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    parent, started = 0, ""
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        parent, started = int(fields[1]), fields[19]
    except (OSError, ValueError, IndexError):
        if sys.platform not in ("win32", "linux"):
            parent, started = _seen_by_ps(number)
    return parent, f"{number}-{started}"


def _seen_by_ps(number: int) -> tuple[int, str]:
    command = ["ps", "-o", "ppid=,lstart=", "-p", str(number)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PS_SECONDS, check=False)
        parent, *started = done.stdout.decode("ascii", "replace").split()
        return int(parent), "".join(c for c in "-".join(started) if c.isalnum() or c == "-")
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0, ""
