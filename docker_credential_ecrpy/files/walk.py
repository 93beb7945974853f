"""The way to a directory: its path, opened name by name from the root.

Another user may be able to rename a part of the path. So each part is opened in the one before it,
and no symlink is followed but those of this user and root. Windows has no such calls.
"""

import errno
import os
import stat

from docker_credential_ecrpy.files import private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Check = Callable[[int, str, set[int]], None]
    """Raises OSError for an opened parent, its path, and the users who are trusted."""

DIRECTORY = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | private.SAFE_FLAGS
"""For `os.open` of a directory that must not be a symlink."""
PATH = getattr(os, "O_PATH", 0)
"""On Linux, for `os.open` of what may be used, but need not be readable."""
_MOST_LINKS = 40  # symlinks on the way, as in Linux

CHOOSE_ANOTHER = "set AWS_ECR_CACHE_DIR to a directory that only this user can change"
"""The cure where this user cannot correct the directory."""


class Refused(PermissionError):
    """A directory that is not safe to use.

    hint: what to do. command: to type, or "". effect: what does not work without it, or "".
    """

    def __init__(self, message: str, hint: str = CHOOSE_ANOTHER, command: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.command = command
        self.effect = ""


class NotDirectory(Refused, NotADirectoryError):
    """Another file at a directory's path: nothing of this program can be in it."""


def open_way(path: str, *, create: bool = False, check: "Check | None" = None) -> tuple[int, str]:
    """Open a directory to find names in it; return its descriptor and its path without symlinks.

    A relative path begins at the current directory. create: with mode 0700 if it is missing, and so
    its parents. Raises Refused, FileNotFoundError and other OSErrors.
    """
    is_absolute = path.startswith("/")
    real = "/" if is_absolute else "."
    opened, links = os.open(real, PATH | DIRECTORY), 0
    names = path.split("/")[::-1]
    try:
        # Who can change everything. In a user namespace, that may be "nobody".
        trusted = {0, os.geteuid(), os.stat("/").st_uid}
        while names:
            name = names.pop()
            if name in ("", "."):
                continue
            if check:
                check(opened, real, trusted)
            step = os.path.normpath(os.path.join(real, name))
            try:
                following = _open_or_make(opened, name, create=create)
            except OSError as exc:
                if exc.errno not in (errno.ENOTDIR, errno.ELOOP):
                    exc.filename = step
                    raise
                target = _read_link(opened, name, step, trusted)
                links += 1
                if links > _MOST_LINKS:
                    raise
                names += target.split("/")[::-1]
                if not target.startswith("/"):
                    continue
                following, step = os.open("/", PATH | DIRECTORY), "/"
            os.close(opened)
            opened, real = following, step
    except BaseException:
        os.close(opened)
        raise
    return opened, real


def _open_or_make(parent: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, PATH | DIRECTORY, dir_fd=parent)
    except FileNotFoundError:
        if not create:
            raise
    try:
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        pass  # another process created it
    return os.open(name, PATH | DIRECTORY, dir_fd=parent)


def _read_link(parent: int, name: str, path: str, trusted: set[int]) -> str:
    """Return where a trusted user's symlink leads. Raises OSError, also for another file."""
    if PATH:  # open the link itself: its name may stand for another one the next moment
        link = os.open(name, PATH | private.SAFE_FLAGS, dir_fd=parent)
        try:
            seen = os.fstat(link)
            target = os.readlink("", dir_fd=link) if stat.S_ISLNK(seen.st_mode) else ""
        finally:
            os.close(link)
    else:
        seen = os.stat(name, dir_fd=parent, follow_symlinks=False)
        target = os.readlink(name, dir_fd=parent) if stat.S_ISLNK(seen.st_mode) else ""
    if not target:
        raise not_directory(path)
    if seen.st_uid not in trusted:
        msg = f"{shown(path)} is another user's symlink"
        raise Refused(msg)
    return target


def not_directory(path: str) -> NotDirectory:
    """Return the error for another file at a directory's path."""
    msg = f"{shown(path)} is not a directory"
    return NotDirectory(msg, f"move it elsewhere, or {CHOOSE_ANOTHER}")


def shown(path: str) -> str:
    """Return a path as it may be printed."""
    from docker_credential_ecrpy.text import sanitize  # noqa: PLC0415 - it compiles expressions

    return sanitize.make_printable(path)
