"""Backups of a user's file, beside it: the last few, each complete or missing."""

import errno
import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import temporary
from docker_credential_ecrpy.files.user import permissions, target
from docker_credential_ecrpy.files.user.target import Target
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.expression import expression
from docker_credential_ecrpy.text.sanitize import lower_first, one_line

BACKUPS_KEPT = 3
"""How many backups of a file there are at most; a new one replaces the oldest."""

_named = set[str]()  # copies that a message of this process names: they outlive its other backups
_MOST_TRIES = 100  # names for a backup, where other processes take the same ones
_BACKUP = expression(r"\.(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(?:-(\d+))?(\.none)?\.bak", re.ASCII)


class Mark(NamedTuple):
    """A backup's run: its UTC time, as in the file name, and its number within that second."""

    time: str
    number: int


@dataclass(frozen=True)
class Backup:
    """A file's earlier content, at `path`. mark: backups of one run have the same.

    is_none: an empty backup marks a file that the run created, so that undo can empty it.
    """

    path: str
    mark: Mark
    is_none: bool = False


def list_backups(file: str) -> list[Backup]:
    """Return a file's backups, newest first. Raises HelperError for an unreadable directory.

    Only regular files of the user (for root, also of the file's owner) count: others are planted.
    """
    try:
        with Target(file) as at:
            return _list(at)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise _unreadable(os.path.dirname(os.path.abspath(file)), exc) from exc


def read_backup(file: str, backup: Backup) -> bytes | None:
    """Return the content of a file's backup; None where it is no longer there, or not ours.

    Raises HelperError.
    """
    try:
        with Target(file) as at:
            opened = at.open_file(os.path.basename(backup.path))
            try:
                return target.read(opened) if _is_ours(at, os.fstat(opened)) else None
            finally:
                os.close(opened)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        raise _unreadable(backup.path, exc) from exc


def read_backups(file: str) -> list[bytes]:
    """Return the contents of a file's backups, newest first; [] where one is unreadable."""
    try:
        found = [backup for backup in list_backups(file)[:BACKUPS_KEPT] if not backup.is_none]
        return [data for backup in found if (data := read_backup(file, backup)) is not None]
    except HelperError:
        return []


def make_mark(files: Iterable[str]) -> Mark:
    """Return the mark for new backups of these files: it sorts after all that they have.

    That holds even where the clock was set back since the last backup.
    """
    now = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    last = Mark("", 0)
    for file in files:
        with suppress(HelperError):  # of a directory that cannot be read
            last = max((last, *(backup.mark for backup in list_backups(file))))
    return Mark(last.time, last.number + 1) if last.time >= now else Mark(now, 1)


def write_backup(at: Target, data: bytes | None, owner: os.stat_result, mark: Mark) -> str:
    """Write the backup of a file; return its name. data: None for no file. Raises OSError.

    A backup is complete or missing, whenever the program is killed: an undo would restore half.
    """
    beside = temporary.make_name()
    opened = at.create(beside)
    try:
        permissions.give(opened, owner)
        target.write(opened, data or b"")
        return name_backup(at, beside, mark, is_none=data is None)
    finally:
        os.close(opened)
        at.remove(beside)


def name_backup(at: Target, whole: str, mark: Mark, *, is_none: bool = False) -> str:
    """Give a complete file the name of a backup, which is returned. Raises OSError.

    Its present name is left where the file system has hard links.
    """
    kind = ".none" if is_none else ""
    for number in range(mark.number, mark.number + _MOST_TRIES):
        name = f"{at.name}.{mark.time}{f'-{number}' if number > 1 else ''}{kind}.bak"
        try:
            at.link(whole, name)
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links, such as FAT: another process may win
            if at.exists(name):
                continue
            at.rename(whole, name)
        return name
    raise OSError(errno.EEXIST, "other programs are writing backups of it")


def rescue(at: Target) -> list[str]:
    """Remove the temporary files that killed runs left; return the paths of copies that are kept.

    A killed run may have left another program's write under a temporary name: it becomes a backup,
    unless the file or one of its backups has the same content.
    """
    kept = []
    for name in at.list_abandoned():
        with suppress(OSError):  # what cannot be removed now may be removed later
            if temporary.is_held(name) and not _is_known(at, name):
                kept.append(name_copy(at, name))
            at.remove(name)
    return kept


def _is_known(at: Target, name: str) -> bool:
    """Whether a file is empty, or its content is that of the file or of a backup."""
    data = _read(at, name)
    others = (at.name, *(os.path.basename(backup.path) for backup in _list(at)))
    return not data or any(_read(at, other) == data for other in others)


def _read(at: Target, name: str) -> bytes | None:
    """Return the content of a file; None where it is gone. Raises OSError."""
    try:
        opened = at.open_file(name)
    except FileNotFoundError:
        return None
    try:
        return target.read(opened)
    finally:
        os.close(opened)


def name_copy(at: Target, whole: str) -> str:
    """Make another program's write a backup, for its owner alone; return the path, for a message.

    It is not removed while this process runs. Raises OSError.
    """
    with suppress(OSError):  # another user's file, or no regular one: it keeps its mode
        opened = at.open_file(whole)
        try:
            permissions.make_private(opened)
        finally:
            os.close(opened)
    return keep(at, name_backup(at, whole, make_mark([at.path])))


def keep(at: Target, name: str) -> str:
    """Return a backup's path, for a message; the backup stays while this process runs."""
    path = at.beside(name)
    _named.add(path)
    return path


def remove_backups(at: Target, mark: Mark | None = None) -> None:
    """Remove the backups of a run, or without a mark, all but the newest `BACKUPS_KEPT`.

    A copy that a message of this process names stays. The file is written by now: a backup that
    cannot be removed is harmless.
    """
    with suppress(OSError):
        found = _list(at)
        for each in found[BACKUPS_KEPT:] if mark is None else found:
            if mark in (None, each.mark) and each.path not in _named:
                with suppress(OSError):
                    at.remove(os.path.basename(each.path))


def _list(at: Target) -> list[Backup]:
    found: list[Backup] = []
    for name in at.list_names():
        match = _BACKUP.fullmatch(name.removeprefix(at.name))
        if match and name.startswith(at.name):
            with suppress(FileNotFoundError):  # another process has removed it
                if _is_ours(at, at.stat(name)):
                    mark = Mark(match[1], int(match[2] or 1))
                    found.append(Backup(at.beside(name), mark, bool(match[3])))
    return sorted(found, key=lambda backup: backup.mark, reverse=True)


def _is_ours(at: Target, seen: os.stat_result) -> bool:
    """Whether a file can be a backup of ours: a regular file of the user, without a second link."""
    return seen.st_nlink <= 1 and at.is_ours(seen)


def _unreadable(path: str, exc: OSError) -> HelperError:
    text = f"{one_line(path)} cannot be read: {one_line(lower_first(exc.strerror or str(exc)))}"
    return HelperError(text, hint=getattr(exc, "hint", "check its owner and mode"))
