"""Cache entries on disk, one small file per authorization token.

A file is one header line and then the end of a reply, ready to be sent:

    ecrpy-2 <checksum> <written> <refresh> <expires> <booted> <subject>
    "Username":"AWS","Secret":"..."}

Times are nanoseconds since the epoch (UTC); `booted` is the machine's start time, by the clock at
the time of writing. The subject names the token's identity and registry; it is compared whole, so
a collision of the short fingerprint in the file name is harmless. The checksum covers everything
after it, so a flipped bit is a miss.

Reads raise only `Miss`, and never change a file. Files share nothing, and each is replaced
atomically (`tokens.store`), so no write can lose another one.
"""

import os
import stat
import sys
import time

from docker_credential_ecrpy.hot import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SECOND: "Final" = 1_000_000_000

# The checksum is a residue modulo a prime, which needs no import (zlib and hashlib are extension
# modules): any change within 124 consecutive bits, and so any changed byte, changes it.
# This is the first prime from the leading digits of pi on: no pattern that data could share.
_PRIME = 31415926535897932384626433832795028841
_MAGIC = b"ecrpy-2 "
_SUM_DIGITS = 32
_HEADER_FIELDS = 5  # written, refresh, expires, booted, subject
_MAX_ENTRY = 256 * 1024  # an ECR token is 2 to 5 KB; AWS documents no limit

_READ_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)  # another user may have planted a link
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not hang a reader
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
# The layout of a token's reply: its start, the text before its secret, and its end. `tokens.token`
# writes it.
_REPLY_START = b'"Username":"'
_REPLY_SECRET = b'","Secret":"'
_REPLY_END = b'"}\n'
_STEP = SECOND  # time servers set clocks back by less, which is ignored


class Miss(Exception):
    """No usable entry; the text says why. due: a valid entry that is due for refresh."""

    def __init__(self, why: str, due: "Entry | None" = None) -> None:
        super().__init__(why)
        self.due = due


class Entry:
    """One token in the cache.

    written, refresh, expires: nanoseconds since the epoch (UTC); from `refresh` on a new token
    should be fetched, from `expires` on this one is dead.
    reply: the reply's bytes after `{"ServerURL":"...",`.
    booted: when this machine started, in the same unit; by default from the current clock.
    """

    __slots__ = ("booted", "expires", "refresh", "reply", "written")

    def __init__(
        self, written: int, refresh: int, expires: int, reply: bytes, booted: "int | None" = None
    ) -> None:
        self.written = written
        self.refresh = refresh
        self.expires = expires
        self.reply = reply
        self.booted = written - _uptime() if booted is None else booted

    def __repr__(self) -> str:
        return f"Entry(written={self.written}, refresh={self.refresh}, expires={self.expires})"

    def fresh(self, now: int) -> bool:
        """Whether no newer token is needed at `now` (nanoseconds)."""
        return now < self.refresh

    def dead(self, now: int) -> str:
        """Return why the entry is dead at `now` (nanoseconds); "" if it is alive."""
        if now < self.written:
            return "it was written in the future: the clock was set back"
        if now >= self.expires:
            return "it has expired"
        return ""

    def set_back(self, now: int) -> "Entry":
        """Return the entry with its times moved back as far as the clock was set back since.

        The clock says `now`. The machine's start time moves with the clock, so it shows how far the
        clock was set back; after a restart, only `dead` can detect that. On a machine that shares
        these files and has been running for longer, entries look older than they are.
        """
        back = self.booted + _uptime() - now
        if back <= _STEP:
            return self
        times = self.written - back, self.refresh - back, self.expires - back
        return Entry(*times, self.reply, self.booted - back)


def _uptime() -> int:
    """Return the nanoseconds since this machine started, by a clock that is never set.

    On Linux it counts suspended time too: https://man7.org/linux/man-pages/man2/clock_gettime.2.html
    Elsewhere suspended time may be missing, and `set_back` then corrects by less.
    """
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return time.monotonic_ns()


def token_place(directory: str, name: str, identity: str, settings: str = "") -> "tuple[str, str]":
    """Return the path and subject of the token of `identity` for `name`.

    directory: the cache's. name: a registry's host or an endpoint, safe for a file name.
    settings: as in `login_place`; a later release may recognize the private name as an ECR host.
    """
    subject = f"{name} {settings} {identity}" if settings else f"{name} {identity}"
    return _place(os.path.join(directory, paths.TOKENS), name, subject)


