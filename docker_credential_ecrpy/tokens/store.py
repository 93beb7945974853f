"""Cache entries on disk: swept when dead, and removed.

A file is removed only if this program created it (`folder.open_ours`). A suspended process may go
on at any time, so none of them removes a login that was stored in the meantime.
"""

import os
import stat
import sys
import time

from docker_credential_ecrpy.files import temporary
from docker_credential_ecrpy.files.directory import Directory, Refused
from docker_credential_ecrpy.hot import paths
from docker_credential_ecrpy.hot.cache import (
    MAX_ENTRY,
    SECOND,
    Entry,
    Miss,
    parse,
    read_any,
    referred,
)
from docker_credential_ecrpy.tokens.folder import MARKER, open_folder, open_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    Judge = Callable[[int], bool]  # gets the descriptor of a file

_DEAD_AFTER = 24 * 3600  # seconds; a damaged file older than this is dead, not work in progress
_EXAMINED = 64  # files that one sweep examines, so that old ones never make a write slow
_SWEEP_TIME = 0.5  # seconds for a slow disk
MOST_SURPLUS = 200
"""Files that one sweep removes from a folder because it holds too many."""
MOST_ENTRIES = 2000
"""Tokens, and notes, that sweeps leave: `erase` reads the name of each. A token that is removed
before it expires costs one AWS call if it is used again."""


def sweep_hosts(path: str, is_old: "Callable[[float], bool]", most: int) -> None:
    """Remove hosts whose mtime `is_old` says is, and surplus ones. Never raises.

    most: the number of hosts that stay, as of tokens in `sweep`.
    """
    _sweep(path, time.time_ns(), lambda opened: is_old(os.fstat(opened).st_mtime), most=most)


def sweep_locks(path: str, now: int) -> None:
    """Remove the temporary files of ended processes from the folder of locks. Never raises."""
    _sweep(path, now, lambda _: False)


def sweep(path: str, now: int, skip: "Container[str]" = ()) -> int:
    """Remove dead entries from the folder at `path`; return how many. Never raises.

    Dead are entries past their expiry, damaged ones older than a day, and temporary files of
    processes that have ended. At most `_EXAMINED` files are examined, from a position that differs
    from call to call, so that every file is reached. The `MOST_ENTRIES` most recent tokens or notes
    stay; of the others, at most `MOST_SURPLUS` are removed, so that no sweep is slow and many
    sweeps remove all. skip: names of live files.
    """
    is_login = os.path.basename(path) == paths.LOGINS

    def is_dead(opened: int) -> bool:
        seen = os.fstat(opened)
        try:
            # Use the times as written: corrected times may be older on another machine.
            return now >= parse(os.read(opened, MAX_ENTRY))[0].expires
        except Miss:
            age = (now - seen.st_mtime_ns) / SECOND
            return age > _DEAD_AFTER and not (is_login and seen.st_size == 0)

    return _sweep(path, now, is_dead, skip, most=0 if is_login else MOST_ENTRIES)


def remove(path: str) -> bool:
    """Remove the token at `path`; return whether there was one. Raises OSError."""
    try:
        with open_folder(os.path.dirname(path)) as folder:
            return _remove(folder, os.path.basename(path), lambda _: True)
    except FileNotFoundError:
        return False


def _sweep(
    path: str, now: int, is_dead: "Judge", skip: "Container[str]" = (), most: int = 0
) -> int:
    gone = 0
    end = time.monotonic() + _SWEEP_TIME
    try:
        with open_folder(path) as folder:
            names = folder.first_names(most + 2 * MOST_SURPLUS) if most else folder.names()
            names = [name for name in names if name != MARKER]
            if os.path.basename(path) == paths.LOCKS:  # locks stay
                names = [name for name in names if temporary.is_cache_name(name)]
            start = now // SECOND * 7919 % len(names) if names else 0
            names = names[start:] + names[:start]
            surplus, latest = _find_surplus(folder, names, most)
            judged = [(name, _judge_older(latest)) for name in surplus]
            judged += [
                (name, _judge_temporary(name, now) if temporary.is_cache_name(name) else is_dead)
                for name in names[:_EXAMINED]
            ]
            for name, judge in judged:
                if name in skip:
                    continue
                try:
                    gone += _remove(folder, name, judge, is_sweep=True)
                except OSError:
                    pass  # another process removed it, or it is not of this program
                if time.monotonic() > end:
                    break
    except OSError:
        pass
    return gone


