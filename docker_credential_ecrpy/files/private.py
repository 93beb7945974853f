"""Files and directories that are this user's alone.

Another user may have planted a symlink or directory in their place: it is never followed or used.
"""

import os
import stat
import sys
import time

TEMPORARY = ".new-"
"""The prefix of a file that is being written; the process id follows."""

SAFE_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not hang a get
    | getattr(os, "O_CLOEXEC", 0)
)
"""For `os.open` of a file in whose place another user may have put something."""
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_FLAGS | getattr(os, "O_BINARY", 0)


def make_directory(directory: str) -> None:
    """Make `directory` where it is missing, with mode 0700.

    Raises OSError where that fails, where it belongs to another user, or where root, by `sudo`,
    would make it in the home of the user who called that, who could not use it then.
    """
    # Not makedirs: it gives parents the default mode. Other processes may do the same at once.
    try:
        os.lstat(directory)
    except FileNotFoundError:
        pass  # any other error would come when making it, too
    missing = [directory]
    while (parent := os.path.dirname(missing[-1])) not in ("", missing[-1]):  # a drive has itself
        if os.path.isdir(parent):
            break
        missing.append(parent)
    for each in reversed(missing):
        _make_one(each)


def _make_one(directory: str) -> None:
    parent = os.path.dirname(directory)
    if _is_anothers_link(parent):
        msg = "the directory is behind another user's link"
        raise PermissionError(msg)
    try:
        _refuse_for_sudo(directory, parent or ".")
        os.mkdir(directory, 0o700)
    except FileExistsError:
        seen = os.lstat(directory)
        if not stat.S_ISDIR(seen.st_mode):
            raise
        if sys.platform != "win32":
            if seen.st_uid != os.geteuid():
                msg = "the directory belongs to another user"
                raise PermissionError(msg) from None
            if seen.st_mode & 0o077:
                os.chmod(directory, 0o700)


def _refuse_for_sudo(directory: str, parent: str) -> None:
    caller = os.environ.get("SUDO_UID")
    if sys.platform == "win32" or caller in (None, str(os.geteuid())):
        return
    if not os.path.isdir(directory) and str(os.stat(parent).st_uid) == caller:
        msg = "it would be root's, in a directory of the user that sudo was called by"
        raise PermissionError(msg)


def is_own(directory: str) -> bool:
    """Whether it is this user's directory, and no link: nothing behind a link is ever removed.

    Raises OSError.
    """
    seen = os.lstat(directory)
    own = sys.platform == "win32" or seen.st_uid == os.geteuid()
    return stat.S_ISDIR(seen.st_mode) and own and not _is_anothers_link(os.path.dirname(directory))


def _is_anothers_link(path: str) -> bool:
    """Whether it is a link, and neither ours nor the system's. Raises OSError."""
    if sys.platform == "win32" or not path:
        return False
    seen = os.lstat(path)
    return stat.S_ISLNK(seen.st_mode) and seen.st_uid not in (0, os.geteuid())


def is_behind_link(directory: str) -> bool:
    """Whether a folder of the cache is a link, or behind another user's. Raises OSError."""
    return os.path.islink(directory) or _is_anothers_link(os.path.dirname(directory))


def stands_alone(seen: os.stat_result) -> bool:
    """Whether what was opened is this user's regular file, with no hard link to another name."""
    own = sys.platform == "win32" or seen.st_uid == os.geteuid()
    return stat.S_ISREG(seen.st_mode) and own and seen.st_nlink <= 1


def write_whole(path: str, data: bytes, *, shared: bool = False) -> None:
    """Replace a private file atomically. Raises OSError, and then the old content stays.

    shared: with other programs. It is then synced first, since it has no checksum, and what root
    writes into another user's directory belongs to that user.
    """
    directory = os.path.dirname(path)
    beside = os.path.join(directory, f"{TEMPORARY}{os.getpid()}-{time.monotonic_ns()}")
    try:
        opened = os.open(beside, _WRITE_FLAGS, 0o600)
        try:
            while data:
                data = data[os.write(opened, data) :]
            if shared and sys.platform != "win32":
                owner = os.stat(directory)
                if owner.st_uid != os.geteuid() == 0:
                    os.fchown(opened, owner.st_uid, owner.st_gid)  # not by a name that is theirs
            if shared:
                os.fsync(opened)
        finally:
            os.close(opened)
        os.replace(beside, path)
    except BaseException:
        try:
            remove(beside)
        except OSError:
            pass  # the error that led here says more
        raise


def remove(path: str) -> bool:
    """Remove a file; return whether it was there. Raises OSError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
