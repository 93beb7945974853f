"""Hot layer: authorization tokens on disk, one small file each.

A file is one header line and then the end of a reply, ready to be sent:

    ecrpy-1 <checksum> <written> <refresh> <expires> <subject>
    "Username":"AWS","Secret":"..."}

Times are nanoseconds since the epoch (UTC). The subject says whose token this is and for what;
it is compared whole, so the short fingerprint in the file's name may collide without harm. The
checksum covers all that follows it, so a flipped bit is a miss.

Reading never raises anything but `Miss`, and never changes anything. Nothing is shared between
files, and each is written beside its place and moved there, so no write can lose another's.
"""

import os
import stat
import sys
import time

from docker_credential_ecrpy import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

SECOND: "Final" = 1_000_000_000

# A residue modulo a prime is a checksum that needs no import (zlib and hashlib are extension
# modules): any change within 124 bits that lie together, and so any changed byte, changes it.
# The first prime from the leading digits of pi on: one without a shape that data could share.
_PRIME = 31415926535897932384626433832795028841
_MAGIC = b"ecrpy-1 "
_SUM_DIGITS = 32
_HEADER_FIELDS = 4  # written, refresh, expires, subject
_MAX_ENTRY = 256 * 1024  # an ECR token is 2 to 5 KB; AWS names no limit

_READ_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)  # a link is somebody else's idea
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not hang a reader
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_WRITE_FLAGS = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
NOT_OURS: "Final" = b""
"""The reply kept for a host that our settings leave to nobody: neither ECR nor a fallback."""
_TEMPORARY = ".new-"
_DEAD_AFTER = 24 * 3600  # seconds until a file that is no entry is rubbish, not work in progress
_SWEEP_LIMIT = 500  # files examined by one write, so that old ones never make it slow


class Miss(Exception):
    """There is no usable entry; the text says why."""


class Entry:
    """One token kept on disk.

    written, refresh, expires: nanoseconds since the epoch (UTC); from `refresh` on a new token
    should be fetched, from `expires` on this one is dead.
    reply: the reply's bytes after `{"ServerURL":"...",`.
    """

    __slots__ = ("expires", "refresh", "reply", "written")

    def __init__(self, written: int, refresh: int, expires: int, reply: bytes) -> None:
        self.written = written
        self.refresh = refresh
        self.expires = expires
        self.reply = reply

    def __repr__(self) -> str:
        return f"Entry(written={self.written}, refresh={self.refresh}, expires={self.expires})"

    def fresh(self, now: int) -> bool:
        """Whether nothing newer need be fetched at `now` (nanoseconds)."""
        return now < self.refresh


def token_place(directory: str, name: str, identity: str) -> "tuple[str, str]":
    """Return path and subject of the token that `identity` holds for `name`.

    `directory` is the cache's; `name` a registry's host or an endpoint, safe for a file name.
    """
    return _place(os.path.join(directory, paths.TOKENS), name, f"{name} {identity}")


def login_place(directory: str, host: str, settings: str = "") -> "tuple[str, str]":
    """Return path and subject of what `docker login` stored for `host`, whoever asks for it.

    settings: for a private name, `identity.of_settings`: what the name stands for is written
    there, and another registry's login is not to be sent to it.
    """
    subject = f"{host} login {settings}".rstrip()
    return _place(os.path.join(directory, paths.LOGINS), host, subject)


def _place(directory: str, name: str, subject: str) -> "tuple[str, str]":
    return os.path.join(directory, f"{name}~{fingerprint(subject)}"), subject


def fingerprint(subject: str) -> str:
    """Return a short name for a subject. Not a secure hash: equal names prove nothing."""
    return _checksum(subject.encode()).decode()


def answer(directory: str, host: str, identity: str, now: int, *, settings: str = "") -> Entry:
    """Return what may answer for `host` without AWS: a stored login, or else a fresh token.

    settings: as in `login_place`. Raises Miss, with the reason.
    """
    try:
        return read(*login_place(directory, host, settings), now)
    except Miss:
        entry = read(*token_place(directory, host, identity), now)
    if not settings and entry.reply == NOT_OURS:
        msg = "it is of a version that did not know this host"
        raise Miss(msg)
    if not entry.fresh(now):
        msg = "it is due for renewal"
        raise Miss(msg)
    return entry


def read(path: str, subject: str, now: int) -> Entry:
    """Return the live entry for `subject` at `path`.

    Raises Miss: no file; one that is not ours, that others may read, or that does not hold
    together; another subject's; expired; or written after `now`, since then the clock has
    jumped back and its times mean nothing.
    """
    entry, found = read_any(path)
    if found != subject:
        msg = "it is kept for another identity or registry"
        raise Miss(msg)
    if now < entry.written:
        msg = "it was written in the future: the clock was set back"
        raise Miss(msg)
    if now >= entry.expires:
        msg = "it has expired"
        raise Miss(msg)
    return entry


def read_any(path: str) -> "tuple[Entry, str]":
    """Return the entry at `path`, dead or alive, and its subject. Raises Miss as `read` does."""
    return _parse(_contents(path))


