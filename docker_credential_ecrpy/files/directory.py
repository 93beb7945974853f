"""An open directory, and the files in it.

A path may lead elsewhere from one moment to the next. So a directory is opened once, and its owner
and mode, and those of its parents, are checked through descriptors; after that, only the names in
it are used. Windows has no such calls: there, each name is joined to the path.
"""

import errno
import os
import stat
import sys

from docker_credential_ecrpy.files import private, temporary
from docker_credential_ecrpy.files.walk import (
    DIRECTORY,
    PATH,
    NotDirectory,
    Refused,
    not_directory,
    open_way,
    shown,
)

__all__ = ["Directory", "NotDirectory", "Refused", "open_own"]

_OTHERS_WRITE = 0o022
_ACL = "system.posix_acl_access"


class Directory:
    """An open directory. Every method raises OSError; a name is never followed if it is a symlink.

    path: what it was opened as, for messages.
    """

    __slots__ = ("_opened", "path")

    def __init__(self, path: str, opened: int | None) -> None:
        self.path = path
        self._opened = opened  # None on Windows

    def __enter__(self) -> "Directory":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the descriptor."""
        if self._opened is not None:
            os.close(self._opened)

    def look(self) -> os.stat_result:
        """Return the directory's own status."""
        return os.stat(self.path if self._opened is None else self._opened)

    def close_to_others(self) -> None:
        """Remove all permissions of group and others."""
        if self._opened is not None:
            os.fchmod(self._opened, 0o700)

    def names(self) -> list[str]:
        """Return the names in it, unsorted."""
        if self._opened is None:
            return os.listdir(self.path)
        listed = self._open_list(self._opened)
        try:
            return os.listdir(listed)
        finally:
            os.close(listed)

    def first_names(self, most: int) -> list[str]:
        """Return at most so many of the names in it, the first in the order of the file system."""
        listed = None if self._opened is None else self._open_list(self._opened)
        try:
            with os.scandir(self.path if listed is None else listed) as found:
                return [file.name for _, file in zip(range(most), found, strict=False)]
        finally:
            if listed is not None:
                os.close(listed)

    @staticmethod
    def _open_list(opened: int) -> int:
        return os.open(".", os.O_RDONLY | DIRECTORY, dir_fd=opened)  # O_PATH lists nothing

    def open(self, name: str, flags: int) -> int:
        """Return the descriptor of a file, which is created with mode 0600; a FIFO never blocks."""
        flags |= private.SAFE_FLAGS | getattr(os, "O_BINARY", 0)
        return os.open(self._at(name), flags, 0o600, dir_fd=self._opened)

    def stat(self, name: str) -> os.stat_result:
        """Return the status of a file, or of a symlink itself."""
        return os.stat(self._at(name), dir_fd=self._opened, follow_symlinks=False)

    def set_time(self, name: str, opened: int, when: int | None = None) -> None:
        """Set the mtime of an opened file, in ns since the epoch (UTC); by default to now."""
        times = None if when is None else (when, when)
        if self._opened is None:
            os.utime(self._at(name), ns=times) if times else os.utime(self._at(name))
        else:
            os.utime(opened, ns=times) if times else os.utime(opened)

    def unlink(self, name: str) -> None:
        """Remove a file."""
        os.unlink(self._at(name), dir_fd=self._opened)

    def replace(self, name: str, new: str) -> None:
        """Rename a file, over another one."""
        fd = self._opened
        os.replace(self._at(name), self._at(new), src_dir_fd=fd, dst_dir_fd=fd)

    def make(self, name: str) -> None:
        """Create a directory in it with mode 0700, if it is missing."""
        try:
            os.mkdir(self._at(name), 0o700, dir_fd=self._opened)
        except FileExistsError:
            pass  # also a file: opening it says so

    def open_directory(self, name: str) -> "Directory":
        """Open a directory in it. Raises Refused for a symlink or another file."""
        path = os.path.join(self.path, name)
        if self._opened is None:
            os.scandir(path).close()
            return Directory(path, None)
        try:
            return Directory(path, os.open(name, os.O_RDONLY | DIRECTORY, dir_fd=self._opened))
        except OSError as exc:
            if exc.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            if not stat.S_ISLNK(self.stat(name).st_mode):
                raise not_directory(path) from exc
            msg = f"{shown(path)} is a symlink, which could lead to other files"
            raise Refused(msg, "make it a directory") from exc

    def write_whole(self, name: str, data: bytes, *, sync: bool = False) -> None:
        """Replace a private file atomically; on an error, the previous content stays.

        sync: before the rename, for a file whose content has no checksum.
        """
        beside = temporary.make_name()
        try:
            opened = self.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                while data:
                    data = data[os.write(opened, data) :]
                if sync:
                    os.fsync(opened)
            finally:
                os.close(opened)
            self.replace(beside, name)
        except BaseException:
            try:
                self.unlink(beside)
            except OSError:
                pass  # the first error says more
            raise

    def _at(self, name: str) -> str:
        return os.path.join(self.path, name) if self._opened is None else name