def _find_surplus(folder: Directory, names: list[str], most: int) -> tuple[list[str], int]:
    """Return the oldest of too many files, and their latest mtime in ns.

    Only a part of a large folder is looked at. A file is surplus if at least `most` of that part
    are more recent: then it is none of the `most` recent of the folder either. On a slow disk, a
    part of that part is looked at, and an equal share of it is surplus.
    """
    # Temporary files, whose names start with a dot, are judged apart.
    part = [name for name in names if not name.startswith(".")][: most + MOST_SURPLUS]
    number = len(part)
    if not most or number <= most:
        return [], 0
    end = time.monotonic() + _SWEEP_TIME / 2
    found = []
    for name in part:
        try:
            found.append((folder.stat(name).st_mtime_ns, name))
        except FileNotFoundError:
            number -= 1  # another process removed it
        if time.monotonic() > end:
            break
    share = len(found) * (number - most) // number if number > most else 0
    surplus = sorted(found)[:share]
    return [name for _, name in surplus], max(surplus, default=(0, ""))[0]


def _judge_older(latest: int) -> "Judge":
    return lambda opened: os.fstat(opened).st_mtime_ns <= latest  # or it was written since


def _judge_temporary(name: str, now: int) -> "Judge":
    return lambda opened: temporary.is_abandoned(
        name, (now - os.fstat(opened).st_mtime_ns) / SECOND
    )


def forget(cache: str, host: str, endpoint: str = "", started: int | None = None) -> int:
    """Remove every entry of a registry and of its endpoint; return how many there were.

    cache: its directory. The host's entries refer to more endpoints, if a rule changed.
    started: as in `clear`.

    Raises OSError if one cannot be removed: the first such error, after all others are removed.
    """
    left: list[OSError] = []
    tokens = os.path.join(cache, paths.TOKENS)
    listed = _list_names(tokens)
    names = listed or []
    referring = _read_all(tokens, _find_serving(names, {host}))
    served = {host, endpoint, *(referred(entry).rpartition("~")[0] for _, entry in referring)}
    served.discard("")  # other files have no "~" in their names
    wanted = set(_find_serving(names, served))
    wanted |= _find_copies(tokens, names, wanted)

    def is_wanted(name: str) -> bool:
        return name.rpartition("~")[0] in served or name in wanted

    gone = 0
    for kind in (paths.LOGINS, paths.TOKENS, paths.ELSEWHERE):
        known = wanted if kind == paths.TOKENS and listed is not None else None
        gone += clear(os.path.join(cache, kind), left, is_wanted, started, known)
    unlisted: list[OSError] = []
    clear(os.path.join(cache, paths.REGISTRIES), unlisted, lambda name: name == host, names=[host])
    # In a folder that must not be used, no host is listed.
    left += [exc for exc in unlisted if not isinstance(exc, Refused)]
    if left:
        raise left[0]
    return gone


def _list_names(path: str) -> list[str] | None:
    """Return the names in a folder; None if it cannot be used: `clear` says why."""
    try:
        with open_folder(path) as folder:
            return folder.names()
    except OSError:
        return None


def _find_serving(names: list[str], served: set[str]) -> list[str]:
    """Return the names of the entries of these hosts and endpoints."""
    starts = tuple(f"{each}~" for each in served)  # the quick check, for very many names
    return [n for n in names if n.startswith(starts) and n.rpartition("~")[0] in served]


