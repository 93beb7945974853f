"""An ECR authorization token: what it holds, and how long it lives."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.settings.rules import Choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.hot.identity import Input

USERNAME = "AWS"
_STANDARD = str.maketrans("-_", "+/")  # digits of base64 that is safe for URLs -> the usual ones
# The life of an ECR token; also the longest that a token is stored for.
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_AuthorizationData.html
TOKEN_LIFE = 12 * 3600 * cache.SECOND


@dataclass(frozen=True)
class Token:
    """A user name and password for a registry; its `repr` does not show the password.

    expires: nanoseconds since the epoch (UTC).
    credentials_expire: the same for the AWS credentials that fetched it, or None if they never
    expire. Users report that a token dies with the role session that fetched it.
    inputs: what decided the identity that fetched it (`hot.cache.Entry`).
    """

    username: str
    password: str = field(repr=False)
    expires: int
    credentials_expire: int | None = None
    inputs: "tuple[Input, ...]" = field(default=(), repr=False)

    def entry(self, now: int) -> cache.Entry:
        """Return its cache entry, written at `now` (nanoseconds).

        It is due for refresh at half its life, or when the credentials that fetched it expire.
        """
        expires = min(self.expires, now + TOKEN_LIFE)
        refresh = now + (expires - now) // 2
        if self.credentials_expire is not None:
            refresh = min(refresh, self.credentials_expire)
        return cache.Entry(now, refresh, expires, reply_tail(self), inputs=self.inputs)

    def login_entry(self, now: int) -> cache.Entry:
        """Return its entry as a stored login, which answers until it expires."""
        expires = min(self.expires, now + TOKEN_LIFE)
        return cache.Entry(now, expires, expires, reply_tail(self))


Fetch = Callable[[Choice, float], Token]
"""Requests a registry's token from AWS, within so many seconds. Raises HelperError."""


def reply_tail(token: Token) -> bytes:
    """Return the end of a reply to `get`: everything after its ServerURL."""
    fields = json.dumps(
        {"Username": token.username, "Secret": token.password}, separators=(",", ":")
    )
    return fields[1:].encode() + b"\n"


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


def token_from_login(username: str, password: str, now: int) -> Token:
    """Return the token of a `docker login`.

    An ECR password is base64 of a JSON object with an `expiration`, in seconds since the epoch;
    without that, the token is taken to be new.
    """
    expires = password_expiry(password)
    return Token(username, password, now + TOKEN_LIFE if expires is None else expires)


def password_expiry(password: str) -> int | None:
    """Return the expiry that an ECR password names, in ns since the epoch (UTC), or None.

    The password may have been wrapped, made safe for URLs, or have lost its padding on its way.
    """
    digits = "".join(password.split()).translate(_STANDARD).rstrip("=")
    padded = digits + "=" * (-len(digits) % 4)
    try:
        fields = json.loads(base64.b64decode(padded, validate=True))
        seconds = fields["expiration"]
        return None if isinstance(seconds, bool) else int(float(seconds) * cache.SECOND)
    except (binascii.Error, ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None