def write(path: str, subject: str, entry: Entry) -> None:
    """Keep `entry` for `subject` at `path`, whole or not at all.

    Raises OSError, also when the directory is not ours; then nothing is left behind.
    """
    own_directory(os.path.dirname(path))
    header = f" {entry.written} {entry.refresh} {entry.expires} {subject}\n"
    body = header.encode() + entry.reply
    write_whole(path, _MAGIC + _checksum(body) + body)


def own_directory(directory: str) -> None:
    """Make `directory` where it is missing, for this user's eyes alone.

    Raises OSError where that fails, where it belongs to somebody else, or where root, by
    `sudo`, would make it in the home of the very user who asked: they could not use it then.
    """
    # Not makedirs: it would give the parents the default mode. Others may be at the same.
    parent = os.path.dirname(directory)
    if parent and not os.path.isdir(parent):
        own_directory(parent)
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


def sweep(directory: str, now: int) -> int:
    """Remove what is of no more use from `directory`, within bounds; return how many went.

    Gone are entries past their expiry, and files that are no entries and too old to become
    any. At most `_SWEEP_LIMIT` files are looked at, from a place that differs from call to
    call, so that in the end each has its turn. Never raises.
    """
    try:
        names = os.listdir(directory)
    except OSError:
        return 0
    start = now // SECOND * 7919 % len(names) if len(names) > _SWEEP_LIMIT else 0
    turn = (names[start:] + names[:start])[:_SWEEP_LIMIT]
    return sum(_remove_if_dead(os.path.join(directory, name), now) for name in turn)


def forget(directory: str, name: str) -> int:
    """Remove every entry whose file name begins with `name`; return how many there were.

    Raises OSError where one cannot be removed.
    """
    return sum(_remove(path) for path in _entries(directory, name))


def _entries(directory: str, name: str) -> "Iterator[str]":
    try:
        names = os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError):
        return
    for found in names:
        if found.startswith(name + "~"):
            yield os.path.join(directory, found)


def _contents(path: str) -> bytes:
    try:
        opened = os.open(path, _READ_FLAGS)
    except FileNotFoundError:
        msg = "there is none yet"
        raise Miss(msg) from None
    except (OSError, ValueError) as exc:
        msg = f"it cannot be opened: {exc}"
        raise Miss(msg) from exc
    try:
        seen = os.fstat(opened)
        if not stat.S_ISREG(seen.st_mode):
            msg = "it is not a regular file"
            raise Miss(msg)
        if sys.platform != "win32" and (seen.st_uid != os.geteuid() or seen.st_mode & 0o077):
            msg = "it is another user's, or others may read it"
            raise Miss(msg)
        return os.read(opened, _MAX_ENTRY)
    except OSError as exc:
        msg = f"it cannot be read: {exc}"
        raise Miss(msg) from exc
    finally:
        os.close(opened)


def _parse(data: bytes) -> "tuple[Entry, str]":
    start = len(_MAGIC) + _SUM_DIGITS
    body = data[start:]
    if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : start] != _checksum(body):
        msg = "it is damaged"
        raise Miss(msg)
    header, _, reply = body.partition(b"\n")
    try:
        written, refresh, expires, subject = header[1:].decode().split(" ", _HEADER_FIELDS - 1)
        entry = Entry(int(written), int(refresh), int(expires), reply)
    except ValueError as exc:
        msg = "its header is not understood"
        raise Miss(msg) from exc
    return entry, subject


def _checksum(data: bytes) -> bytes:
    return b"%032x" % (int.from_bytes(data, "big") % _PRIME)


def write_whole(path: str, data: bytes, *, sync: bool = False) -> None:
    """Write a private file whole: beside its place, and then moved there.

    `sync` has it on the disk before that, for what has no checksum. What root writes into
    another user's directory is that user's. Raises OSError, and then leaves what was there
    before and nothing else.
    """
    directory = os.path.dirname(path)
    beside = os.path.join(directory, f"{_TEMPORARY}{os.getpid()}-{time.monotonic_ns()}")
    try:
        opened = os.open(beside, _WRITE_FLAGS, 0o600)
        try:
            left = data
            while left:
                left = left[os.write(opened, left) :]
            if sync:
                os.fsync(opened)
        finally:
            os.close(opened)
        if sys.platform != "win32":
            owner = os.stat(directory)
            if owner.st_uid != os.geteuid() == 0:
                os.chown(beside, owner.st_uid, owner.st_gid)
        os.replace(beside, path)
    except BaseException:
        try:
            _remove(beside)
        except OSError:
            pass  # the error that led here says more
        raise


def _remove(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    return True


def _remove_if_dead(path: str, now: int) -> bool:
    try:
        seen = os.lstat(path)
        if not stat.S_ISREG(seen.st_mode):
            return False
        try:
            dead = now >= read_any(path)[0].expires
        except Miss:
            dead = seen.st_mtime_ns < now - _DEAD_AFTER * SECOND
        return dead and _remove(path)
    except OSError:
        return False
