"""Replaces a user's file atomically, with a backup beside it."""

import errno
import os
import re
import stat
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded, private
from docker_credential_ecrpy.text.sanitize import one_line

_MAX_SIZE = 64 * 1024 * 1024  # bytes; a config.json of more is something else
_MOST_BACKUPS = 10  # that are read
_BACKUP = re.compile(r"\.(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(?:-(\d+))?\.bak", re.ASCII)


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


def read_user_file(file: str) -> bytes | None:
    """Return the content of a file, None where there is none. Raises HelperError."""
    try:
        return bounded.read(file, _MAX_SIZE)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise _error(file, "read", exc) from exc


def read_backups(file: str) -> list[bytes]:
    """Return the contents of a file's latest backups, the last one first; [] for none readable."""
    directory, name = os.path.split(os.path.realpath(file))
    found: list[tuple[str, int, str]] = []
    try:
        for entry in os.listdir(directory):
            match = _BACKUP.fullmatch(entry.removeprefix(name))
            if match and entry.startswith(name):
                found.append((match[1], int(match[2] or 1), os.path.join(directory, entry)))
        found = sorted(found, reverse=True)[:_MOST_BACKUPS]
        return [data for *_, path in found if (data := read_user_file(path)) is not None]
    except (OSError, HelperError):
        return []


def check_replaceable(rewrite: Rewrite) -> None:
    """Raise HelperError for a file that surely cannot be replaced."""
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


def replace_file(rewrite: Rewrite) -> str:
    """Replace the file; return the path of the backup, or "" where there was no file.

    A symlink stays, and its target keeps mode and owner; new files have mode 0600. Raises
    HelperError, and then the file is as it was.
    """
    target = os.path.realpath(rewrite.file)
    directory = os.path.dirname(target)
    beside = backup = ""
    try:
        if not os.path.isdir(directory):
            private.make_directory(directory)
        _check_unchanged(target, rewrite.before)
        if rewrite.before is not None:
            opened, backup = _create_backup(target)
            _write(opened, rewrite.before, target, is_new=True)
        opened, beside = tempfile.mkstemp(prefix=private.TEMPORARY, dir=directory)
        _write(opened, rewrite.after, target if backup else directory, is_new=not backup)
        _check_unchanged(target, rewrite.before)
        os.replace(beside, target)
    except BaseException as exc:
        for path in filter(None, (beside, backup)):
            with suppress(OSError):
                private.remove(path)
        if isinstance(exc, OSError):
            raise _error(rewrite.file, "written", exc) from exc
        raise
    return backup


def _check_unchanged(target: str, before: bytes | None) -> None:
    if read_user_file(target) != before:
        raise OSError(errno.EAGAIN, "it was changed meanwhile")


def _create_backup(target: str) -> tuple[int, str]:
    stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    for number in range(1, 100):
        path = f"{target}.{stamp}{f'-{number}' if number > 1 else ''}.bak"
        try:
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), path
        except FileExistsError:
            continue
    raise OSError(errno.EEXIST, "there are backups of it of this very second")


def _write(opened: int, data: bytes, model: str, *, is_new: bool) -> None:
    """Write a file, with the owner of a file or directory, and its mode unless the file is new."""
    with os.fdopen(opened, "wb") as stream:
        stream.write(data)
        stream.flush()
        if sys.platform != "win32":
            seen = os.stat(model)
            if os.geteuid() == 0 != seen.st_uid or not is_new:
                try:
                    os.fchown(opened, seen.st_uid, seen.st_gid)
                except PermissionError:
                    pass  # only root gives files away
            if not is_new:
                os.fchmod(opened, stat.S_IMODE(seen.st_mode))
        os.fsync(opened)


def _error(file: str, what: str, exc: OSError | ValueError) -> HelperError:
    reason = getattr(exc, "strerror", None) or str(exc)
    hint = "check its owner and mode" if what == "read" else "it is as it was"
    number = getattr(exc, "errno", None)
    if what == "read" and number in (errno.EINVAL, errno.EISDIR):
        hint = "move it away"
    elif number == errno.EAGAIN:
        hint = "it was left so: run this again"
    elif number == errno.EBUSY:
        hint = "it is a mount of its own: edit what is mounted there"
    elif what == "written" and number in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "make it yours to write; it is as it was"
    text = f"{one_line(file)} cannot be {what}: {one_line(reason[0].lower() + reason[1:])}"
    return HelperError(text, hint=hint)
