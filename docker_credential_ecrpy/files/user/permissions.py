"""Who may read a user's file: a new file in its place gets its owner, mode, ACL and attributes.

A new file is private until it has all of them, and what cannot be kept is refused: nobody gains
access, and nobody loses it silently.
"""

import array
import errno
import os
import shlex
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress

from docker_credential_ecrpy.files.user import exchange
from docker_credential_ecrpy.hot.values import dataclass, replace
from docker_credential_ecrpy.text.sanitize import one_line

ACCESS_LIST = "system.posix_acl_access"
"""The attribute that is a POSIX access ACL, on Linux: acl(5)."""

_UNSUPPORTED = (errno.ENOTSUP, errno.ENOSYS)
_OF_CONTENT = ("security.evm", "security.ima")  # a signature of the content, which the kernel keeps
_GET_FLAGS = 0x80006601  # FS_IOC_GETFLAGS without the size of a long: ioctl_iflags(2)
_ACL, _ATTRIBUTES = 1, 4  # COPYFILE_ACL and COPYFILE_XATTR: copyfile(3) of macOS


class Refused(OSError):
    """Something that is not done to a user's file, and what the user may do."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(errno.EPERM, what)
        self.hint = hint


def find_taken(file: str) -> str:
    """Return the file or the directory above it that another user owns in one of this user's.

    Such as `~/.docker` after `sudo docker login`. Returns "" for none.
    """
    if sys.platform == "win32":
        return ""
    at, own = os.path.abspath(file), os.geteuid()
    while own and at != os.path.dirname(at):
        with suppress(OSError):
            if os.lstat(at).st_uid != own == os.stat(os.path.dirname(at)).st_uid:
                return at
        at = os.path.dirname(at)
    return ""


def take_back(file: str) -> tuple[str, str]:
    """Return whose a file is that was taken from this user, and the command to get it back; or "".

    The owner is that of `find_taken`.
    """
    taken = find_taken(file)
    if not taken:
        return "", ""
    owner = os.lstat(taken).st_uid
    shown = "root" if owner == 0 else f"the user with the id {owner}"
    command = f'sudo chown -R "$(id -un)" {shlex.quote(taken)}'  # cron and containers set no USER
    return f"{one_line(taken)} belongs to {shown}", command


@dataclass(frozen=True)
class Permissions:
    """A file's owner, group, mode, and extended attributes with its ACL; these on Linux only."""

    owner: int
    group: int
    mode: int
    attributes: Mapping[str, bytes]


def read(opened: int) -> Permissions:
    """Return the permissions of an opened file. Raises OSError."""
    seen = os.fstat(opened)
    attributes = _read_attributes(opened)
    return Permissions(seen.st_uid, seen.st_gid, stat.S_IMODE(seen.st_mode), attributes)


def check_writable(path: str, what: str) -> None:
    """Raise OSError where a file or directory may not be written, with the reason.

    what: its name in the message.
    """
    if os.access(path, os.W_OK):
        return
    if sys.platform != "win32" and os.statvfs(path).f_flag & os.ST_RDONLY:
        mounted = f"{what} is on a file system that is mounted read-only"
        raise Refused(mounted, "mount it read-write, or use another directory; it is unchanged")
    opened = -1
    with suppress(OSError):  # it may not be read, either
        opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        check_flags(opened, what)
    finally:
        if opened >= 0:
            os.close(opened)
    raise OSError(errno.EACCES, f"{what} is read-only")


def check_flags(opened: int | None, what: str) -> None:
    """Raise Refused for a file or directory that chattr has made immutable or append-only."""
    if sys.platform != "linux" or opened is None or opened < 0:
        return
    import fcntl  # noqa: PLC0415 - Windows has none

    flags = array.array("l", [0])
    with suppress(OSError):  # a file system without such attributes
        fcntl.ioctl(opened, _GET_FLAGS | flags.itemsize << 16, flags)
    for flag, letter in ((0x10, "i"), (0x20, "a")):  # FS_IMMUTABLE_FL, FS_APPEND_FL
        if flags[0] & flag:
            kept = f"{what} has the attribute {letter} of chattr"
            raise Refused(kept, f"remove it with chattr -{letter}; the file is unchanged")


