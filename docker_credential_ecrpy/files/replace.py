"""Replaces a user's file atomically, with a backup beside it; no other program's write is lost."""

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from docker_credential_ecrpy.errors import FileChanged, HelperError
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.files.user import permissions, replacement, target
from docker_credential_ecrpy.files.user.backup import (
    Mark,
    make_mark,
    remove_backups,
    rescue,
    write_backup,
)
from docker_credential_ecrpy.files.user.permissions import Refused
from docker_credential_ecrpy.files.user.target import Target
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.sanitize import lower_first, one_line

_SETTLING = 0.5  # seconds; a program that writes in place empties the file first
_RECENT = 2.0  # seconds, between the clock of a file system and ours
_PAUSE = 0.02  # seconds


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
    """Return the content of a file, None where there is none. Raises HelperError.

    An empty file that was changed just now is read again: its writer may not be done.
    """
    try:
        end = time.monotonic() + _SETTLING
        while True:
            data = bounded.read(file, target.MAX_SIZE)
            is_old = data or abs(time.time() - os.stat(file).st_mtime) > _RECENT
            if is_old or time.monotonic() > end:
                return data
            time.sleep(_PAUSE)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise _error(file, "read", exc) from exc


def check_replaceable(rewrite: Rewrite) -> list[str]:
    """Raise HelperError for a file that cannot be replaced, before anything is written.

    An empty file beside it gets its permissions, and is removed. Returns the paths of backups of
    what a killed run left under temporary names, where that may be another program's write.
    """
    with _errors(rewrite.file, "written"):
        path = target.real_path(rewrite.file)
        directory = os.path.dirname(path)
        while directory and not os.path.lexists(directory):
            directory = os.path.dirname(directory)
        if not os.path.isdir(directory):
            raise OSError(errno.ENOTDIR, f"{directory} is not a directory")
        permissions.check_writable(directory, f"the directory {directory}")
        if rewrite.before is not None:
            permissions.check_writable(path, "it")
        try:
            at = Target(rewrite.file)
        except FileNotFoundError:
            return []  # its directory is created with it
        with at:
            permissions.check_flags(at.opened, f"the directory {at.directory}")
            kept = rescue(at)
            before = replacement.open_present(at, rewrite.before)
            with before as present, replacement.write_beside(at, b"", present):
                permissions.check_flags(present.opened if present else None, "it")
            return kept


def replace_file(rewrite: Rewrite, mark: Mark | None = None) -> str:
    """Replace a file atomically; return the path of its backup, or "" where there was no file.

    mark: of the backup, where files are replaced together. A symlink stays, and its target keeps
    owner, mode, ACL and attributes; new files have mode 0600. Backups older than the last
    `BACKUPS_KEPT` are removed. Raises HelperError, and then the file is as it was, or as another
    program has just written it.
    """
    with _errors(rewrite.file, "written"), _open(rewrite.file) as at:
        rescue(at)
        with replacement.open_present(at, rewrite.before) as present:
            mark = mark or make_mark([at.path])
            owner = present.seen if present else replacement.directory_of(at)
            backup = write_backup(at, rewrite.before, owner, mark)
            try:
                replacement.put(at, present, rewrite.after, backup)
            except BaseException as exc:
                # A signal may come when the file is replaced already: its backup stays then.
                if isinstance(exc, OSError) or replacement.is_in_place(at, present):
                    with suppress(OSError):
                        at.remove(backup)
                raise
        remove_backups(at)
        at.sync()
        return at.beside(backup) if present else ""


def take_back(rewrite: Rewrite, mark: Mark) -> None:
    """Restore the file that `replace_file` has just replaced, and remove its backup.

    mark: of that backup. Raises HelperError, also for a file that was edited since; that stays.
    """
    with _errors(rewrite.file, "restored"), _open(rewrite.file) as at:
        with replacement.open_present(at, rewrite.after) as present:
            if present and rewrite.before is None:
                replacement.remove(at, present)
            else:
                replacement.put(at, present, rewrite.before or b"")
        remove_backups(at, mark)
        at.sync()


def write_shared(path: str, data: bytes) -> None:
    """Write a file that another program of the user writes whole, too: the last write counts.

    It keeps owner, mode, ACL and attributes; a new one has mode 0600, and belongs to the owner of
    the directory, which is created. Raises OSError, and then the previous content stays.
    """
    with _open(path) as at:
        at.sweep()
        with (
            replacement.look(at) as present,
            replacement.write_beside(at, data, present) as (name, _),
        ):
            at.rename(name, at.name)
        at.sync()


@contextmanager
def _errors(file: str, what: str) -> Iterator[None]:
    """Raise HelperError for an OSError; FileChanged for a write of another program."""
    try:
        yield
    except (OSError, ValueError) as exc:
        raise _error(file, what, exc) from exc


@contextmanager
def _open(file: str) -> Iterator[Target]:
    """Open the directory of a file, which is created if it is missing. Raises OSError."""
    with Target(file, create=True) as at:
        yield at


def _error(file: str, what: str, exc: OSError | ValueError) -> HelperError:
    reason = getattr(exc, "strerror", None) or str(exc)
    hint = "check its owner and mode" if what == "read" else "the file is unchanged"
    number = getattr(exc, "errno", None)
    if isinstance(exc, Refused):
        hint = exc.hint
    elif what == "restored":
        newest = "second newest" if getattr(exc, "copy", "") else "newest"
        hint = f"its previous content is in the {newest} backup beside it"
    elif what == "read" and number in (errno.EINVAL, errno.EISDIR):
        hint = "move it elsewhere"
    elif what == "read" and number == errno.EFBIG:
        hint = "remove entries that nobody needs, or move it elsewhere"
    elif number == errno.EAGAIN:
        hint = "that change is kept: run this again"
    elif number == errno.ELOOP:
        hint = "a symlink on its path leads to itself: replace it"
    elif number in (errno.ENOSPC, errno.EDQUOT) and what == "written":
        hint = "free some space there; the file is unchanged"
    elif number == errno.EBUSY:
        hint = "it is a bind mount: edit the file that is mounted there"
    elif what == "written" and number in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "make it writable; the file is unchanged"
    text = f"{one_line(file)} cannot be {what}: {one_line(lower_first(reason))}"
    hint, command = _take_back(file, number, what) or (hint, "")
    kind = FileChanged if what == "written" and number == errno.EAGAIN else HelperError
    return kind(text, hint=hint, command=command)


def _take_back(file: str, number: int | None, what: str) -> tuple[str, str] | None:
    """Return how the user gets back a file in their own directory, in words and as a command."""
    is_denied = number == errno.EACCES and what != "restored"
    whose, command = permissions.take_back(file) if is_denied else ("", "")
    return (f"{whose}, as after sudo: {command}", command) if whose else None
