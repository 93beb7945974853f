"""Puts a new file in the place of a user's file, so that no other program's write is lost.

The names of the two files are swapped, and what was swapped out is compared with what was read:
another program's write gets its place back. Where names cannot be swapped (NFS, Windows), the file
is compared just before it is replaced, and again afterwards under a second name.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from docker_credential_ecrpy.files import temporary
from docker_credential_ecrpy.files.user import exchange, permissions, target
from docker_credential_ecrpy.files.user.backup import keep, make_mark, name_copy, write_backup
from docker_credential_ecrpy.files.user.permissions import Permissions, Refused
from docker_credential_ecrpy.files.user.target import Target
from docker_credential_ecrpy.hot.values import dataclass


class Changed(OSError):
    """Another program changed the file. copy: a backup of that change, or ""."""

    def __init__(self, copy: str = "") -> None:
        too = f", and {copy} has that change, too" if copy else ""
        super().__init__(errno.EAGAIN, f"another program changed it{too}")
        self.copy = copy


@dataclass(frozen=True)
class Present:
    """The file as it is before it is replaced.

    opened: its descriptor; on Windows closed, since an open file cannot be replaced there.
    """

    opened: int
    seen: os.stat_result
    data: bytes
    permissions: Permissions

    def is_at(self, at: Target, name: str) -> bool:
        """Whether a name is that of a file with the same content and permissions.

        Its inode is another one after a write where an overlay joins several file systems. Raises
        OSError.
        """
        try:
            opened = at.open_file(name)
        except OSError:
            return False  # it is gone, or another kind of file
        try:
            return permissions.read(opened) == self.permissions and target.read(opened) == self.data
        finally:
            os.close(opened)

    def check(self, at: Target, name: str) -> None:
        """Raise OSError unless a name is that of such a file."""
        if not self.is_at(at, name):
            raise Changed


@contextmanager
def look(at: Target) -> Iterator[Present | None]:
    """Open the file as it is now; None for no file. Raises OSError.

    Refuses a file with a second hard link, which would keep the previous content.
    """
    try:
        opened = at.open_file(at.name)
    except FileNotFoundError:
        yield None
        return
    try:
        seen, data = os.fstat(opened), target.read(opened)
        if seen.st_nlink > 1:
            what = f"it has {seen.st_nlink} hard links, and the others would keep the old content"
            raise Refused(what, "make them symlinks to it, or edit it by hand; it is unchanged")
        kept = permissions.read(opened)
        if sys.platform == "win32":
            os.close(opened)
            opened = -1
        yield Present(opened, seen, data, kept)
    finally:
        if opened >= 0:
            os.close(opened)


@contextmanager
def open_present(at: Target, before: bytes | None) -> Iterator[Present | None]:
    """Open the file, which must be as it was read; None for no file. Raises OSError."""
    with look(at) as present:
        if (present.data if present else None) != before:
            raise Changed
        yield present


def is_in_place(at: Target, present: Present | None) -> bool:
    """Whether the file, or none, is in its place. Raises OSError."""
    return at.is_same(at.name, present.seen) if present else not at.exists(at.name)


def directory_of(at: Target) -> os.stat_result:
    """Return the status of the file's directory. Raises OSError."""
    return os.stat(at.directory if at.opened is None else at.opened)


@contextmanager
def write_beside(
    at: Target, data: bytes, present: Present | None
) -> Iterator[tuple[str, os.stat_result]]:
    """Write a new file beside `present`, with its permissions; it is gone afterwards unless moved.

    Yields its name and status. Raises OSError.
    """
    name = temporary.make_name()
    opened = at.create(name)
    try:
        own = os.fstat(opened)
        try:
            if present is None:
                permissions.give(opened, directory_of(at))
            else:
                permissions.keep(opened, present.permissions, present.opened)
            target.write(opened, data)
        finally:
            os.close(opened)
        whole = temporary.make_name(held=True)  # from here on, it may be swapped
        at.rename(name, whole)
        name = whole
        yield name, own
    finally:
        if at.is_same(name, own):
            at.remove(name)


