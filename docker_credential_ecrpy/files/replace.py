"""Replaces a user's file atomically, with a backup beside it."""

import errno
import os
import re
import stat
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded, private
from docker_credential_ecrpy.text.sanitize import lower_first, one_line

BACKUPS_KEPT = 3
"""How many backups of a file there are at most; a new one replaces the oldest."""

_MAX_SIZE = 64 * 1024 * 1024  # bytes; a larger file is no config.json
_MOST_TRIES = 100  # names for a backup, where other processes take the same ones
_BACKUP = re.compile(r"\.(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(?:-(\d+))?(\.none)?\.bak", re.ASCII)


@dataclass(frozen=True)
class Rewrite:
    """A file (of JSON, or else TOML), its content (None for no file), and its new content."""

    file: str
    before: bytes | None
    after: bytes
    is_json: bool = True

    @property
    def is_needed(self) -> bool:
        """Whether anything changes."""
        return (self.before or b"") != self.after


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


def read_user_file(file: str) -> bytes | None:
    """Return the content of a file, None where there is none. Raises HelperError."""
    try:
        return bounded.read(file, _MAX_SIZE)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise _error(file, "read", exc) from exc


def list_backups(file: str) -> list[Backup]:
    """Return a file's backups, newest first. Raises HelperError for an unreadable directory.

    Only regular files of the user (for root, also of the file's owner) count: others are planted.
    """
    target = os.path.realpath(file)
    directory, name = os.path.split(target)
    owners = _list_owners(target)
    found: list[Backup] = []
    try:
        for entry in os.listdir(directory):
            match = _BACKUP.fullmatch(entry.removeprefix(name))
            if match and entry.startswith(name):
                path = os.path.join(directory, entry)
                if _is_ours(path, owners):
                    mark = Mark(match[1], int(match[2] or 1))
                    found.append(Backup(path, mark, bool(match[3])))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise _error(directory, "read", exc) from exc
    return sorted(found, key=lambda backup: backup.mark, reverse=True)


def _is_ours(path: str, owners: set[int]) -> bool:
    """Whether a file can be a backup of ours. Raises OSError, but not for a missing file."""
    try:
        seen = os.lstat(path)
    except FileNotFoundError:
        return False  # another process has removed it
    alone = stat.S_ISREG(seen.st_mode) and seen.st_nlink <= 1
    return alone and (sys.platform == "win32" or seen.st_uid in owners)


def _list_readable(file: str) -> list[Backup]:
    """Return a file's backups, newest first; [] where its directory is unreadable."""
    try:
        return list_backups(file)
    except HelperError:
        return []


def read_backups(file: str) -> list[bytes]:
    """Return the contents of a file's backups, newest first; [] where one is unreadable."""
    try:
        found = list_backups(file)[:BACKUPS_KEPT]
        paths = [backup.path for backup in found if not backup.is_none]
        return [data for path in paths if (data := read_user_file(path)) is not None]
    except HelperError:
        return []


def make_mark(files: Iterable[str]) -> Mark:
    """Return the mark for new backups of these files: it sorts after all that they have.

    That holds even where the clock was set back since the last backup.
    """
    now = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    last = max((at.mark for file in files for at in _list_readable(file)), default=Mark("", 0))
    return Mark(last.time, last.number + 1) if last.time >= now else Mark(now, 1)


def check_replaceable(rewrite: Rewrite) -> None:
    """Raise HelperError for a file that cannot be replaced, before anything is written."""
    target = os.path.realpath(rewrite.file)
    directory = os.path.dirname(target)
    while directory and not os.path.lexists(directory):
        directory = os.path.dirname(directory)
    if rewrite.before is not None and not os.access(target, os.W_OK):
        problem = OSError(errno.EACCES, "it is read-only")
    elif not os.path.isdir(directory):
        problem = OSError(errno.ENOTDIR, f"{directory} is not a directory")
    elif not os.access(directory, os.W_OK):
        problem = OSError(errno.EACCES, f"the directory {directory} is read-only")
    else:
        return
    raise _error(rewrite.file, "written", problem)


