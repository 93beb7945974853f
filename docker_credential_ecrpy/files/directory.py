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

_DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | private.SAFE_FLAGS
# Linux can open a directory to find names in it without the permission to list it.
_PATH = getattr(os, "O_PATH", 0)
_OTHERS_WRITE = 0o022
_MOST_LINKS = 40  # symlinks on the way, as in Linux
_ACL = "system.posix_acl_access"

CHOOSE_ANOTHER = "set AWS_ECR_CACHE_DIR to a directory that only this user can change"
"""The cure where this user cannot correct the directory."""


class Refused(PermissionError):
    """A directory that is not safe to use. hint: what to do. command: to type, or ""."""

    def __init__(self, message: str, hint: str = CHOOSE_ANOTHER, command: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.command = command


class NotDirectory(Refused, NotADirectoryError):
    """Another file at a directory's path: nothing of this program can be in it."""


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
        return os.listdir(self.path if self._opened is None else self._opened)

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

    def link(self, name: str, new: str) -> None:
        """Give a file another name. Raises FileExistsError if that is taken."""
        source, target, fd = self._at(name), self._at(new), self._opened
        os.link(source, target, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)

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
            return Directory(path, os.open(name, os.O_RDONLY | _DIRECTORY, dir_fd=self._opened))
        except OSError as exc:
            if exc.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            if not stat.S_ISLNK(self.stat(name).st_mode):
                raise _not_directory(path) from exc
            msg = f"{_shown(path)} is a symlink, which could lead to other files"
            raise Refused(msg, "make it a directory") from exc

    def write_whole(self, name: str, data: bytes) -> None:
        """Replace a private file atomically; on an error, the previous content stays."""
        beside = temporary.make_name()
        try:
            opened = self.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                while data:
                    data = data[os.write(opened, data) :]
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
    opened, shown = _walk(os.path.join(os.getcwd(), path), create=create)
    try:
        _check(opened, shown, {os.geteuid()}, sticky_is_safe=False)
    except BaseException:
        os.close(opened)
        raise
    return Directory(path, opened)


def check_file(path: str) -> None:
    """Raise Refused if another user can change or replace a file, and OSErrors; not on Windows."""
    if sys.platform == "win32":
        return
    trusted = {0, os.geteuid(), os.stat("/").st_uid}
    opened, shown = _walk(os.path.dirname(os.path.join(os.getcwd(), path)), create=False)
    try:
        _check(opened, shown, trusted, sticky_is_safe=True)
        if not os.path.islink(path):
            file = os.open(os.path.basename(path), _PATH | private.SAFE_FLAGS, dir_fd=opened)
            os.close(opened)
            opened = file
            _check(opened, path, trusted, sticky_is_safe=False)
    finally:
        os.close(opened)


def _walk(path: str, *, create: bool) -> tuple[int, str]:
    """Open a directory name by name, and check each parent; return its real path, too."""
    opened, shown, links = os.open("/", os.O_RDONLY | _DIRECTORY), "/", 0
    # Who owns / can change everything. In a user namespace, that may be "nobody".
    trusted = {0, os.geteuid(), os.fstat(opened).st_uid}
    names = path.split("/")[::-1]
    try:
        while names:
            name = names.pop()
            if name in ("", "."):
                continue
            _check(opened, shown, trusted, sticky_is_safe=True)
            step = os.path.normpath(os.path.join(shown, name))
            try:
                following = _open_or_make(opened, name, create=create)
            except OSError as exc:
                if exc.errno not in (errno.ENOTDIR, errno.ELOOP):
                    raise
                target = _read_link(opened, name, step, trusted)
                links += 1
                if links > _MOST_LINKS:
                    raise
                names += target.split("/")[::-1]
                if not target.startswith("/"):
                    continue
                following, step = os.open("/", os.O_RDONLY | _DIRECTORY), "/"
            os.close(opened)
            opened, shown = following, step
    except BaseException:
        os.close(opened)
        raise
    return opened, shown


def _open_or_make(parent: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _PATH | _DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        pass  # another process created it
    return os.open(name, _PATH | _DIRECTORY, dir_fd=parent)


def _read_link(parent: int, name: str, path: str, trusted: set[int]) -> str:
    """Return where a trusted user's symlink leads. Raises OSError, also for another file."""
    if _PATH:  # open the link itself: its name may stand for another one the next moment
        link = os.open(name, _PATH | private.SAFE_FLAGS, dir_fd=parent)
        try:
            seen = os.fstat(link)
            target = os.readlink("", dir_fd=link) if stat.S_ISLNK(seen.st_mode) else ""
        finally:
            os.close(link)
    else:
        seen = os.stat(name, dir_fd=parent, follow_symlinks=False)
        target = os.readlink(name, dir_fd=parent) if stat.S_ISLNK(seen.st_mode) else ""
    if not target:
        raise _not_directory(path)
    if seen.st_uid not in trusted:
        msg = f"{_shown(path)} is another user's symlink"
        raise Refused(msg)
    return target


def _check(opened: int, path: str, trusted: set[int], *, sticky_is_safe: bool) -> None:
    """Raise Refused for a directory in which other users can create or rename a file.

    sticky_is_safe: whether only their own renames count, as in a parent.
    """
    seen = os.fstat(opened)
    if seen.st_uid not in trusted:
        msg = f"{_shown(path)} belongs to another user"
        raise Refused(msg)
    if not seen.st_mode & _OTHERS_WRITE or (sticky_is_safe and seen.st_mode & stat.S_ISVTX):
        return
    if not seen.st_mode & stat.S_IWOTH and _is_private_group(opened, seen):
        return
    msg = f"other users can write in {_shown(path)}"
    if seen.st_uid != os.geteuid():
        raise Refused(msg)
    import shlex  # noqa: PLC0415 - it loads `re`, and an error is rare

    command = f"chmod go-w {shlex.quote(path)}"
    raise Refused(msg, f"take that right away: {_shown(command)}", _shown(command))


def _is_private_group(opened: int, seen: os.stat_result) -> bool:
    """Whether the owner is the group's only member, as where the umask is 002."""
    import grp  # noqa: PLC0415 - Unix alone has it
    import pwd  # noqa: PLC0415 - the same

    try:
        owner, group = pwd.getpwuid(seen.st_uid).pw_name, grp.getgrgid(seen.st_gid)
        is_private = group.gr_name == owner and not set(group.gr_mem) - {owner}
        if not is_private or sys.platform != "linux":
            return is_private
        return _ACL not in os.listxattr(f"/proc/self/fd/{opened}")  # it may name other users
    except OSError as exc:
        return exc.errno == errno.ENOTSUP
    except KeyError:
        return False


def _not_directory(path: str) -> NotDirectory:
    msg = f"{_shown(path)} is not a directory"
    return NotDirectory(msg, f"move it elsewhere, or {CHOOSE_ANOTHER}")


def _shown(path: str) -> str:
    from docker_credential_ecrpy.text import sanitize  # noqa: PLC0415 - it compiles expressions

    return sanitize.make_printable(path)