def _find_copies(tokens: str, names: list[str], own: "Iterable[str]") -> set[str]:
    """Return the names of the entries with the tokens of those of the names `own`.

    Version 0.1.0 stored a copy of a token for each host. It wrote all of them: where none of the
    tokens is from it, no other entry is read.
    """
    entries = (entry for _, entry in _read_all(tokens, own))
    replies = {entry.reply for entry in entries if not entry.origin}
    if not replies:
        return set()
    return {name for name, entry in _read_all(tokens, names) if entry.reply in replies}


def _read_all(tokens: str, names: "Iterable[str]") -> "Iterator[tuple[str, Entry]]":
    """Yield the valid ones of these entries, with their names."""
    for name in names:
        try:
            yield name, read_any(os.path.join(tokens, name))[0]
        except Miss:
            pass


def clear(
    path: str,
    left: list[OSError],
    is_wanted: "Callable[[str], bool]",
    started: int | None = None,
    names: "Iterable[str] | None" = None,
) -> int:
    """Remove the files with a wanted name from a folder; return how many.

    left: gets an error for each that remains, and why. started: when this removal began, in ns
    since the epoch (UTC); a login that was stored since then stays. names: those in the folder, if
    they are known.
    """
    # A deferred refresh changes a token's ctime.
    is_logins = os.path.basename(path) == paths.LOGINS
    since = started if is_logins else None
    gone = 0
    try:
        with open_folder(path) as folder:
            for name in filter(is_wanted, folder.names() if names is None else names):
                try:
                    if name != MARKER:
                        gone += _remove(folder, name, lambda opened: _is_older(since, opened))
                except FileNotFoundError:
                    pass  # another process removed it first
                except OSError as exc:
                    left.append(_named(exc, os.path.join(path, name)))
    except (FileNotFoundError, NotADirectoryError):
        pass  # nothing is stored there
    except PermissionError as exc:
        if _may_hold(path, is_wanted):
            left.append(exc if isinstance(exc, Refused) else _named(exc, path))
    except OSError as exc:
        left.append(_named(exc, path))
    return gone


def _is_older(started: int | None, opened: int) -> bool:
    # A time in the future is one from before the clock was set back.
    return started is None or not started < os.fstat(opened).st_ctime_ns <= time.time_ns()


def _may_hold(path: str, is_wanted: "Callable[[str], bool]") -> bool:
    """Whether a folder that cannot be used may hold a wanted file of this user's, not empty."""
    try:
        wanted = filter(is_wanted, os.listdir(path))
        return any(_is_stored(os.path.join(path, name)) for name in wanted)
    except PermissionError:
        pass
    except OSError:
        return False
    # In what another user has closed, this user stored nothing.
    while True:
        try:
            return sys.platform == "win32" or os.lstat(path).st_uid == os.geteuid()
        except PermissionError:
            path = os.path.dirname(path)
        except OSError:
            return False


def _is_stored(path: str) -> bool:
    seen = os.lstat(path)
    is_empty = stat.S_ISREG(seen.st_mode) and not seen.st_size
    return not is_empty and (sys.platform == "win32" or seen.st_uid == os.geteuid())


def _named(exc: OSError, path: str) -> OSError:
    return OSError(f"{path}: {exc.strerror or exc}")


def _remove(folder: Directory, name: str, judge: "Judge", *, is_sweep: bool = False) -> bool:
    """Remove a file that this program created, if `judge` says so; return whether it counts.

    judge: gets its descriptor. Another process may store a login under its name at any moment. So
    the file that was judged is truncated through its descriptor; empty, it counts as none.
    Raises OSError, also for a file that this program did not create.
    """
    is_login = os.path.basename(folder.path) == paths.LOGINS and not temporary.is_cache_name(name)
    opened = open_ours(folder, name, os.O_RDWR if is_login else os.O_RDONLY)
    try:
        if not judge(opened):
            return False
        seen = os.fstat(opened)
        if is_login:
            os.ftruncate(opened, 0)
    finally:
        os.close(opened)  # on Windows, an open file cannot be removed
    if not is_login:
        folder.unlink(name)
    is_entry = seen.st_size > 0 and (is_sweep or not temporary.is_cache_name(name))
    return is_entry or os.path.basename(folder.path) == paths.REGISTRIES
