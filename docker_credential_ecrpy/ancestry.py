"""Cold layer: whether this process was started, over however many others, by one of its kind.

A fallback helper may be a script that runs this very program. The variable that tells it so may be
taken away on the way, so whoever runs a fallback also holds a lock on a file with its number.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from docker_credential_ecrpy import cache, paths
from docker_credential_ecrpy.lock import FileLock

_PREFIX = "fallback-"
_FARTHEST = 64  # ancestors; a tree of processes is never that high
_PS_SECONDS = 2


@contextmanager
def mark(directory: str) -> Iterator[Callable[[str], bool]]:
    """Mark this process as one that runs a fallback, for as long as it does.

    directory: the cache's, or "" for no mark. Yields a function that takes the number of a process
    that says so in another way, or "", and returns whether a process with either is an ancestor.
    """
    folder = os.path.join(directory, paths.LOCKS)
    others = _marked(folder) if directory else set()
    marked = {number for number in others if _is_held(folder, number)}

    def leads_back(number: str) -> bool:
        if sys.platform == "win32" and number:
            return True  # only the parent is known there
        return bool(((marked | {number}) - {""}) & _ancestors())

    lock = _lock(folder) if directory else None
    if lock is None:
        yield leads_back  # with the variable alone
        return
    with lock:
        try:
            yield leads_back
        finally:
            _remove(os.path.join(folder, f"{_PREFIX}{os.getpid()}"))


def _lock(folder: str) -> FileLock | None:
    try:
        cache.own_directory(folder)
        lock = FileLock(os.path.join(folder, f"{_PREFIX}{os.getpid()}"))
        lock.acquire(0)
    except OSError:
        return None
    return lock


def _marked(folder: str) -> set[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return set()
    return {name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)}


def _is_held(folder: str, number: str) -> bool:
    """Return whether the process that made a mark is there; without it the mark goes."""
    path = os.path.join(folder, _PREFIX + number)
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
    """Return the numbers of the processes that this one descends from, as far as can be told."""
    found: set[str] = set()
    number = str(os.getppid())
    while number.isdigit() and int(number) > 1 and len(found) < _FARTHEST:
        found.add(number)
        number = _parent(number)
    return found


def _parent(number: str) -> str:
    try:
        with open(f"/proc/{number}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[1]
    except (OSError, IndexError):
        pass
    if sys.platform in ("win32", "linux"):
        return ""
    command = ["ps", "-o", "ppid=", "-p", number]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_PS_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("ascii", "replace").strip()
