"""Cache entries on disk, one small file per authorization token.

A file is one header line, then a line for each input that decided the identity when the token was
fetched, and then the end of a reply, ready to be sent:

    ecrpy-3 <checksum> <written> <refresh> <expires> <booted> <origin> <subject>
    F 1234.0123456789abcdef 2f7372762f6372656473
    "Username":"AWS","Secret":"..."}

Times are nanoseconds since the epoch (UTC); `booted` is the machine's start time, by the clock at
the time of writing. `origin` is the machine and its boot. The subject names the token's identity
and registry; it is compared whole, so a collision of the short fingerprint in the file name is
harmless. The checksum covers everything after it, so a flipped bit is a miss.

A token is in one file, its endpoint's. A host's file has a reference to it instead of a reply, so
that an erased token has no copies: `>`, the file's name, a blank and its subject.

Reads raise only `Miss`, and never change a file. Each file is replaced atomically (`tokens.entry`),
so no write can lose another one.
"""

import os
import stat
import sys
import time

from docker_credential_ecrpy.hot import identity as identities
from docker_credential_ecrpy.hot import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from docker_credential_ecrpy.hot.identity import Input

SECOND: "Final" = 1_000_000_000

# The checksum is a residue modulo a prime, which needs no import (zlib and hashlib are extension
# modules): any change within 124 consecutive bits, and so any changed byte, changes it.
# This is the first prime from the leading digits of pi on: no pattern that data could share.
_PRIME = 31415926535897932384626433832795028841
MAGIC: "Final" = b"ecrpy-3 "
"""The first bytes of an entry's file."""
_MAGIC_2 = b"ecrpy-2 "  # of version 0.1.0: without origin and inputs
_SUM_DIGITS = 32
REFERENCE: "Final" = b">"
"""The first byte of a reference, in place of a reply."""
_INPUT = b"FPLC"  # the first byte of an input's line, as in `identity.observe`
MAX_ENTRY = 256 * 1024  # bytes; an ECR token is 2 to 5 KB; AWS documents no limit

_READ_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)  # another user may have planted a link
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not hang a reader
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
# `tokens.login` writes a token's reply: its start, the text before its secret, and its end.
REPLY_START = b'"Username":"'
REPLY_SECRET = b'","Secret":"'
REPLY_END = b'"}\n'
_STEP = SECOND  # time servers set clocks back by less, which is ignored
_BOOT_ID = "/proc/sys/kernel/random/boot_id"  # of Linux, the same in its containers
_BOOT_DIGITS = 36
_CLOCK = "/sys/class/rtc/rtc0"  # of Linux, if the machine has a hardware clock; in containers, too
DEFERRED: "Final" = 60 * SECOND
"""The longest time by which a file's mtime defers the refresh of its token, after a failure."""


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
    inputs: what decided the identity besides the variables and files in its line, as it was when
    the token was fetched.
    origin: this machine and its boot, as in `find_origin`; "" for an entry of version 0.1.0.
    """

    __slots__ = ("booted", "expires", "inputs", "origin", "refresh", "reply", "written")

    def __init__(  # noqa: PLR0913 - the fields of an entry
        self,
        written: int,
        refresh: int,
        expires: int,
        reply: bytes,
        booted: "int | None" = None,
        *,
        inputs: "tuple[Input, ...]" = (),
        origin: "str | None" = None,
    ) -> None:
        self.written = written
        self.refresh = refresh
        self.expires = expires
        self.reply = reply
        self.booted = written - _uptime() if booted is None else booted
        self.inputs = inputs
        self.origin = find_origin() if origin is None else origin

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
        # Without a hardware clock, a machine may start with the time at which it was turned off. A
        # clock whose battery is empty starts years ago, before the entry was written.
        is_reference = self.reply.startswith(REFERENCE)  # the token that it refers to is checked
        if not is_reference and not os.access(_CLOCK, os.F_OK) and self._is_from_earlier_boot():
            return "it is from before this machine's restart, and the clock may be wrong since"
        return ""

    def _is_from_earlier_boot(self) -> bool:
        machine, _, boot = self.origin.partition(":")
        return boot != _boot_id() and machine == _machine_digest()

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
        booted = self.booted - back
        return Entry(*times, self.reply, booted, inputs=self.inputs, origin=self.origin)

    def defer(self, until: int, now: int) -> None:
        """Refresh later, at `until`, unless that is more than `DEFERRED` from `now`."""
        if self.refresh < until <= now + DEFERRED:
            self.refresh = min(until, self.expires)


def _uptime() -> int:
    """Return the nanoseconds since this machine started, by a clock that is never set.

    On Linux it counts suspended time too: https://man7.org/linux/man-pages/man2/clock_gettime.2.html
    Elsewhere suspended time may be missing, and `set_back` then corrects by less.
    """
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return time.monotonic_ns()


def find_origin() -> str:
    """Return this machine and its boot, as `<digest of its name>:<boot id>`.

    Only Linux has a boot id in a file:
    https://man7.org/linux/man-pages/man5/proc_sys_kernel.5.html
    """
    return f"{_machine_digest()}:{_boot_id()}"


def _machine_digest() -> str:
    return identities.digest_text(identities.machine(os.environ))


def _boot_id() -> str:
    try:
        opened = os.open(_BOOT_ID, os.O_RDONLY)
        try:
            return os.read(opened, _BOOT_DIGITS).decode("ascii", "replace")
        finally:
            os.close(opened)
    except OSError:
        return ""


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
    return checksum(subject.encode()).decode()


def answer(  # noqa: PLR0913 - what the answer depends on, without a class on the hot path
    directory: str,
    host: str,
    identity: str,
    now: int,
    environ: "Mapping[str, str]",
    *,
    settings: str = "",
) -> Entry:
    """Return the entry that answers for `host` without AWS: a stored login, else a fresh token.

    settings: as in `login_place`. Raises Miss, with the reason.
    """
    try:
        return read(*login_place(directory, host, settings), now, environ)
    except Miss:
        entry = read(*token_place(directory, host, identity, settings), now, environ)
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


def read(path: str, subject: str, now: int, environ: "Mapping[str, str]") -> Entry:
    """Return the live token or login for `subject` at `path`, or at the place that it refers to.

    Raises Miss: no file; one with another owner, a readable mode or damage; another subject's; a
    dead one (`Entry.dead`); one that holds no token; or one whose inputs changed.
    """
    entry = _read(path, subject, now)
    name = referred(entry)
    if name:
        target = entry.reply.decode("ascii", "replace").rstrip("\n").partition(" ")[2]
        entry = _read(os.path.join(os.path.dirname(path), name), target, now)
    if not holds_token(entry):
        msg = "it holds no token"
        raise Miss(msg)
    changed = identities.find_changed(entry.inputs, environ)
    if changed:
        msg = f"{changed}, which decides the AWS identity, changed"
        raise Miss(msg)
    return entry


def referred(entry: Entry) -> str:
    """Return the name of the file that a host's entry refers to; "" where it is no reference."""
    if not entry.reply.startswith(REFERENCE):
        return ""
    return os.path.basename(entry.reply[1:].decode("ascii", "replace").partition(" ")[0])


