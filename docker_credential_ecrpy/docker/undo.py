"""`configure --undo`: plans to restore the backups of the last change.

An undo makes backups, too: the next undo restores what this one replaced. A file that the last
change created is emptied, not removed: it may have content that the user added since.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.docker.discover import list_files, settings_path
from docker_credential_ecrpy.docker.message import Message, MessageId
from docker_credential_ecrpy.docker.plan import Plan
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import (
    Backup,
    Mark,
    Rewrite,
    list_backups,
    read_user_file,
)
from docker_credential_ecrpy.text.sanitize import one_line

_EMPTY_JSON = b"{}\n"


@dataclass(frozen=True)
class RestorableFile:
    """A file that `configure` edits: its present content, and its newest backup, if any.

    content: what the backup restores.
    """

    file: str
    present: bytes | None
    backup: Backup | None
    content: bytes
    is_json: bool


def read_restorable(environ: Mapping[str, str], *, podman: bool) -> list[RestorableFile]:
    """Return Docker's or podman's files and config.toml.

    Raises HelperError for unreadable ones, and where the last change was of the other client's.
    """
    settings = settings_path(environ)
    files = [(file, True) for file in reversed(list_files(environ, podman=podman))]
    _check_client(environ, settings, podman=podman)
    found = []
    for file, is_json in [*files, *([(settings, False)] if settings else [])]:
        backup = next(iter(list_backups(file)), None)
        content = read_user_file(backup.path) if backup else None
        present = read_user_file(file)
        if backup and backup.is_none:
            content = _EMPTY_JSON if is_json and present else b""
        elif content is None:
            backup = None  # another program has removed it
        found.append(RestorableFile(file, present, backup, content or b"", is_json))
    return found


def plan_undo(files: Sequence[RestorableFile]) -> Plan:
    """Return the plan to restore the files that the last change replaced together.

    Raises HelperError where no file has a backup.
    """
    marks = [at.backup.mark for at in files if at.backup]
    if not marks:
        names = " and ".join(one_line(at.file) for at in files)
        msg = f"there is no backup of {names}"
        raise HelperError(msg, hint=f"to remove all registries, run: {PACKAGE} configure --remove")
    last = [at for at in files if at.backup and at.backup.mark == max(marks)]
    rewrites = tuple(Rewrite(at.file, at.present, at.content, at.is_json) for at in last)
    notes = [
        _describe(at.file, at.backup)
        for at, rewrite in zip(last, rewrites, strict=True)
        if at.backup and rewrite.is_needed
    ]
    return Plan(rewrites, tuple(notes), ())


def _describe(file: str, backup: Backup) -> Message:
    name = one_line(file)
    if backup.is_none:
        text = f"{name} is emptied: the last change created it"
        return Message(MessageId.FILE_EMPTIED, text)
    return Message(MessageId.FILE_RESTORED, f"{name} is restored from {one_line(backup.path)}")


def _check_client(environ: Mapping[str, str], settings: str, *, podman: bool) -> None:
    """Raise HelperError where the last change was of the other client's files.

    config.toml belongs to both: an undo of one client's files would restore it alone.
    """
    ours = list_files(environ, podman=podman)
    same = set(map(os.path.realpath, ours))
    theirs = [
        file
        for file in list_files(environ, podman=not podman)
        if os.path.realpath(file) not in same
    ]
    mine, other, shared = map(_find_last_mark, (ours, theirs, [settings] if settings else []))
    if other and other != mine and all(other >= mark for mark in (mine, shared) if mark):
        msg = f"the last change was of {'docker' if podman else 'podman'}'s files"
        raise HelperError(msg, hint="leave --podman out" if podman else "add --podman")


def _find_last_mark(files: Sequence[str]) -> Mark | None:
    """Return the mark of the newest backup of some files; None for no backup."""
    return max((at.mark for file in files for at in list_backups(file)[:1]), default=None)