def open_own(path: str, *, create: bool) -> Directory:
    """Open this user's own directory, which no other user can change or move.

    create: with mode 0700 if it is missing, and so its parents. Symlinks of this user or root are
    followed. Raises Refused, FileNotFoundError and other OSErrors.
    """
    if sys.platform == "win32":
        if create:
            os.makedirs(path, exist_ok=True)
        os.scandir(path).close()
        return Directory(path, None)
    if create:
        try:
            os.lstat(path)
        except FileNotFoundError:
            pass  # any other error, such as of a path too long, must leave no parents behind
    opened, real = open_way(_make_absolute(path), create=create, check=_check_parent)
    try:
        _check(opened, real, {os.geteuid()}, sticky_is_safe=False)
    except BaseException:
        os.close(opened)
        raise
    return Directory(path, opened)


def check_file(path: str) -> None:
    """Raise Refused if another user can change or replace a file, and OSErrors; not on Windows."""
    if sys.platform == "win32":
        return
    opened, real = open_way(os.path.dirname(_make_absolute(path)), check=_check_parent)
    trusted = {0, os.geteuid(), os.stat("/").st_uid}
    try:
        _check(opened, real, trusted, sticky_is_safe=True)
        if not os.path.islink(path):
            file = os.open(os.path.basename(path), PATH | private.SAFE_FLAGS, dir_fd=opened)
            os.close(opened)
            opened = file
            _check(opened, path, trusted, sticky_is_safe=False)
    finally:
        os.close(opened)


def _make_absolute(path: str) -> str:
    if os.path.isabs(path):
        return path
    try:
        return os.path.join(os.getcwd(), path)
    except FileNotFoundError as exc:
        msg = "the current directory is gone"
        raise Refused(msg, "change to another one, or make AWS_ECR_CACHE_DIR absolute") from exc


def _check_parent(opened: int, path: str, trusted: set[int]) -> None:
    _check(opened, path, trusted, sticky_is_safe=True)


def _check(opened: int, path: str, trusted: set[int], *, sticky_is_safe: bool) -> None:
    """Raise Refused for a directory in which other users can create or rename a file.

    sticky_is_safe: whether only their own renames count, as in a parent.
    """
    seen = os.fstat(opened)
    if seen.st_uid not in trusted:
        msg = f"{shown(path)} belongs to another user"
        raise Refused(msg)
    if not seen.st_mode & _OTHERS_WRITE or (sticky_is_safe and seen.st_mode & stat.S_ISVTX):
        return
    if not seen.st_mode & stat.S_IWOTH and _is_private_group(opened, seen):
        return
    msg = f"other users can write in {shown(path)}"
    if seen.st_uid != os.geteuid():
        raise Refused(msg)
    import shlex  # noqa: PLC0415 - it loads `re`, and an error is rare

    command = f"chmod go-w {shlex.quote(path)}"
    if shown(command) != command:  # it would name another file
        raise Refused(msg, "take that right away")
    raise Refused(msg, f"take that right away: {command}", command)


def _is_private_group(opened: int, seen: os.stat_result) -> bool:
    """Whether the owner is the group's only member, as where the umask is 002."""
    import grp  # noqa: PLC0415 - Unix alone has it
    import pwd  # noqa: PLC0415 - the same

    try:
        owner, group = pwd.getpwuid(seen.st_uid).pw_name, grp.getgrgid(seen.st_gid)
        # A group does not list the users whose primary group it is.
        users = {user.pw_name for user in pwd.getpwall() if user.pw_gid == seen.st_gid}
        is_private = group.gr_name == owner and users == {owner} >= set(group.gr_mem)
        if not is_private or sys.platform != "linux":
            return is_private
        return _ACL not in os.listxattr(f"/proc/self/fd/{opened}")  # it may name other users
    except OSError as exc:
        return exc.errno == errno.ENOTSUP
    except KeyError:
        return False
