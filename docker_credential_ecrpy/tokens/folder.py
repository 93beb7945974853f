"""The folders of the cache, and which files in them this program created.

A folder has a marker, a file that says whose folder it is. One without a marker may be the user's
own, if AWS_ECR_CACHE_DIR names a directory that is in use: it is neither filled nor changed, and
nothing in it is removed. A cache of version 0.1.0 has no markers: its folders get theirs, all at
once, as long as its tokens and logins show what the other folders are.
"""

import errno
import os
import stat
import sys

from docker_credential_ecrpy.files import directory, private, temporary
from docker_credential_ecrpy.files.directory import Directory, Refused
from docker_credential_ecrpy.hot import paths, registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

MARKER: "Final" = ".docker-credential-ecrpy"
"""The name of a marker."""
MARKER_TEXT: "Final" = (
    b"ecrpy-cache: this folder belongs to docker-credential-ecrpy, which removes old files in it\n"
)
"""The content of a marker. As everything that is written here, it begins with `_MAGIC`."""
NOTE_START: "Final" = b'{"who": "'
"""The start of a lock's note."""
# The first ones get their marker first: the last ones show whose they are.
FOLDERS: "Final" = (paths.REGISTRIES, paths.ELSEWHERE, paths.LOCKS, paths.LOGINS, paths.TOKENS)

