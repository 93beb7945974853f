"""Logins that `docker login` stored, which a sweep must never lose.

Race: between the check of a dead login and its removal, another process may store a live one at its
path. So storing a login and removing dead ones take the same lock.
"""

import os

from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.tokens import store

_SECONDS = 5.0
"""The timeout of a login that waits for a sweep, which takes milliseconds."""
_NAME = "logins"


def keep(directory: str, place: tuple[str, str], entry: cache.Entry) -> None:
    """Store a login at a place in the cache's `directory`. Raises OSError."""
    with _Exclusive(directory, _SECONDS):  # without the lock, the login is stored all the same
        store.write(*place, entry)


def sweep(directory: str, now: int) -> int:
    """Remove dead logins, unless another process stores one now; return how many. Never raises."""
    with _Exclusive(directory, 0) as held:
        return store.sweep(os.path.join(directory, paths.LOGINS), now) if held else 0


class _Exclusive:
    """Exclusive access to the logins; entering it says whether `seconds` were enough."""

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