def replace_file(rewrite: Rewrite, mark: Mark | None = None) -> str:
    """Replace a file atomically; return the path of its backup, or "" where there was no file.

    mark: of the backup, where files are replaced together. A symlink stays, and its target keeps
    mode and owner; new files have mode 0600. Backups older than the last `BACKUPS_KEPT` are
    removed. Raises HelperError, and then the file is unchanged.
    """
    target = os.path.realpath(rewrite.file)
    directory = os.path.dirname(target)
    beside = backup = ""
    try:
        if not os.path.isdir(directory):
            private.make_directory(directory)
        _check_unchanged(target, rewrite.before)
        is_new = rewrite.before is None
        model = directory if is_new else target
        opened, beside = tempfile.mkstemp(prefix=private.TEMPORARY, dir=directory)
        _write(opened, rewrite.before or b"", model, is_new=True)
        backup = _link_backup(beside, target, mark or make_mark([target]), is_none=is_new)
        private.remove(beside)
        opened, beside = tempfile.mkstemp(prefix=private.TEMPORARY, dir=directory)
        _write(opened, rewrite.after, model, is_new=is_new)
        _check_unchanged(target, rewrite.before)
        os.replace(beside, target)
    except BaseException as exc:
        for path in filter(None, (beside, backup)):
            with suppress(OSError):
                private.remove(path)
        if isinstance(exc, OSError):
            raise _error(rewrite.file, "written", exc) from exc
        raise
    _remove_old_backups(target)
    return "" if is_new else backup


def take_back(rewrite: Rewrite, mark: Mark) -> None:
    """Restore the file that `replace_file` has just replaced, and remove its backup.

    mark: of that backup. Raises HelperError, also for a file that was edited since; that stays.
    """
    target = os.path.realpath(rewrite.file)
    beside = ""
    try:
        _check_unchanged(target, rewrite.after)
        if rewrite.before is None:
            private.remove(target)
        else:
            opened, beside = tempfile.mkstemp(prefix=private.TEMPORARY, dir=os.path.dirname(target))
            _write(opened, rewrite.before, target, is_new=False)
            os.replace(beside, target)
            beside = ""
        for backup in _list_readable(target):
            if backup.mark == mark:
                private.remove(backup.path)
    except OSError as exc:
        raise _error(rewrite.file, "restored", exc) from exc
    finally:
        if beside:
            private.remove(beside)


def _remove_old_backups(target: str) -> None:
    for backup in _list_readable(target)[BACKUPS_KEPT:]:
        with suppress(OSError):  # the file is replaced; one extra backup is harmless
            private.remove(backup.path)


def _list_owners(target: str) -> set[int]:
    """Return the owners of our backups: the user and, for root, the file's owner."""
    if sys.platform == "win32":
        return set()
    owners = {os.geteuid()}
    if 0 in owners:
        with suppress(OSError):  # the file may be missing
            owners.add(os.stat(target).st_uid)
    return owners


def _check_unchanged(target: str, before: bytes | None) -> None:
    if read_user_file(target) != before:
        raise OSError(errno.EAGAIN, "another program changed it")


def _link_backup(whole: str, target: str, mark: Mark, *, is_none: bool) -> str:
    """Give a complete file the name of a backup; return its path. Raises OSError.

    A backup is complete or missing, whenever the program is killed: an undo would restore half.
    """
    kind = ".none" if is_none else ""
    for number in range(mark.number, mark.number + _MOST_TRIES):
        path = f"{target}.{mark.time}{f'-{number}' if number > 1 else ''}{kind}.bak"
        try:
            os.link(whole, path)
        except FileExistsError:
            continue
        except OSError:  # a file system without hard links, such as FAT: another process may win
            if os.path.lexists(path):
                continue
            os.rename(whole, path)
        return path
    raise OSError(errno.EEXIST, "other programs are writing backups of it")


def _write(opened: int, data: bytes, model: str, *, is_new: bool) -> None:
    """Write a file with the owner of `model`, a file or directory, and unless new, its mode."""
    with os.fdopen(opened, "wb") as stream:
        stream.write(data)
        stream.flush()
        if sys.platform != "win32":
            seen = os.stat(model)
            if os.geteuid() == 0 != seen.st_uid or not is_new:
                try:
                    os.fchown(opened, seen.st_uid, seen.st_gid)
                except PermissionError:
                    pass  # only root may change the owner
            if not is_new:
                os.fchmod(opened, stat.S_IMODE(seen.st_mode))
        os.fsync(opened)


def _error(file: str, what: str, exc: OSError | ValueError) -> HelperError:
    reason = getattr(exc, "strerror", None) or str(exc)
    hint = "check its owner and mode" if what == "read" else "the file is unchanged"
    number = getattr(exc, "errno", None)
    if what == "restored":
        hint = "its previous content is in the newest backup beside it"
    elif what == "read" and number in (errno.EINVAL, errno.EISDIR):
        hint = "move it elsewhere"
    elif number == errno.EAGAIN:
        hint = "that change is kept: run this again"
    elif number == errno.EBUSY:
        hint = "it is a bind mount: edit the file that is mounted there"
    elif what == "written" and number in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "make it writable; the file is unchanged"
    text = f"{one_line(file)} cannot be {what}: {one_line(lower_first(reason))}"
    return HelperError(text, hint=hint)
