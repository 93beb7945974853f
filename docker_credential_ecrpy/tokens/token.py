"""An ECR authorization token: what it holds, and how long it lives."""

import base64
import json
from collections.abc import Callable

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.tokens.entry import TOKEN_LIFE
from docker_credential_ecrpy.tokens.login import reply_tail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.hot.identity import Input


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

        It is due for refresh at half its life, or when the credentials that fetched it expire.
        """
        expires = min(self.expires, now + TOKEN_LIFE)
        refresh = now + (expires - now) // 2
        if self.credentials_expire is not None:
            refresh = min(refresh, self.credentials_expire)
            if self.ends_with_credentials:
                expires = min(expires, self.credentials_expire)
        reply = reply_tail(self.username, self.password)
        return cache.Entry(now, refresh, expires, reply, inputs=self.inputs)


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
