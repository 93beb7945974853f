"""Cache entries on disk: written, removed by host, and swept when dead."""

import os
import stat
import sys
from collections.abc import Container, Iterator

from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.hot.cache import SECOND, Entry, Miss, packed, read_any

_DEAD_AFTER = 24 * 3600  # seconds; a damaged file older than this is dead, not work in progress
_WRITTEN_IN = 2  # seconds; a temporary file older than this, whose process has ended, is dead
_SWEEP_LIMIT = 500  # files examined by one write, so that old ones never make it slow


def write(path: str, subject: str, entry: Entry) -> None:
    """Store `entry` for `subject` at `path` with an atomic replace.

    Raises OSError, also if another user owns the directory; then nothing is left behind.
    """
    private.make_directory(os.path.dirname(path))
    private.write_whole(path, packed(subject, entry))


def defer(path: str, until: int) -> None:
    """Defer the refresh of the token at `path` until then, in ns since the epoch (UTC).

    The file's mtime says so (`hot.cache.DEFERRED`): a write would bring an erased token back.
    Raises OSError.
    """
    os.utime(path, ns=(until, until), follow_symlinks=os.utime not in os.supports_follow_symlinks)


def sweep(directory: str, now: int, skip: Container[str] = ()) -> int:
    """Remove dead entries from `directory`; return how many. Never raises.

    Dead are entries past their expiry, damaged ones older than a day, and temporary files of
    processes that have ended. At most `_SWEEP_LIMIT` files are examined, from a position that
    differs from call to call, so that every file is reached. skip: names of live files.
    """
    try:
        names = os.listdir(directory) if private.is_own(directory) else []
    except OSError:
        return 0
    start = now // SECOND * 7919 % len(names) if len(names) > _SWEEP_LIMIT else 0
    turn = (names[start:] + names[:start])[:_SWEEP_LIMIT]
    return sum(_remove_if_dead(directory, name, now) for name in turn if name not in skip)


def remove(path: str) -> bool:
    """Remove the entry at `path`; return whether there was one. Raises OSError."""
    return private.remove(path)


def forget(directory: str, name: str) -> int:
    """Remove every entry of the host or endpoint `name`; return how many there were.

    Raises OSError if one cannot be removed.
    """
    return sum(private.remove(path) for path in _entries(directory, name))


def _entries(directory: str, name: str) -> Iterator[str]:
    try:
        names = [] if private.is_behind_link(directory) else os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return
    for found in names:
        if found.startswith(name + "~"):
            yield os.path.join(directory, found)


def _remove_if_dead(directory: str, name: str, now: int) -> bool:
    path = os.path.join(directory, name)
    try:
        seen = os.lstat(path)
        if not stat.S_ISREG(seen.st_mode):
            return False
        age = (now - seen.st_mtime_ns) / SECOND
        if name.startswith(private.TEMPORARY):
            dead = age > _WRITTEN_IN and _is_gone(name, age)
        elif "~" in name:
            try:
                # Use the times as written: corrected times may be older on another machine.
                dead = now >= read_any(path)[0].expires
            except Miss:
                dead = age > _DEAD_AFTER
        else:
            dead = False  # not a file of this cache
        return dead and private.remove(path)
    except OSError:
        return False


def _is_gone(name: str, age: float) -> bool:
    """Whether the writer of a temporary file of this name, `age` seconds old, has ended."""
    if sys.platform == "win32":
        return age > _DEAD_AFTER  # there, `os.kill` would end the process
    try:
        os.kill(int(name.removeprefix(private.TEMPORARY).partition("-")[0]), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError, OverflowError):
        pass
    return False
