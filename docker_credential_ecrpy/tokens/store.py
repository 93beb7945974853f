"""Cache entries on disk: written, swept when dead, and removed.

A file is removed only if this program created it (`folder.open_ours`). A suspended process may go
on at any time, so none of them removes a login that was stored in the meantime.
"""

import os
import sys
import time
from collections.abc import Callable, Container, Iterator

from docker_credential_ecrpy.files import temporary
from docker_credential_ecrpy.files.directory import Directory, Refused
from docker_credential_ecrpy.hot import paths
from docker_credential_ecrpy.hot.cache import SECOND, Entry, Miss, packed, parse, read_any, referred
from docker_credential_ecrpy.tokens.folder import MARKER, open_folder, open_ours

_DEAD_AFTER = 24 * 3600  # seconds; a damaged file older than this is dead, not work in progress
_SWEEP_LIMIT = 500  # files examined by one write, so that old ones never make it slow
_MAX_ENTRY = 256 * 1024  # bytes


def write(path: str, subject: str, entry: Entry) -> None:
    """Store `entry` for `subject` at `path` with an atomic replace.

    Raises OSError, also if the cache must not be used; then nothing is left behind.
    """
    with open_folder(os.path.dirname(path), create=True) as folder:
        folder.write_whole(os.path.basename(path), packed(subject, entry))


def defer(path: str, until: int) -> None:
    """Defer the refresh of the token at `path` until then, in ns since the epoch (UTC).

    The file's mtime says so (`hot.cache.DEFERRED`): a write would bring an erased token back.
    Raises OSError.
    """
    name = os.path.basename(path)
    with open_folder(os.path.dirname(path)) as folder:
        opened = open_ours(folder, name)
        try:
            folder.set_time(name, opened, until)
        finally:
            os.close(opened)


def sweep_hosts(path: str, is_old: Callable[[float], bool]) -> None:
    """Remove the hosts from the folder at `path` whose mtime `is_old` says is. Never raises."""
    _sweep(path, lambda _, opened: is_old(os.fstat(opened).st_mtime))


