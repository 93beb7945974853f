"""A login that a pull secret holds, from the engine's cache entry."""

import base64
import hashlib
from collections.abc import Sequence

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.tokens.token import login_in_reply


@dataclass(frozen=True)
class Login:
    """A registry's user name and password; its `repr` does not show the password.

    key: the registry as consumers look it up: its host, with its port if that is named.
    identity: what the rules choose for it, as `rules.Choice.identity` says it.
    """

    key: str
    username: str
    password: str = field(repr=False)
    identity: str = ""

    @property
    def auth(self) -> str:
        """The login as `auth` in Docker's config.json, which wins over user name and password."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


@dataclass(frozen=True)
class Times:
    """When logins were fetched, are due for refresh, and expire: of several, the earliest.

    Nanoseconds since the epoch (UTC), as in `hot.cache.Entry`.
    """

    written: int
    refresh: int
    expires: int


def login_of(key: str, entry: cache.Entry, identity: str) -> Login:
    """Return the login of a cache entry."""
    return Login(key, *login_in_reply(entry.reply), identity)


def times_of(entries: Sequence[cache.Entry]) -> Times:
    """Return the times of at least one cache entry."""
    return Times(
        min(entry.written for entry in entries),
        min(entry.refresh for entry in entries),
        min(entry.expires for entry in entries),
    )


def checksum(logins: Sequence[Login], times: Sequence[str]) -> str:
    """Return a digest of logins and texts: tokens are long and random, so it reveals nothing."""
    lines = sorted(f"{at.key}\0{at.identity}\0{at.username}\0{at.password}" for at in logins)
    return hashlib.sha256("\n".join((*lines, *times)).encode()).hexdigest()[:32]
