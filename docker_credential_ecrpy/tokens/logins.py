"""The logins that `docker login` stored, which no sweep may lose.

Between the look at a dead login and its removal, another process may put a live one in its place.
So storing a login and removing dead ones take the same lock.
"""

import os

from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.tokens import store

_SECONDS = 5.0
"""How long a login waits for those who remove dead ones, which takes milliseconds."""
_NAME = "logins"


def keep(directory: str, place: tuple[str, str], entry: cache.Entry) -> None:
    """Keep a login at a place in the cache's `directory`. Raises OSError."""
    with _Alone(directory, _SECONDS):  # or without, where there are no locks: it has to be kept
        store.write(*place, entry)


def sweep(directory: str, now: int) -> int:
    """Remove dead logins, unless one is being kept just now; return how many went. Never raises."""
    with _Alone(directory, 0) as alone:
        return store.sweep(os.path.join(directory, paths.LOGINS), now) if alone else 0


class _Alone:
    """Alone with the logins, if that can be had within `seconds`."""

    def __init__(self, directory: str, seconds: float) -> None:
        self._folder = os.path.join(directory, paths.LOCKS)
        self._seconds = seconds
        self._lock: FileLock | None = None

    def __enter__(self) -> bool:
        try:
            private.make_directory(self._folder)
            self._lock = FileLock(os.path.join(self._folder, _NAME))
            return self._lock.acquire(self._seconds)
        except OSError:
            return False

    def __exit__(self, *_: object) -> None:
        if self._lock:
            self._lock.close()
