"""Private files and directories: owned by this user, with modes 0600 and 0700.

Another user may have planted a symlink or directory at the path: never follow or use it.
"""

import os
import stat
import sys

from docker_credential_ecrpy.files import temporary

TEMPORARY = ".new-"
"""The prefix of a temporary file; the process id follows."""

SAFE_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not hang a get
    | getattr(os, "O_CLOEXEC", 0)
)
"""For `os.open` of a path where another user may have planted a file."""
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE_FLAGS | getattr(os, "O_BINARY", 0)


def make_directory(directory: str) -> None:
    """Create `directory` with mode 0700 if it is missing, and so its parents.

    Raises OSError if that fails or another user owns it; also under `sudo` in a directory of the
    calling user, who could not use what root creates there.
    """
    # makedirs would give parents the default mode. Other processes may do the same concurrently.
    try:
        os.lstat(directory)
    except FileNotFoundError:
        pass  # any other error is raised: creating the directory would fail with it, too
    missing = [directory]
    while (parent := os.path.dirname(missing[-1])) not in ("", missing[-1]):  # "/" has itself
        if os.path.isdir(parent):
            break
        missing.append(parent)
    for each in reversed(missing):
        _make_one(each)


def _make_one(directory: str) -> None:
    parent = os.path.dirname(directory)
    if _is_anothers_link(parent):
        msg = "the directory is behind another user's symlink"
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
                _close_to_others(directory)


def _close_to_others(directory: str) -> None:
    opened = os.open(directory, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | SAFE_FLAGS)
    try:
        if os.fstat(opened).st_uid == os.geteuid():  # another directory may have its name by now
            os.fchmod(opened, 0o700)
    finally:
        os.close(opened)


def _refuse_for_sudo(directory: str, parent: str) -> None:
    caller = os.environ.get("SUDO_UID")
    if sys.platform == "win32" or caller in (None, str(os.geteuid())):
        return
    if not os.path.isdir(directory) and str(os.stat(parent).st_uid) == caller:
        msg = "root would own it, in a directory of the user who called sudo"
        raise PermissionError(msg)


def _is_anothers_link(path: str) -> bool:
    """Whether it is a symlink that neither this user nor root owns. Raises OSError."""
    if sys.platform == "win32" or not path:
        return False
    seen = os.lstat(path)
    return stat.S_ISLNK(seen.st_mode) and seen.st_uid not in (0, os.geteuid())


def stands_alone(seen: os.stat_result) -> bool:
    """Whether an opened file is this user's regular file, without a second hard link."""
    own = sys.platform == "win32" or seen.st_uid == os.geteuid()
    return stat.S_ISREG(seen.st_mode) and own and seen.st_nlink <= 1


def write_whole(path: str, data: bytes) -> None:
    """Replace a file that other programs read. Raises OSError, and then the previous one stays.

    It is synced first, since it has no checksum, and belongs to the directory's owner if root
    writes it.
    """
    directory = os.path.dirname(path)
    beside = os.path.join(directory, temporary.make_name())
    try:
        opened = os.open(beside, _WRITE_FLAGS, 0o600)
        try:
            while data:
                data = data[os.write(opened, data) :]
            if sys.platform != "win32":
                owner = os.stat(directory)
                if owner.st_uid != os.geteuid() == 0:
                    os.fchown(opened, owner.st_uid, owner.st_gid)  # the owner may replace the name
            os.fsync(opened)
        finally:
            os.close(opened)
        os.replace(beside, path)
    except BaseException:
        try:
            remove(beside)
        except OSError:
            pass  # the first error says more
        raise


def remove(path: str) -> bool:
    """Remove a file; return whether it was there. Raises OSError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True