def login_place(directory: str, host: str, settings: str = "") -> "tuple[str, str]":
    """Return the path and subject of the stored `docker login` for `host`, for every identity.

    settings: for a private name, `identity.settings_part`: the settings map the name to a registry,
    and one registry's login must never be sent to another.
    """
    subject = f"{host} login {settings}".rstrip()
    return _place(os.path.join(directory, paths.LOGINS), host, subject)


def elsewhere_place(directory: str, host: str, identity: str) -> "tuple[str, str]":
    """Return the path and subject of the note that neither ECR nor the fallback serves `host`."""
    return _place(os.path.join(directory, paths.ELSEWHERE), host, f"{host} {identity}")


def _place(directory: str, name: str, subject: str) -> "tuple[str, str]":
    return os.path.join(directory, f"{name}~{fingerprint(subject)}"), subject


def fingerprint(subject: str) -> str:
    """Return a short name for a subject. Not a secure hash: equal names prove nothing."""
    return _checksum(subject.encode()).decode()


def answer(directory: str, host: str, identity: str, now: int, *, settings: str = "") -> Entry:
    """Return the entry that answers for `host` without AWS: a stored login, else a fresh token.

    settings: as in `login_place`. Raises Miss, with the reason.
    """
    try:
        return read(*login_place(directory, host, settings), now)
    except Miss:
        entry = read(*token_place(directory, host, identity, settings), now)
    if not entry.fresh(now):
        msg = "it is due for refresh"
        raise Miss(msg, entry)
    return entry


def is_elsewhere(directory: str, host: str, identity: str, now: int) -> bool:
    """Whether a live note says that neither ECR nor the fallback serves `host`."""
    try:
        return not _read(*elsewhere_place(directory, host, identity), now).reply
    except Miss:
        return False


def read(path: str, subject: str, now: int) -> Entry:
    """Return the live token or login for `subject` at `path`.

    Raises Miss: no file; one with another owner, a readable mode or damage; another subject's; a
    dead one (`Entry.dead`); or one that holds no token.
    """
    entry = _read(path, subject, now)
    if not holds_token(entry):
        msg = "it holds no token"
        raise Miss(msg)
    return entry


def holds_token(entry: Entry) -> bool:
    """Whether an entry's reply is complete, and its secret is not empty."""
    reply = entry.reply
    at = reply.find(_REPLY_SECRET, len(_REPLY_START))
    return (
        at >= 0
        and reply.startswith(_REPLY_START)
        and reply.endswith(_REPLY_END)
        and at + len(_REPLY_SECRET) < len(reply) - len(_REPLY_END)
    )


def _read(path: str, subject: str, now: int) -> Entry:
    entry, found = read_any(path, now)
    if found != subject:
        msg = "it belongs to another identity or registry"
        raise Miss(msg)
    why = entry.dead(now)
    if why:
        raise Miss(why)
    return entry


def read_any(path: str, now: "int | None" = None) -> "tuple[Entry, str]":
    """Return the entry at `path`, dead or alive, and its subject. Raises Miss as `read` does.

    now: corrects the times if the clock was set back (`Entry.set_back`); None leaves them.
    """
    entry, subject = _parse(_contents(path))
    return entry if now is None else entry.set_back(now), subject


def packed(subject: str, entry: Entry) -> bytes:
    """Return the content of the file that stores `entry` for `subject`."""
    times = f"{entry.written} {entry.refresh} {entry.expires} {entry.booted}"
    header = f" {times} {subject}\n"
    body = header.encode() + entry.reply
    return _MAGIC + _checksum(body) + body


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
            msg = "another user owns it, or others may read it"
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
        written, refresh, expires, booted, subject = (
            header[1:].decode().split(" ", _HEADER_FIELDS - 1)
        )
        entry = Entry(int(written), int(refresh), int(expires), reply, int(booted))
    except ValueError as exc:
        msg = "its header is invalid"
        raise Miss(msg) from exc
    return entry, subject


def _checksum(data: bytes) -> bytes:
    return b"%032x" % (int.from_bytes(data, "big") % _PRIME)
