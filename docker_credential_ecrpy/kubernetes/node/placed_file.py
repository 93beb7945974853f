"""A file of the node that an installation replaces: atomically, and with a way back.

The previous file is kept beside it under another name: the same inode, so that `put_back` restores
its content, mode, owner and attributes exactly.
"""

import errno
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import temporary
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.sanitize import lower_first, one_line

SUFFIX = ".before-ecrpy"
"""The end of a previous file's name; of a directory, the kubelet reads no such file."""
PROGRAM_MODE = 0o755
_CHUNK = 1024 * 1024  # bytes
_NO_FILE = (errno.EINVAL, errno.EISDIR, errno.ENOTDIR)  # the first as of `files.bounded`


@dataclass(frozen=True)
class PlacedFile:
    """A file that is written for a provider. backup: the path of the previous file.

    mark: of its content. has_previous: whether one was there before.
    """

    path: str
    backup: str
    mark: str
    has_previous: bool

    @property
    def lacks_backup(self) -> bool:
        """Whether the previous file is gone. After an interrupted run it is in its place again."""
        return self.has_previous and not os.path.lexists(self.backup)

    @property
    def is_unchanged(self) -> bool:
        """Whether the file is still as it was written."""
        return read_mark(self.path) == self.mark

    def put_back(self) -> None:
        """Restore the previous file, or remove the one written. Raises OSError."""
        if self.has_previous:
            os.replace(self.backup, self.path)
        else:
            with suppress(FileNotFoundError):
                os.unlink(self.path)
        _sync(os.path.dirname(self.path))


def read_mark(path: str) -> str:
    """Return what tells a file's content from another's: SHA-256, or a symlink's text; "" for none.

    Raises OSError where it cannot be read.
    """
    try:
        if os.path.islink(path):
            return f"-> {os.readlink(path)}"
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except FileNotFoundError:
        return ""
    return digest.hexdigest()


def plan_file(path: str, backup: str, mark: str, before: PlacedFile | None) -> PlacedFile:
    """Return what a write will make. before: what was written last. Raises OSError.

    It is recorded before the write, so that a killed run loses no previous file.
    """
    if before and before.is_unchanged:
        return PlacedFile(path, backup, mark, before.has_previous)
    return PlacedFile(path, backup, mark, os.path.lexists(path))


def mark_content(data: bytes) -> str:
    """Return the mark of a file with this content."""
    return hashlib.sha256(data).hexdigest()


def write_content(file: PlacedFile, data: bytes, mode: int, before: PlacedFile | None) -> None:
    """Write a file; one that is there keeps its owner and mode. Raises OSError."""
    path = file.path
    with _name_beside(path) as beside:
        with _create(beside, 0o600) as new:
            new.write(data)
            with suppress(FileNotFoundError):
                seen = os.stat(path)
                mode = stat.S_IMODE(seen.st_mode)
                os.chown(beside, seen.st_uid, seen.st_gid)
            os.chmod(beside, mode)
        _exchange(beside, file, before)


def replace_content(path: str, data: bytes, mode: int) -> None:
    """Write a file of this program's own, without a way back. Raises OSError."""
    with _name_beside(path) as beside:
        with _create(beside, mode) as file:
            file.write(data)
        os.replace(beside, path)


def copy_program(file: PlacedFile, source: str, before: PlacedFile | None) -> None:
    """Copy a program, for all to run. Raises OSError."""
    with _name_beside(file.path) as beside:
        with _create(beside, 0o700) as new, open(source, "rb") as program:
            shutil.copyfileobj(program, new, _CHUNK)
            os.chmod(beside, PROGRAM_MODE)
        _exchange(beside, file, before)


def link_program(file: PlacedFile, target: str, before: PlacedFile | None) -> None:
    """Make a symlink to a program. Raises OSError."""
    with _name_beside(file.path) as beside:
        os.symlink(target, beside)
        _exchange(beside, file, before)


def sweep(directory: str) -> None:
    """Remove what runs that were killed have left in a directory. Raises OSError."""
    with suppress(FileNotFoundError):
        for name in filter(temporary.is_name, os.listdir(directory)):
            path = os.path.join(directory, name)
            with suppress(FileNotFoundError):
                if temporary.is_abandoned(name, time.time() - os.lstat(path).st_mtime):
                    os.unlink(path)


def _exchange(beside: str, file: PlacedFile, before: PlacedFile | None) -> None:
    """Put a new file in the place of another one, which is kept as the previous file.

    One that is as it was written last gives way: the one before it stays the previous file.
    """
    path, backup = file.path, file.backup
    if os.path.lexists(path) and not (before and before.is_unchanged):
        _unlink(backup)
        try:
            os.link(path, backup, follow_symlinks=False)
        except OSError:  # a file system without hard links
            shutil.copy2(path, backup, follow_symlinks=False)
    os.replace(beside, path)
    _sync(os.path.dirname(path))


@contextmanager
def _name_beside(path: str) -> Iterator[str]:
    """Yield a new path in the same directory; what still has it afterwards is removed."""
    beside = os.path.join(os.path.dirname(path), temporary.make_name())
    try:
        yield beside
    finally:
        _unlink(beside)


@contextmanager
def _create(path: str, mode: int) -> Iterator[BinaryIO]:
    """Yield a new file, which is on the disk when it is closed."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _sync(directory: str) -> None:
    """Write a directory's entries to the disk, where the system can."""
    with suppress(OSError):  # a file system or a system without
        opened = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


@contextmanager
def explain_errors(file: str) -> Iterator[None]:
    """Raise HelperError for an OSError about a file."""
    try:
        yield
    except OSError as exc:
        why = lower_first(exc.strerror or str(exc))
        hint = "make it accessible, and run this again"
        if isinstance(exc, PermissionError) and os.name == "posix" and os.geteuid():
            hint = "run this as root, as the kubelet runs"
        if exc.errno in _NO_FILE:
            hint = "name a regular file"
        msg = f"{one_line(file)}: {why}"
        raise HelperError(msg, hint=hint) from exc
