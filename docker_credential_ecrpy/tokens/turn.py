"""A process's turn to fetch a token: the lock of its identity and endpoint, and the wait for it.

One process fetches, the others wait. This module loads little, so that those that find the token
after their wait never load what a fetch needs.
"""

import os
import time

from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.tokens.folder import open_folder

WAIT_SHARE = 2 / 3
"""The share of the deadline to wait for a lock's holder that reports no progress."""
_LOCK_FILES = 4096  # per endpoint: lock files are never removed, so their number is limited


class Turn:
    """A turn, which leaving its context ends. Raises OSError if its lock cannot be opened.

    directory: the cache's. identity: that of `rules.Choice.identity`. started: when this process
    began to wait, in nanoseconds since the epoch (UTC). waited: for how many seconds it has.
    """

    def __init__(
        self, directory: str, endpoint: str, identity: str, started: int, waited: float = 0
    ) -> None:
        self.name = lock_name(endpoint, identity)
        self.started = started
        self.waited = waited
        self.is_held = self._is_closed = False
        with open_folder(os.path.join(directory, paths.LOCKS), create=True) as folder:
            self.lock = FileLock(folder, self.name)

    def __enter__(self) -> "Turn":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the lock; the next process has its turn. A second call does nothing."""
        if not self._is_closed:
            self.is_held, self._is_closed = False, True
            self.lock.close()

    def take(self, seconds: float) -> bool:
        """Take the lock, waiting `seconds` at most; return whether it is held.

        Raises OSError where this file system has no locks.
        """
        if not self.is_held:
            begun = time.monotonic()
            self.is_held = self.lock.acquire(max(seconds, 0))
            self.waited += time.monotonic() - begun
        return self.is_held

    def give_back(self) -> None:
        """Release the lock, and go on waiting with the same file."""
        self.is_held = False
        self.lock.release()


def lock_name(endpoint: str, identity: str) -> str:
    """Return the name of the lock's file."""
    slot = int(cache.fingerprint(identity), 16) % _LOCK_FILES
    return f"{endpoint}~{slot:03x}"
