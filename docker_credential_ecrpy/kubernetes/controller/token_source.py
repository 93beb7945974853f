"""Tokens in memory: one call to AWS for all the secrets that the same identity and region serve."""

import threading
import time
from collections.abc import Callable

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.kubernetes.pull_secrets.login import times_of
from docker_credential_ecrpy.kubernetes.pull_secrets.schedule import due_at
from docker_credential_ecrpy.settings.rules import Choice

_HOLD = 2 * cache.SECOND
"""How long an error counts for others, too; shorter than the first pause between two tries."""


class TokenSource:
    """Gives the token of an identity and endpoint to every secret that is not due.

    Nothing is stored on disk, unless the helper's cache does. clock: returns nanoseconds since the
    epoch (UTC).
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._entries: dict[str, cache.Entry] = {}
        self._failures: dict[str, tuple[HelperError, int]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def find(self, helper: Helper, choice: Choice, uid: str) -> cache.Entry:
        """Return a token that is not due for the object `uid`. Raises HelperError.

        While one thread calls AWS, the others wait for its token; or its error, which is theirs
        for a moment: thousands of secrets would else ask again, one after the other.
        """
        resolved = helper.resolve(choice)
        identity = resolved.identity(helper.read_identity())
        place = f"{resolved.registry.endpoint} {identity}"
        with self._guard:
            lock = self._locks.setdefault(place, threading.Lock())
        with lock:
            entry = self._entries.get(place)
            if entry and due_at(times_of(entry), uid) > self._clock():
                return entry
            failure = self._failures.get(place)
            if failure and 0 <= self._clock() - failure[1] < _HOLD:
                raise failure[0]
            try:
                entry = self._fetch(helper, resolved, uid)
            except HelperError as exc:
                self._failures[place] = exc, self._clock()
                raise
            self._failures.pop(place, None)
            with self._guard:
                self._entries[place] = entry
                self._forget_expired()
            return entry

    def _fetch(self, helper: Helper, resolved: Choice, uid: str) -> cache.Entry:
        entry = helper.find_token(resolved)
        if due_at(times_of(entry), uid) <= self._clock():
            # The cache on disk gives it until its own time: the jitter of one machine for all.
            entry = helper.without_cache().find_token(resolved)
        return entry

    def _forget_expired(self) -> None:
        """Drop tokens of identities that are no longer in use, with their locks."""
        now = self._clock()
        for place in [place for place, entry in self._entries.items() if entry.expires <= now]:
            del self._entries[place]
            self._failures.pop(place, None)
            if not self._locks[place].locked():
                del self._locks[place]
