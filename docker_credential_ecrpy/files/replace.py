"""A person's file is replaced: whole or not at all, with what it was kept beside it."""

import errno
import os
import re
import stat
import sys
import tempfile
import time
from dataclasses import dataclass

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded, private
from docker_credential_ecrpy.text.sanitize import one_line

_MAX_SIZE = 64 * 1024 * 1024  # bytes; a config.json of more is something else
_MOST_BACKUPS = 10  # that are looked at
_BACKUP = re.compile(r"\.(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ)(?:-(\d+))?\.bak", re.ASCII)


@dataclass(frozen=True)
class Rewrite:
    """A file, what it holds (None where it is not there), and what it is to hold.

    of_json: whether that is JSON, and not TOML.
    """

    file: str
    before: bytes | None
    after: bytes
    of_json: bool = True

    @property
    def needed(self) -> bool:
        """Whether anything changes."""
        return (self.before or b"") != self.after


def read_user_file(file: str) -> bytes | None:
    """Return what a file holds; None where there is none. Raises HelperError."""
    try:
        return bounded.read(file, _MAX_SIZE)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise _failed(file, "read", exc) from exc


def read_backups(file: str) -> list[bytes]:
    """Return what the latest backups of a file hold, the last one first; [] where none is read."""
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
    """Raise HelperError where it is plain beforehand that the file cannot be replaced."""
    target = os.path.realpath(rewrite.file)
    if rewrite.before is not None and not os.access(target, os.W_OK):
        raise _failed(rewrite.file, "written", OSError(errno.EACCES, "it is read-only"))
    directory = os.path.dirname(target)
    while directory and not os.path.lexists(directory):
        directory = os.path.dirname(directory)
    if not os.path.isdir(directory):
        reason = f"{directory} is not a directory"
        raise _failed(rewrite.file, "written", OSError(errno.ENOTDIR, reason))
    if not os.access(directory, os.W_OK):
        reason = f"the directory {directory} is read-only"
        raise _failed(rewrite.file, "written", OSError(errno.EACCES, reason))


def replace_file(rewrite: Rewrite) -> str:
    """Replace the file; return the path of the backup, or "" where there was nothing to keep.

    A link stays one, and what it leads to keeps its mode and owner; new files are for their
    owner alone. Raises HelperError, and then the file is as it was.
    """
    target = os.path.realpath(rewrite.file)
    directory = os.path.dirname(target)
    beside = backup = ""
    try:
        if not os.path.isdir(directory):
            private.own_directory(directory)
        _check_unchanged(target, rewrite.before)
        if rewrite.before is not None:
            backup = _backup(target, rewrite.before)
        opened, beside = tempfile.mkstemp(prefix=".new-", dir=directory)
        with os.fdopen(opened, "wb") as stream:
            stream.write(rewrite.after)
            stream.flush()
            _make_like(stream.fileno(), target if backup else directory, is_new=not backup)
            os.fsync(stream.fileno())
        _check_unchanged(target, rewrite.before)
        os.replace(beside, target)
    except BaseException as exc:
        for path in (beside, backup):
            _remove(path)
        if isinstance(exc, OSError):
            raise _failed(rewrite.file, "written", exc) from exc
        raise
    return backup


def _check_unchanged(target: str, before: bytes | None) -> None:
    if read_user_file(target) != before:
        raise OSError(errno.EAGAIN, "it was changed meanwhile")


def _backup(target: str, data: bytes) -> str:
    stamp = time.strftime("%Y-%m-%dT%H-%M-%SZ", time.gmtime())
    for number in range(1, 100):
        path = f"{target}.{stamp}{f'-{number}' if number > 1 else ''}.bak"
        try:
            opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        try:
            with os.fdopen(opened, "wb") as stream:
                stream.write(data)
                _make_like(stream.fileno(), target, is_new=True)
        except BaseException:
            _remove(path)
            raise
        return path
    raise OSError(errno.EEXIST, "there are backups of it of this very second")


def _make_like(opened: int, model: str, *, is_new: bool) -> None:
    """Give an open file the owner of another one, or of its directory, and unless new its mode."""
    if sys.platform == "win32":
        return
    seen = os.stat(model)
    if os.geteuid() == 0 != seen.st_uid or not is_new:
        try:
            os.fchown(opened, seen.st_uid, seen.st_gid)
        except PermissionError:
            pass  # only root gives files away
    if not is_new:
        os.fchmod(opened, stat.S_IMODE(seen.st_mode))


def _remove(path: str) -> None:
    try:
        if path:
            os.unlink(path)
    except OSError:
        pass  # the error that led here says more


def _failed(file: str, what: str, exc: OSError | ValueError) -> HelperError:
    reason = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
    hint = "check its owner and mode" if what == "read" else "it is as it was"
    number = exc.errno if isinstance(exc, OSError) else None
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
