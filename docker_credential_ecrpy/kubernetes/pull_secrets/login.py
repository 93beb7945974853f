"""A login that a pull secret holds, from the engine's cache entry."""

import base64
from collections.abc import Iterable

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.tokens.token import login_in_reply, unspread_refresh


@dataclass(frozen=True)
class Times:
    """When logins were fetched, are due for refresh, and expire: of several, the earliest.

    Nanoseconds since the epoch (UTC), as in `hot.cache.Entry`.
    """

    written: int
    refresh: int
    expires: int


NEVER = Times(0, 0, 0)
"""Of a login that is not written."""


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
    times: Times = NEVER

    @property
    def auth(self) -> str:
        """The login as `auth` in Docker's config.json, which wins over user name and password."""
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


def login_of(key: str, entry: cache.Entry, identity: str) -> Login:
    """Return the login of a cache entry."""
    return Login(key, *login_in_reply(entry.reply), identity, times_of(entry))


def times_of(entry: cache.Entry) -> Times:
    """Return the times of a cache entry, without the jitter of this machine.

    An object has its own, which is the same in every replica (`schedule.due_at`).
    """
    return Times(entry.written, unspread_refresh(entry), entry.expires)


def earliest(several: Iterable[Times]) -> Times:
    """Return the times of several logins, at least one, that are kept together."""
    found = list(several)
    return Times(
        min(times.written for times in found),
        min(times.refresh for times in found),
        min(times.expires for times in found),
    )
