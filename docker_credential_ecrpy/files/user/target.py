"""A file of the user, as a name in a directory that is opened once.

Another user may be able to rename in a directory on the path: each part is opened in the one
before it, another user's symlink is refused, and what follows acts in the opened directory alone.
Windows has no such calls; there the path is used.
"""

import errno
import os
import stat
import sys
import time
from contextlib import suppress

from docker_credential_ecrpy.files import private, temporary
from docker_credential_ecrpy.files.user import permissions

MAX_SIZE = 8 * 1024 * 1024
"""Bytes; a larger file is no config.json."""

_MOST_TRIES = 20
_MOST_LINKS = 40  # Linux's own limit
_DIRECTORY = (
    os.O_RDONLY
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
)
# A directory on the path may be closed to readers, such as /home.
_NODE = getattr(os, "O_PATH", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_READ = os.O_RDONLY | private.SAFE_FLAGS | getattr(os, "O_BINARY", 0)
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | private.SAFE_FLAGS | getattr(os, "O_BINARY", 0)


class Target:
    """A file, and its directory, which is open until the context is left.

    create: the directory with mode 0700 if it is missing, and so its parents; not under `sudo` in a
    directory of the calling user, who could not use what root creates there.
    Raises OSError: FileNotFoundError for a missing directory, `Refused` for another user's symlink.
    """

    def __init__(self, file: str, *, create: bool = False) -> None:
        self.opened: int | None = None
        """The directory's descriptor; None on Windows."""
        if create:
            with suppress(FileNotFoundError):
                os.lstat(file)  # an error, such as of a path too long, must leave no parents behind
        if sys.platform == "win32":
            self.directory, self.name = os.path.split(real_path(file))
            if create:
                os.makedirs(self.directory, exist_ok=True)
            os.stat(self.directory)
        else:
            self.opened, self.directory, self.name = _resolve(file, create=create)

    def __enter__(self) -> "Target":
        return self

    def __exit__(self, *_error: object) -> None:
        if self.opened is not None:
            os.close(self.opened)

    @property
    def path(self) -> str:
        """The file's path, without symlinks."""
        return self.beside(self.name)

    def beside(self, name: str) -> str:
        """Return the path of a file in the directory."""
        return os.path.join(self.directory, name)

    def _at(self, name: str) -> str:
        return self.beside(name) if self.opened is None else name

    def stat(self, name: str) -> os.stat_result:
        """Return a file's status; a symlink's own. Raises OSError."""
        return os.stat(self._at(name), dir_fd=self.opened, follow_symlinks=False)

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name, also a dangling symlink. Raises OSError."""
        try:
            self.stat(name)
        except FileNotFoundError:
            return False
        return True

    def is_same(self, name: str, seen: os.stat_result) -> bool:
        """Whether a name is that of a file that was seen before. Raises OSError."""
        try:
            return os.path.samestat(self.stat(name), seen)
        except FileNotFoundError:
            return False

    def open_file(self, name: str) -> int:
        """Open a regular file to read; never a symlink. Raises OSError."""
        opened = os.open(self._at(name), _READ, dir_fd=self.opened)
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            os.close(opened)
            raise OSError(errno.EINVAL, "it is not a regular file")
        return opened

    def create(self, name: str) -> int:
        """Create a file that its owner alone may read, also where the directory has default ACLs.

        Raises OSError.
        """
        opened = os.open(self._at(name), _CREATE, 0o600, dir_fd=self.opened)
        try:
            permissions.drop_access_list(opened)
        except BaseException:
            os.close(opened)
            self.remove(name)
            raise
        return opened

    def link(self, name: str, new: str) -> None:
        """Give a file a second name. Raises OSError, also where there are no hard links."""
        if self.opened is None:
            os.link(self._at(name), self._at(new))
        else:
            ends = {"src_dir_fd": self.opened, "dst_dir_fd": self.opened}
            os.link(name, new, **ends, follow_symlinks=False)

    def rename(self, name: str, new: str) -> None:
        """Rename a file, over one of the new name. Raises OSError."""
        ends = {"src_dir_fd": self.opened, "dst_dir_fd": self.opened}
        os.replace(self._at(name), self._at(new), **ends)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there. Raises OSError."""
        with suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self.opened)

    def list_names(self) -> list[str]:
        """Return the names in the directory. Raises OSError."""
        return os.listdir(self.directory if self.opened is None else self.opened)

    def sync(self) -> None:
        """Make the renames durable, where the file system can do that for a directory."""
        if self.opened is not None:
            with suppress(OSError):
                os.fsync(self.opened)

    def list_abandoned(self) -> list[str]:
        """Return the temporary files that killed runs left.

        Only a regular file of ours counts, all of whose links are in this directory: anything else
        was planted.
        """
        now, found = time.time(), []
        with suppress(OSError):
            names = self.list_names()
            for name in filter(temporary.is_name, names):
                with suppress(OSError):
                    seen = self.stat(name)
                    abandoned = temporary.is_abandoned(name, now - seen.st_mtime)
                    if abandoned and self.is_ours(seen) and self._has_all_links(seen, names):
                        found.append(name)
        return found

    def sweep(self) -> None:
        """Remove the temporary files that killed runs left; they may hold secrets."""
        for name in self.list_abandoned():
            with suppress(OSError):  # what cannot be removed now may be removed later
                self.remove(name)

    def _has_all_links(self, seen: os.stat_result, names: list[str]) -> bool:
        """Whether all hard links of a file are in the directory."""
        if seen.st_nlink <= 1:
            return True
        return sum(self.is_same(name, seen) for name in names) == seen.st_nlink

    def is_ours(self, seen: os.stat_result) -> bool:
        """Whether it is a regular file of the user or, for root, of the owner of the file.

        Raises OSError.
        """
        if sys.platform == "win32" or not stat.S_ISREG(seen.st_mode):
            return stat.S_ISREG(seen.st_mode)
        owners = {os.geteuid()}
        if 0 in owners:
            with suppress(FileNotFoundError):
                owners.add(self.stat(self.name).st_uid)
        return seen.st_uid in owners


