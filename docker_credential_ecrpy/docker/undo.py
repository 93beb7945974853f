"""`configure --undo`: plans to restore the backups of the last change.

An undo makes backups, too: the next undo restores what this one replaced. A file that the last
change created is emptied, not removed: it may have content that the user added since.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from docker_credential_ecrpy.docker.discover import list_files, settings_path
from docker_credential_ecrpy.docker.message import Message, MessageId
from docker_credential_ecrpy.docker.plan import Plan
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import Rewrite, read_user_file
from docker_credential_ecrpy.files.user.backup import Backup, Mark, list_backups, read_backup
from docker_credential_ecrpy.files.user.target import real_path
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.sanitize import one_line

_EMPTY_JSON = b"{}\n"


@dataclass(frozen=True)
class RestorableFile:
    """A file that `configure` edits. has_backups: whether it has any.

    backup: the newest one that differs from the file, or None; rewrite: what restores it. A backup
    that equals its file is of a change that was interrupted, or undone by hand.
    """

    file: str
    has_backups: bool = False
    backup: Backup | None = None
    rewrite: Rewrite | None = None


def read_restorable(environ: Mapping[str, str], *, podman: bool) -> list[RestorableFile]:
    """Return Docker's or podman's files and config.toml.

    Raises HelperError for unreadable ones, and where the last change was of the other client's.
    """
    settings = settings_path(environ)
    files = list_files(environ, podman=podman)
    ours = [_read_file(file, is_json=True) for file in reversed(files)]
    shared = [_read_file(settings, is_json=False)] if settings else []
    same = set(map(_find_real, files))
    theirs = []
    for file in list_files(environ, podman=not podman):
        if _find_real(file) not in same:
            with suppress(HelperError):  # nothing here reads or writes it
                theirs.append(_read_file(file, is_json=True))
    _check_client(ours, theirs, shared, podman=podman)
    return [*ours, *shared]


def _find_real(file: str) -> str:
    """Return a file's path without symlinks, or as it is where that keeps changing."""
    try:
        return real_path(file)
    except OSError:
        return file


def _read_file(file: str, *, is_json: bool) -> RestorableFile:
    """Return a file and what restores it. Raises HelperError where either is unreadable."""
    present = read_user_file(file)
    backups = list_backups(file)
    for backup in backups:
        content = read_backup(file, backup)
        if backup.is_none:
            content = _EMPTY_JSON if is_json and present else b""
        if content is not None:  # unless another program has removed it
            rewrite = Rewrite(file, present, content, is_json)
            if rewrite.is_needed:
                return RestorableFile(file, has_backups=True, backup=backup, rewrite=rewrite)
    return RestorableFile(file, has_backups=bool(backups))


def plan_undo(files: Sequence[RestorableFile]) -> Plan:
    """Return the plan to restore the files that the last change replaced together.

    Raises HelperError where no file has a backup.
    """
    if not any(at.has_backups for at in files):
        names = " and ".join(one_line(at.file) for at in files)
        msg = f"configure changed nothing that can be undone: there is no backup of {names}"
        raise HelperError(msg)
    mark = _find_last_mark(files)
    rewrites, notes = [], []
    for at in files:
        if at.backup and at.rewrite and at.backup.mark == mark:
            rewrites.append(at.rewrite)
            notes.append(_describe(at.file, at.backup))
    return Plan(tuple(rewrites), tuple(notes), ())


def _describe(file: str, backup: Backup) -> Message:
    name = one_line(file)
    if backup.is_none:
        text = f"--undo empties {name}: the last change created it"
        return Message(MessageId.FILE_EMPTIED, text)
    return Message(MessageId.FILE_RESTORED, f"--undo restores {name} from {one_line(backup.path)}")


def _check_client(
    ours: Sequence[RestorableFile],
    theirs: Sequence[RestorableFile],
    shared: Sequence[RestorableFile],
    *,
    podman: bool,
) -> None:
    """Raise HelperError where the last change was of the other client's files.

    config.toml belongs to both: an undo of one client's files would restore it alone.
    """
    mine, other, both = map(_find_last_mark, (ours, theirs, shared))
    if other and other != mine and all(other >= mark for mark in (mine, both) if mark):
        msg = f"the last change was of {'docker' if podman else 'podman'}'s files"
        raise HelperError(msg, hint="leave --podman out" if podman else "add --podman")


def _find_last_mark(files: Sequence[RestorableFile]) -> Mark | None:
    """Return the mark of the newest backup that differs from its file; None for none."""
    return max((at.backup.mark for at in files if at.backup), default=None)