def put(at: Target, present: Present | None, data: bytes, backup: str = "") -> None:
    """Write a file beside and let it take the place of `present`. Raises OSError.

    backup: the name of the backup, for which the replaced file itself is then used: a program that
    still has it open writes there.
    """
    with write_beside(at, data, present) as (name, own):
        if present is None:
            if not _take_name(at, name):
                raise Changed
            return
        old = name if _swap(at, present, name, own) else _replace(at, present, name, own)
        if old and backup and present.opened >= 0 and at.is_same(old, present.seen):
            with suppress(OSError):  # the backup has the same content already
                permissions.make_private(present.opened)
                at.rename(old, backup)
                return
        if old:
            with suppress(OSError):  # a later run removes it
                at.remove(old)


def _swap(at: Target, present: Present, name: str, own: os.stat_result) -> bool:
    """Swap the new file and the present one, and back if another program was faster.

    Returns whether they are swapped; if not, the system cannot do that. Raises OSError.
    """
    if at.opened is None:
        return False
    try:
        present.check(at, at.name)
        if not exchange.swap(at.opened, name, at.name):
            return False
        present.check(at, name)
        return True
    except BaseException as exc:
        if not at.is_same(name, own):
            _give_back(at, name, own, exc)
        raise


def _give_back(at: Target, old: str, own: os.stat_result, exc: BaseException) -> None:
    """Give a file its place again, which our new file took. Raises OSError.

    Another program's write becomes a backup, too: for a moment our file was there, and a program
    that read it then writes without that change.
    """
    opened = -1
    if isinstance(exc, OSError):
        with suppress(OSError):  # a symlink or a directory has no content to lose
            opened = at.open_file(old)
    try:
        _return(at, old, own)
        if opened >= 0:
            mark = make_mark([at.path])
            raise Changed(keep(at, write_backup(at, target.read(opened), own, mark))) from exc
    finally:
        if opened >= 0:
            os.close(opened)


def _return(at: Target, old: str, own: os.stat_result) -> None:
    """Give a file its place again; if yet another program wrote there, keep both writes."""
    if at.opened is not None and exchange.swap(at.opened, old, at.name):
        if at.is_same(old, own):
            at.remove(old)
            return
    elif at.is_same(at.name, own):
        at.rename(old, at.name)
        return
    elif _take_name(at, old):
        return
    _keep_both(at, old)


def _keep_both(at: Target, old: str) -> NoReturn:
    """Make a file, whose place another program took, a backup; raise OSError, which names it."""
    copy = name_copy(at, old)
    at.remove(old)
    what = f"other programs changed it twice, and {copy} is one of the two"
    raise OSError(errno.EAGAIN, what)


def _replace(at: Target, present: Present, name: str, own: os.stat_result) -> str:
    """Replace the file where names cannot be swapped; return a name of the replaced one, or "".

    The file keeps a second name until then, by which a late write to it is found. Raises OSError.
    """
    held = temporary.make_name(held=True)
    try:
        at.link(at.name, held)
    except FileNotFoundError:
        raise Changed from None
    except OSError:  # no hard links, as on a FAT
        held = ""
    placed = False
    try:
        present.check(at, at.name)
        at.rename(name, at.name)
        placed = True
        if held:
            present.check(at, held)
        return held
    except BaseException as exc:
        if held and not placed:
            at.remove(held)
        elif held:
            _give_back(at, held, own, exc)
        raise


def _take_name(at: Target, name: str) -> bool:
    """Give a new file its name, unless another program has made one; return whether it has it."""
    if at.opened is not None and exchange.take_name(at.opened, name, at.name):
        return True
    try:
        at.link(name, at.name)
    except FileExistsError:
        return False
    except OSError:  # no hard links, as on a FAT
        if at.exists(at.name):
            return False
        at.rename(name, at.name)
    else:
        at.remove(name)
    return True


def remove(at: Target, present: Present) -> None:
    """Remove a file that is as it was seen; if it is not, it stays. Raises OSError."""
    held = temporary.make_name(held=True)
    at.rename(at.name, held)
    if present.is_at(at, held):
        at.remove(held)
        return
    _return(at, held, present.seen)
    raise Changed