def sweep(path: str, now: int, skip: Container[str] = ()) -> int:
    """Remove dead entries from the folder at `path`; return how many. Never raises.

    Dead are entries past their expiry, damaged ones older than a day, and temporary files of
    processes that have ended. At most `_SWEEP_LIMIT` files are examined, from a position that
    differs from call to call, so that every file is reached. skip: names of live files.
    """
    is_login = os.path.basename(path) == paths.LOGINS

    def is_dead(name: str, opened: int) -> bool:
        seen = os.fstat(opened)
        age = (now - seen.st_mtime_ns) / SECOND
        if temporary.is_name(name):
            return temporary.is_abandoned(name, age)
        try:
            # Use the times as written: corrected times may be older on another machine.
            return now >= parse(os.read(opened, _MAX_ENTRY))[0].expires
        except Miss:
            return age > _DEAD_AFTER and not (is_login and seen.st_size == 0)

    return _sweep(path, is_dead, skip, now // SECOND * 7919)


def remove(path: str) -> bool:
    """Remove the token at `path`; return whether there was one. Raises OSError."""
    try:
        with open_folder(os.path.dirname(path)) as folder:
            return _remove(folder, os.path.basename(path), lambda _name, _opened: True)
    except FileNotFoundError:
        return False


def _sweep(
    path: str, is_dead: Callable[[str, int], bool], skip: Container[str] = (), turn: int = 0
) -> int:
    gone = 0
    try:
        with open_folder(path) as folder:
            names = folder.names()
            start = turn % len(names) if len(names) > _SWEEP_LIMIT else 0
            for name in (names[start:] + names[:start])[:_SWEEP_LIMIT]:
                if name in skip or name == MARKER:
                    continue
                try:
                    gone += _remove(folder, name, is_dead, is_sweep=True)
                except OSError:
                    pass  # another process removed it, or it is not of this program
    except OSError:
        pass
    return gone


def forget(cache: str, host: str, endpoint: str = "", started: int | None = None) -> int:
    """Remove every entry of a registry and of its endpoint; return how many there were.

    cache: its directory. The host's entries refer to more endpoints, if a rule changed.
    started: as in `clear`.

    Raises OSError if one cannot be removed: the first such error, after all others are removed.
    """
    tokens = os.path.join(cache, paths.TOKENS)
    left: list[OSError] = []
    served = {host, endpoint} | _find_endpoints(tokens, host)
    copies = _find_copies(tokens, served)

    def is_wanted(name: str) -> bool:
        return name.rpartition("~")[0] in served or name in copies

    gone = 0
    for kind in (paths.LOGINS, paths.TOKENS, paths.ELSEWHERE):
        gone += clear(os.path.join(cache, kind), left, is_wanted, started)
    clear(os.path.join(cache, paths.REGISTRIES), left, lambda name: name == host)
    if left:
        raise left[0]
    return gone


def _find_endpoints(tokens: str, host: str) -> set[str]:
    """Return the endpoints whose tokens the host's entries refer to."""
    return {
        referred(entry).rpartition("~")[0]
        for name, entry in _read_all(tokens)
        if name.rpartition("~")[0] == host
    }


def _find_copies(tokens: str, served: Container[str]) -> set[str]:
    """Return the names of all entries with the tokens of the names `served`.

    Version 0.1.0 stored a copy of a token for each host.
    """
    entries = list(_read_all(tokens))
    replies = {entry.reply for name, entry in entries if name.rpartition("~")[0] in served}
    return {name for name, entry in entries if entry.reply in replies and not referred(entry)}


def _read_all(tokens: str) -> Iterator[tuple[str, Entry]]:
    try:
        with open_folder(tokens) as folder:
            names = folder.names()
    except OSError:
        return  # `clear` says why
    for name in names:
        try:
            yield name, read_any(os.path.join(tokens, name))[0]
        except Miss:
            pass


def clear(
    path: str, left: list[OSError], is_wanted: Callable[[str], bool], started: int | None = None
) -> int:
    """Remove the files with a wanted name from a folder; return how many.

    left: gets an error for each that remains, and why. started: when this removal began, in ns
    since the epoch (UTC); a login that was stored since then stays.
    """

    def is_old(_name: str, opened: int) -> bool:
        changed = os.fstat(opened).st_ctime_ns
        # A time in the future is one from before the clock was set back.
        return started is None or not started < changed <= time.time_ns()

    gone = 0
    try:
        with open_folder(path) as folder:
            for name in filter(is_wanted, folder.names()):
                try:
                    if name != MARKER:
                        gone += _remove(folder, name, is_old)
                except FileNotFoundError:
                    pass  # another process removed it first
                except OSError as exc:
                    left.append(_named(exc, os.path.join(path, name)))
    except (FileNotFoundError, NotADirectoryError):
        pass  # nothing is stored there
    except Refused as exc:
        left.append(exc)
    except OSError as exc:
        left.append(_named(exc, path))
    return gone


def _named(exc: OSError, path: str) -> OSError:
    return OSError(f"{path}: {exc.strerror or exc}")


def _remove(
    folder: Directory, name: str, judge: Callable[[str, int], bool], *, is_sweep: bool = False
) -> bool:
    """Remove a file that this program created, if `judge` says so; return whether it counts.

    Another process may store a login under its name at any moment. So the file that was judged is
    truncated through its descriptor; a sweep leaves the empty file, which counts as none.
    Raises OSError, also for a file that this program did not create.
    """
    is_login = os.path.basename(folder.path) == paths.LOGINS and not temporary.is_name(name)
    opened = open_ours(folder, name, os.O_RDWR if is_login else os.O_RDONLY)
    try:
        if not judge(name, opened):
            return False
        seen = os.fstat(opened)
        if is_login:
            os.ftruncate(opened, 0)
            if not is_sweep and sys.platform != "win32":
                _remove_emptied(folder, name, seen)
    finally:
        os.close(opened)  # on Windows, an open file cannot be removed
    if not is_login or (sys.platform == "win32" and not is_sweep):
        folder.unlink(name)
    is_entry = seen.st_size > 0 and (is_sweep or not temporary.is_name(name))
    return is_entry or os.path.basename(folder.path) == paths.REGISTRIES


def _remove_emptied(folder: Directory, name: str, emptied: os.stat_result) -> None:
    """Remove the name of an emptied file; another file that has the name by now keeps it."""
    beside = temporary.make_name()
    if not os.path.samestat(folder.stat(name), emptied):
        return
    folder.replace(name, beside)
    if not os.path.samestat(folder.stat(beside), emptied):
        try:
            folder.link(beside, name)
        except FileExistsError:
            pass  # it was replaced once more
    folder.unlink(beside)