def real_path(file: str) -> str:
    """Return a path without symlinks. Raises OSError for one that keeps changing."""
    for _ in range(_MOST_TRIES):
        with suppress(OSError):  # what was a symlink is none any more
            return os.path.realpath(file)
    return os.path.realpath(file)


def read(opened: int) -> bytes:
    """Return the content of an opened file, from its start. Raises OSError."""
    os.lseek(opened, 0, os.SEEK_SET)
    with os.fdopen(opened, "rb", closefd=False) as stream:
        data = stream.read(MAX_SIZE + 1)
    if len(data) > MAX_SIZE:
        raise OSError(errno.EFBIG, f"it is larger than {MAX_SIZE // 1024**2} MiB")
    return data


def write(opened: int, data: bytes) -> None:
    """Write the content of a new file, and sync it. Raises OSError."""
    left = memoryview(data)
    while left:
        left = left[os.write(opened, left) :]
    os.fsync(opened)


def _resolve(file: str, *, create: bool) -> tuple[int, str, str]:
    """Return a file's directory, opened, the directory's path, and the file's name in it."""
    at, opened, links = "/", os.open("/", _NODE | _DIRECTORY), list[int]()
    left = _split(os.path.join(os.getcwd(), file))
    try:
        while True:
            part = left.pop() if left else "."
            owner, text = _read_link(part, opened)
            if text:
                links.append(owner)
                if len(links) > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                left += _split(text)
                part = "/" if text.startswith("/") else "."
            elif not left:
                result = os.open(".", _DIRECTORY, dir_fd=opened)
                _check_links(links, os.fstat(result))
                return result, at, part
            try:
                below = os.open(part, _NODE | _DIRECTORY, dir_fd=opened)
            except FileNotFoundError:
                if not create:
                    raise
                _check_links(links, os.fstat(opened))
                _make(part, opened)
                below = os.open(part, _NODE | _DIRECTORY, dir_fd=opened)
            os.close(opened)
            opened = below
            at = os.path.dirname(at) if part == ".." else os.path.normpath(os.path.join(at, part))
    except FileNotFoundError:
        _check_links(links, os.fstat(opened))  # nothing is created behind one
        raise
    finally:
        os.close(opened)


def _make(name: str, parent: int) -> None:
    """Create a directory with mode 0700 in an opened one. Raises OSError."""
    caller = os.environ.get("SUDO_UID")
    us = "" if sys.platform == "win32" else str(os.geteuid())
    if caller not in (None, us) and str(os.fstat(parent).st_uid) == caller:
        msg = "root would own it, in a directory of the user who called sudo"
        raise PermissionError(msg)
    with suppress(FileExistsError):  # another process created it
        os.mkdir(name, 0o700, dir_fd=parent)


def _split(path: str) -> list[str]:
    """Return the parts of a path, the last one first."""
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _read_link(part: str, parent: int) -> tuple[int, str]:
    """Return a symlink's owner and text; the text is "" for anything else. Raises OSError."""
    if sys.platform != "linux":
        try:
            seen = os.stat(part, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return 0, ""
        is_link = stat.S_ISLNK(seen.st_mode)
        return seen.st_uid, os.readlink(part, dir_fd=parent) if is_link else ""
    try:
        node = os.open(part, _NODE, dir_fd=parent)
    except FileNotFoundError:
        return 0, ""
    try:
        seen = os.fstat(node)
        is_link = stat.S_ISLNK(seen.st_mode)
        return seen.st_uid, os.readlink("", dir_fd=node) if is_link else ""
    finally:
        os.close(node)


def _check_links(owners: list[int], directory: os.stat_result) -> None:
    """Raise Refused for another user's symlink, which could lead to any file of this user.

    Root's own count as the user's, and for root those of the user in whose directory the file is.
    """
    if sys.platform == "win32":
        return
    trusted = {0, os.geteuid(), os.stat("/").st_uid}  # in a user namespace, root may be "nobody"
    if os.geteuid() == 0:
        trusted.add(directory.st_uid)
    if not trusted.issuperset(owners):
        what = "another user's symlink leads to it"
        raise permissions.Refused(what, "replace the symlink by one of your own")
