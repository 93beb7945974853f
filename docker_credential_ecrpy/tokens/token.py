"""An ECR authorization token: what it holds, and how long it lives."""

import base64
import json
from collections.abc import Callable

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot import identity as identities
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.tokens.entry import TOKEN_LIFE
from docker_credential_ecrpy.tokens.login import reply_tail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.hot.identity import Input

_JITTER_PART = 10  # of the time to the refresh
_JITTER_DIGITS = 8  # of a digest


@dataclass(frozen=True)
class Token:
    """A user name and password for a registry; its `repr` does not show the password.

    expires: nanoseconds since the epoch (UTC).
    credentials_expire: the same for the AWS credentials that fetched it, or None if they never
    expire. Users report that a token dies with the role session that fetched it.
    inputs: what decided the identity that fetched it (`hot.cache.Entry`).
    ends_with_credentials: whether it is used no longer than these, even if AWS cannot be reached.
    """

    username: str
    password: str = field(repr=False)
    expires: int
    credentials_expire: int | None = None
    inputs: "tuple[Input, ...]" = field(default=(), repr=False)
    ends_with_credentials: bool = False

    def entry(self, now: int) -> cache.Entry:
        """Return its cache entry, written at `now` (nanoseconds).

        It is due for refresh at `refresh_time`, with the jitter of this machine and its boot.
        """
        expires = min(self.expires, now + TOKEN_LIFE)
        origin = cache.find_origin()
        refresh = refresh_time(now, expires, self.credentials_expire, jitter(origin))
        if self.credentials_expire is not None and self.ends_with_credentials:
            expires = min(expires, self.credentials_expire)
        reply = reply_tail(self.username, self.password)
        return cache.Entry(now, refresh, expires, reply, inputs=self.inputs, origin=origin)


def jitter(name: str) -> float:
    """Return a number from 0 on, below 1, that depends on `name` alone, spread evenly over names.

    It needs no memory: a machine has the same jitter for each of its tokens.
    """
    return int(identities.digest_text(name)[:_JITTER_DIGITS], 16) / (1 << 4 * _JITTER_DIGITS)


def refresh_time(written: int, expires: int, credentials_expire: int | None, share: float) -> int:
    """Return when a token is due for refresh; all times are in ns since the epoch (UTC).

    It is at half its life, or when the credentials that fetched it expire, whichever is earlier.
    Machines that fetched theirs in one second would all call AWS in one second again, so it is up
    to a tenth of that time earlier, and never later. share: of that tenth, as from `jitter`.
    """
    due = written + (expires - written) // 2
    if credentials_expire is not None:
        due = min(due, credentials_expire)
    return spread(written, due, share)


def spread(written: int, due: int, share: float) -> int:
    """Return a time up to a tenth of the way from `due` back to `written`; all in ns."""
    return due - int(max(due - written, 0) // _JITTER_PART * share)


def unspread_refresh(entry: cache.Entry) -> int:
    """Return when a token would be due for refresh on a machine without jitter.

    That is at half its life, or when the credentials that fetched it expire: the inverse of
    `refresh_time`, to some nanoseconds.
    """
    share = jitter(entry.origin) / _JITTER_PART
    due = entry.written + int((entry.refresh - entry.written) / (1 - share))
    half = entry.written + (entry.expires - entry.written) // 2
    return max(entry.refresh, min(due, half))


Fetch = Callable[[Choice, float], Token]
"""Requests a registry's token from AWS, within so many seconds. Raises HelperError."""


def login_in_reply(tail: bytes) -> tuple[str, str]:
    """Return the user name and password in the end of a reply (`reply_tail`)."""
    fields = json.loads(b"{" + tail)
    return fields["Username"], fields["Secret"]


def parse_authorization(encoded: str, expires: int, credentials_expire: int | None) -> Token:
    """Return the token that AWS sent as `authorizationToken`: base64 of `AWS:<password>`.

    Raises ValueError for anything else.
    """
    username, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    if not (username and colon and password):
        msg = "not a user name and a password"
        raise ValueError(msg)
    return Token(username, password, expires, credentials_expire)