def holds_token(entry: Entry) -> bool:
    """Whether an entry's reply is complete, and its secret is not empty."""
    reply = entry.reply
    at = reply.find(REPLY_SECRET, len(REPLY_START))
    return (
        at >= 0
        and reply.startswith(REPLY_START)
        and reply.endswith(REPLY_END)
        and at + len(REPLY_SECRET) < len(reply) - len(REPLY_END)
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

    now: corrects the times if the clock was set back (`Entry.set_back`), and defers the refresh to
    the file's mtime; None leaves them.
    """
    data, changed = _contents(path)
    entry, subject = parse(data)
    if now is not None:
        entry = entry.set_back(now)
        entry.defer(changed, now)
    return entry, subject


def _contents(path: str) -> "tuple[bytes, int]":
    """Return a file's content, and its mtime in nanoseconds since the epoch (UTC)."""
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
        # Memory for the largest entry would take longer than all the rest.
        return os.read(opened, min(seen.st_size, MAX_ENTRY)), seen.st_mtime_ns
    except OSError as exc:
        msg = f"it cannot be read: {exc}"
        raise Miss(msg) from exc
    finally:
        os.close(opened)


def parse(data: bytes) -> "tuple[Entry, str]":
    """Return the entry and the subject in a file's content. Raises Miss."""
    if not data:  # a removed login
        msg = "there is none yet"
        raise Miss(msg)
    start = len(MAGIC) + _SUM_DIGITS
    magic, body = data[: len(MAGIC)], data[start:]
    if magic not in (MAGIC, _MAGIC_2) or data[len(MAGIC) : start] != checksum(body):
        msg = "it is damaged"
        raise Miss(msg)
    header, _, rest = body.partition(b"\n")
    inputs: list[Input] = []
    try:
        written, refresh, expires, booted, subject = header[1:].decode().split(" ", 4)
        origin = ""
        if magic == MAGIC:
            origin, subject = subject.split(" ", 1)
            while rest[1:2] == b" " and rest[:1] in _INPUT:
                line, _, rest = rest.partition(b"\n")
                kind, state, name = line.decode().split(" ")
                inputs.append((kind, state, os.fsdecode(bytes.fromhex(name))))
        times = int(written), int(refresh), int(expires)
        entry = Entry(*times, rest, int(booted), inputs=tuple(inputs), origin=origin)
    except ValueError as exc:
        msg = "its header is invalid"
        raise Miss(msg) from exc
    return entry, subject


def checksum(data: bytes) -> bytes:
    """Return the checksum of what follows it in a file."""
    return b"%032x" % (int.from_bytes(data, "big") % _PRIME)