def drop_access_list(opened: int) -> None:
    """Remove the ACL that a directory's default ACL gives each new file. Raises OSError."""
    if sys.platform == "linux" and ACCESS_LIST in _read_attributes(opened):
        os.removexattr(opened, ACCESS_LIST)


def make_private(opened: int) -> None:
    """Let the owner alone read and write an opened file.

    Raises OSError, also on a file system without modes, such as FAT.
    """
    if sys.platform != "win32":
        os.fchmod(opened, 0o600)  # which also closes the ACL, for the moment until it is removed
        drop_access_list(opened)
        os.fchmod(opened, 0o600)


def give(opened: int, seen: os.stat_result) -> None:
    """Give a new file that root created to the owner of a file or directory. Raises OSError."""
    if sys.platform != "win32" and seen.st_uid != os.geteuid() == 0:
        os.fchown(opened, seen.st_uid, seen.st_gid)


def keep(opened: int, wanted: Permissions, model: int) -> None:
    """Give a new, empty file the permissions of the opened file `model`, which are `wanted`.

    Raises OSError, and Refused for those that cannot be kept.
    """
    if sys.platform == "win32":
        return
    wanted = _keep_owner(opened, wanted)
    access = wanted.attributes.get(ACCESS_LIST)
    if access is not None:
        _set_attribute(opened, ACCESS_LIST, access)
    if stat.S_IMODE(os.fstat(opened).st_mode) != wanted.mode:
        os.fchmod(opened, wanted.mode)
    given = _read_attributes(opened)
    for name, value in wanted.attributes.items():
        if given.get(name) != value:
            _set_attribute(opened, name, value)
    if sys.platform == "darwin":
        _copy_on_macos(model, opened)
    if read(opened) != wanted:
        what = "its owner, mode or attributes cannot be kept"
        raise Refused(what, "edit the file by hand; it is unchanged")


def _keep_owner(opened: int, wanted: Permissions) -> Permissions:
    """Give a new file its owner and group; return `wanted` with the group that it has then.

    A group without rights of its own, such as root's on a file of `sudo`, may be another one.
    """
    seen = os.fstat(opened)
    if (seen.st_uid, seen.st_gid) == (wanted.owner, wanted.group):
        return wanted
    with suppress(PermissionError):
        os.fchown(opened, wanted.owner, wanted.group)
        return wanted
    if seen.st_uid != wanted.owner:
        what = "it belongs to another user, and a new file would be yours"
        raise Refused(what, "run this as its owner; the file is unchanged")
    if wanted.mode >> 3 & 0o7 != wanted.mode & 0o7 or ACCESS_LIST in wanted.attributes:
        what = f"it belongs to the group {wanted.group}, of which you are no member"
        raise Refused(what, "change its group with chgrp, or run this as root; it is unchanged")
    return replace(wanted, group=seen.st_gid)


def _read_attributes(opened: int) -> dict[str, bytes]:
    """Return the extended attributes of a file; none where they are not supported."""
    if sys.platform != "linux":
        return {}
    found: dict[str, bytes] = {}
    try:
        for name in os.listxattr(opened):
            if name not in _OF_CONTENT:
                found[name] = os.getxattr(opened, name)
    except OSError as exc:
        if exc.errno not in _UNSUPPORTED:
            raise
    return found


def _set_attribute(opened: int, name: str, value: bytes) -> None:
    if sys.platform == "linux":
        try:
            os.setxattr(opened, name, value)
        except OSError as exc:
            if exc.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            what = "its ACL" if name == ACCESS_LIST else f"its attribute {name}"
            why = f"{what} cannot be kept ({os.strerror(exc.errno or errno.EIO).lower()})"
            hint = f"remove {what[4:]}, or edit the file by hand; it is unchanged"
            raise Refused(why, hint) from exc


def _copy_on_macos(model: int, opened: int) -> None:
    """Copy the ACL and the attributes, for which Python has no functions there."""
    if exchange.call("fcopyfile", model, opened, None, _ACL | _ATTRIBUTES) != 0:
        what = "its ACL or attributes cannot be kept"
        raise Refused(what, "remove them, or edit the file by hand; it is unchanged")
