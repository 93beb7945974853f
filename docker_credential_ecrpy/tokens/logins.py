"""Logins that `docker login` stored, which neither a sweep nor an older `docker login` ends."""

import os

from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.tokens import store


def keep(place: tuple[str, str], entry: cache.Entry) -> None:
    """Store a login at its place. Raises OSError."""
    store.write(*place, entry)


def sweep(directory: str, now: int) -> int:
    """Empty the dead logins in the cache's `directory`; return how many. Never raises."""
    return store.sweep(os.path.join(directory, paths.LOGINS), now)
