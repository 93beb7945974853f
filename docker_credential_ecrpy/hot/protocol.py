"""Docker's wire contract: its exact texts, exit codes, and bytes in and out.

Docker's client compares the texts whole, and treats each in its own way.
https://github.com/docker/docker-credential-helpers/blob/master/credentials/error.go
"""

import _signal  # type: ignore[import-not-found]  # in every interpreter; `signal` loads `enum`
import os
import sys

from docker_credential_ecrpy.hot import registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

    from docker_credential_ecrpy.hot.cache import Entry

NOT_FOUND: "Final" = "credentials not found in native keychain"
"""Docker continues anonymously after this text.

Use it for a failure only where anonymous pulls work.
"""
NO_SERVER_URL: "Final" = "no credentials server URL"
NO_USERNAME: "Final" = "no credentials username"

OK: "Final" = 0
FAILED: "Final" = 1  # testcontainers accepts no other code as a failure
INTERRUPTED: "Final" = 130  # what a shell reports for SIGINT

MAX_INPUT: "Final" = registry.MAX_URL  # bytes; a stored login is the longest, at about 5 KB
DEFAULT_TIMEOUT: "Final" = 25.0  # seconds that one `get` may take; testcontainers gives up at 30
MAX_TIMEOUT: "Final" = 3600.0  # the largest AWS_ECR_TIMEOUT, in seconds
_BLANKS = b" \t\r\n"

STDIN: "Final" = 0
STDOUT: "Final" = 1
STDERR: "Final" = 2


class GetRequest:
    """A client's `get`, and what the hot path's search of the cache found.

    data: standard input. server_url: the address in it. registry: the ECR registry that this
    names, or None. identity: the line (`identity.line`) that the cache was searched for, or "" if
    it was not searched. due: the host's token if it is valid but due for refresh, or None.
    """

    __slots__ = ("data", "due", "identity", "registry", "server_url")
    wants_headers = False
    """Whether it is one of `hot.bazel`, which is answered with headers of HTTP."""
    not_found: "tuple[int, bytes] | None" = (FAILED, NOT_FOUND.encode() + b"\n")
    """The exit code and output for a registry that is not ECR's; None if `helper` finds them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.server_url = data.decode("latin-1")
        self.registry = registry.parse(self.server_url)
        self.identity = ""
        self.due: Entry | None = None

    def reply(self, entry: "Entry", _now: int) -> bytes:
        """Return the answer with an entry's token: one JSON object, then a newline.

        The server URL is of URL characters only, as `registry.parse` ensures, so it needs no
        escapes.
        """
        return b'{"ServerURL":"%b",%b' % (self.server_url.encode(), entry.reply)


def parse_timeout(text: str) -> "float | None":
    """Return the seconds in AWS_ECR_TIMEOUT, by default `DEFAULT_TIMEOUT`; None if invalid."""
    text = text.strip()
    if not text:
        return DEFAULT_TIMEOUT
    if not text.isascii() or "_" in text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if 0 < seconds <= MAX_TIMEOUT else None


def time_limit(environ: "Mapping[str, str]") -> float:
    """Return the seconds in AWS_ECR_TIMEOUT; if it is invalid, which `cli` reports, the default."""
    return parse_timeout(environ.get("AWS_ECR_TIMEOUT", "")) or DEFAULT_TIMEOUT


def set_alarm(seconds: float) -> None:
    """Make the system end this process after `seconds`, even if a file access hangs.

    Only the main thread may. There is no alarm on Windows.
    """
    if sys.platform != "win32":
        # A client may leave the signal ignored or blocked.
        _signal.signal(_signal.SIGALRM, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_UNBLOCK, (_signal.SIGALRM,))
        set_timer(seconds)


def set_timer(seconds: float) -> None:
    """Move the alarm that `set_alarm` has set to `seconds` from now; 0 turns it off."""
    if sys.platform != "win32":
        _signal.setitimer(_signal.ITIMER_REAL, seconds)


def read_input(descriptor: int = STDIN) -> bytes:
    """Return the client's input without blanks around it; reads at most `MAX_INPUT` + 1 bytes.

    A result of more than `MAX_INPUT` bytes means that the input was too long. A closed input counts
    as empty.
    """
    data = b""
    while len(data) <= MAX_INPUT:
        try:
            more = os.read(descriptor, MAX_INPUT + 1 - len(data))
        except BlockingIOError:
            os.set_blocking(descriptor, True)  # the client made its pipe non-blocking
            continue
        except OSError:
            return b""
        if not more:
            break
        data += more
    return data if len(data) > MAX_INPUT else data.strip(_BLANKS)


def has_streams() -> bool:
    """Whether the standard streams are open: a file that is opened would take their place."""
    try:
        for descriptor in (STDIN, STDOUT, STDERR):
            os.fstat(descriptor)
    except OSError:
        return False
    return True


def send(data: bytes, descriptor: int = STDOUT) -> None:
    """Write all of `data`. Raises OSError, such as BrokenPipeError for a closed pipe."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            os.set_blocking(descriptor, True)