_EFFECTS = {
    "": "no new tokens are cached",
    paths.REGISTRIES: "registries are not listed",
    paths.ELSEWHERE: "each request for a registry that is not ECR reads the settings",
    paths.LOCKS: "pulls at the same time each call AWS",
    paths.LOGINS: "docker login fails",
    paths.TOKENS: "tokens are not cached, so each pull calls AWS",
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

_MAGIC = b"ecrpy-"
_HEX = frozenset("0123456789abcdef")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-.")
_ENTRY_DIGITS = 32  # of `hot.cache.fingerprint`
_LOCK_DIGITS = 3
_OLD_LOCK = "logins"  # of version 0.1.0


class Foreign(OSError):
    """A file that this program did not create; the text says how that shows."""


def open_folder(path: str, *, create: bool = False) -> Directory:
    """Open a folder of the cache for changes; give it a marker if it has none and may have one.

    create: the folder and its parents, if missing. Raises Refused if it must not be used, and
    OSError, such as FileNotFoundError for an empty folder that is not to be created.
    """
    return _open(path, create=create, changes=True)


def look_into(path: str) -> Directory:
    """Open a folder of the cache without any change. Raises as `open_folder`."""
    return _open(path, create=False, changes=False)


def list_refusals(cache: str) -> list[Refused]:
    """Return why the cache's directory, or else each of its folders, is not used."""
    found = []
    for name in FOLDERS:
        try:
            look_into(os.path.join(cache, name)).close()
        except Refused as exc:
            found.append(exc)
            if exc.effect == _EFFECTS[""]:
                break  # it is the same for each folder
        except OSError:
            pass  # it is missing, or the error of its use says why
    return found


def _open(path: str, *, create: bool, changes: bool) -> Directory:
    cache, name = os.path.split(path)
    at = ""
    try:
        with directory.open_own(cache or ".", create=create) as root:
            at = name
            if create:
                root.make(name)
            folder = root.open_directory(name)
            try:
                _claim(folder, root, create=create, changes=changes)
            except BaseException:
                folder.close()
                raise
            return folder
    except Refused as exc:
        exc.effect = _EFFECTS[at]
        raise


def _claim(folder: Directory, root: Directory, *, create: bool, changes: bool) -> None:
    """Raise OSError unless the folder is ours; it then has a marker, and is closed to others."""
    seen = folder.look()
    if sys.platform != "win32" and seen.st_uid != os.geteuid():
        msg = f"{folder.path} belongs to another user"
        raise Refused(msg)
    if _read_marker(folder) != MARKER_TEXT:
        names = folder.names()
        if not names and not create:
            raise FileNotFoundError(folder.path)
        is_old = _is_old_cache(root)
        foreign = _find_foreign(folder, names, is_old=is_old)
        if foreign and _read_marker(folder) != MARKER_TEXT:  # another process may write it
            msg = f"{folder.path} holds {foreign!a}, which this program did not create"
            cure = "move it elsewhere, or set AWS_ECR_CACHE_DIR to an empty directory"
            raise Refused(msg, cure)
        if changes:
            if is_old:
                _mark_all(root)
            _mark(folder, needed=create)
    if changes and seen.st_mode & (stat.S_IRWXG | stat.S_IRWXO) and sys.platform != "win32":
        folder.close_to_others()


def _mark(folder: Directory, *, needed: bool) -> None:
    """Write the marker. On a full or read-only disk, only what is created needs it."""
    try:
        folder.write_whole(MARKER, MARKER_TEXT, sync=True)
    except OSError as exc:
        if needed or exc.errno not in _NO_ROOM:
            raise


def _mark_all(root: Directory) -> None:
    """Give the folders of a cache of version 0.1.0 their markers; others stay as they are."""
    for name in FOLDERS:
        try:
            with root.open_directory(name) as folder:
                names = folder.names()
                is_marked = _read_marker(folder) == MARKER_TEXT
                if names and not is_marked and not _find_foreign(folder, names, is_old=True):
                    _mark(folder, needed=False)
        except OSError:
            pass  # it is missing, or the error of its use says why


def _is_old_cache(root: Directory) -> bool:
    """Whether a folder of tokens or logins without a marker holds an entry.

    One with a marker shows nothing: what had no marker when it got it may be the user's own.
    """
    for kind in (paths.TOKENS, paths.LOGINS):
        try:
            with root.open_directory(kind) as folder:
                if _read_marker(folder) is None and any(
                    _is_ours(folder, name) and folder.stat(name).st_size > len(_MAGIC)
                    for name in folder.names()
                ):
                    return True
        except OSError:
            pass  # it is missing, or the error of its use says why
    return False


def _find_foreign(folder: Directory, names: list[str], *, is_old: bool) -> str:
    """Return the name of a file that makes an unmarked folder the user's own, or "".

    is_old: whether it is in a cache of version 0.1.0. Elsewhere, an empty file whose name could be
    a host's, such as "todo", may be the user's.
    """
    # A loss of power may have cut the marker short.
    marker = _read_marker(folder)
    is_ours = marker is not None and MARKER_TEXT.startswith(marker)
    foreign = [n for n in names if not (_is_ours(folder, n) or (n == MARKER and is_ours))]
    if foreign or is_old or is_ours:
        return foreign[0] if foreign else ""
    unsure = [name for name in names if not _is_surely_ours(folder, name)]
    is_host = os.path.basename(folder.path) == paths.REGISTRIES
    return unsure[0] if unsure and (is_host or len(unsure) == len(names)) else ""


def _is_surely_ours(folder: Directory, name: str) -> bool:
    """Whether one of our files has content, or a name that no other program gives a file."""
    base = name.rpartition("~")[0]
    if "@" in base or name.startswith(MARKER) or registry.parse(base or name):
        return True
    try:
        return folder.stat(name).st_size > 0
    except FileNotFoundError:
        return True  # another process removed it


def _read_marker(folder: Directory) -> bytes | None:
    """Return the start of the marker's content; None if it is missing or not this user's file.

    It may have a second hard link: some programs give equal files one inode.
    """
    try:
        opened = folder.open(MARKER, os.O_RDONLY)
    except OSError:
        return None
    try:
        seen = os.fstat(opened)
        is_own = sys.platform == "win32" or seen.st_uid == os.geteuid()
        if is_own and stat.S_ISREG(seen.st_mode):
            return os.read(opened, len(MARKER_TEXT) + 1)
    except OSError:
        pass
    finally:
        os.close(opened)
    return None


def _is_ours(folder: Directory, name: str) -> bool:
    try:
        os.close(open_ours(folder, name))
    except FileNotFoundError:
        pass  # another process removed it
    except OSError:
        return False
    return True


def open_ours(folder: Directory, name: str, flags: int = os.O_RDONLY) -> int:
    """Open a file that this program created, as its name and content show; return its descriptor.

    Raises Foreign, and OSError if it cannot be opened.
    """
    kind = os.path.basename(folder.path)
    is_temporary = temporary.is_cache_name(name)
    if not is_temporary and not _has_form(kind, name):
        msg = "its name is not one of this program's"
        raise Foreign(msg)
    opened = folder.open(name, flags)
    try:
        _check(opened, kind, is_temporary=is_temporary)
    except BaseException:
        os.close(opened)
        raise
    return opened


def _check(opened: int, kind: str, *, is_temporary: bool) -> None:
    """Raise Foreign unless an opened file has the content of this program's."""
    if not private.stands_alone(os.fstat(opened)):
        msg = "it is not this user's own regular file"
        raise Foreign(msg)
    head = os.read(opened, len(NOTE_START))
    os.lseek(opened, 0, os.SEEK_SET)
    if not _has_content(kind, head, is_temporary=is_temporary):
        msg = "its content is not this program's"
        raise Foreign(msg)


def _has_form(kind: str, name: str) -> bool:
    """Whether a name is one that this program gives a file in a folder of this kind."""
    if kind == paths.REGISTRIES:
        return registry.parse_host(name) == name
    base, _, digits = name.rpartition("~")
    wanted = _LOCK_DIGITS if kind == paths.LOCKS else _ENTRY_DIGITS
    if kind == paths.LOCKS and name == _OLD_LOCK:
        return True
    return len(digits) == wanted and _HEX.issuperset(digits) and _is_served(base)


def _has_content(kind: str, head: bytes, *, is_temporary: bool) -> bool:
    """Whether a file with these first bytes has the content of this program's."""
    if is_temporary:  # a killed process wrote a part of it
        return head.startswith(_MAGIC) or _MAGIC.startswith(head)
    if kind == paths.REGISTRIES:
        return not head
    return not head or head.startswith(NOTE_START if kind == paths.LOCKS else _MAGIC)


def _is_served(name: str) -> bool:
    """Whether a name is a registry's host or an endpoint (`Registry.endpoint`)."""
    service, at, rest = name.partition("@")
    if at:
        return bool(service and rest) and _NAME.issuperset(service + rest)
    return name != "" and registry.parse_host(name) == name
