"""Cold layer: one authorization token per identity and endpoint, fetched by one process.

Look, lock, look again, fetch, write. Ten registries of ten accounts in one region cost one
call, and so do sixty-four processes that start at once; when that call fails, those who
waited for it fail with it, rather than ask sixty-three times more.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from docker_credential_ecrpy import cache, known, paths
from docker_credential_ecrpy.authorization import Token
from docker_credential_ecrpy.errors import HelperError, NoCredentials
from docker_credential_ecrpy.lock import FileLock
from docker_credential_ecrpy.log import Log
from docker_credential_ecrpy.registry import Registry

Fetch = Callable[[Registry, float], Token]
"""Asks AWS for a registry's token, for so many seconds at most. Raises HelperError."""

REFRESH_SECONDS = 5.0
"""How long a refresh may take while the token in hand still works: nobody should wait for it."""
RETRY_AFTER = 60 * cache.SECOND
"""How long a refresh that failed is not tried again while the token in hand works."""
_LOCK_FILES = 4096  # per endpoint: lock files are never removed, so their number has to end


class Broker:
    """Gets tokens for one identity, from the cache in `directory` or else through `fetch`.

    directory: the cache's, or "" for none: then every call fetches.
    identity: the line that `identity.line` gives.
    clock: returns nanoseconds since the epoch (UTC).
    """

    def __init__(
        self, directory: str, identity: str, fetch: Fetch, clock: Callable[[], int], log: Log
    ) -> None:
        self._directory = directory
        self._identity = identity
        self._fetch = fetch
        self._clock = clock
        self._log = log

    def obtain(self, registry: Registry, seconds: float) -> cache.Entry:
        """Return a live token for `registry`, within about `seconds`.

        Raises HelperError when there is none in the cache and AWS gives none.
        """
        started = self._clock()
        if not self._directory:
            self._log("no cache directory: asking AWS")
            return self._fetch(registry, seconds).entry(started)
        in_hand = self._look(registry)
        if in_hand is not None and in_hand.fresh(started):
            self._keep(registry, in_hand)
            return in_hand
        if in_hand is not None:
            return self._renew(registry, in_hand, min(seconds, REFRESH_SECONDS), started)
        # Half of the time goes to waiting at most, so that the other half is left to do it alone.
        with self._lock(registry, seconds / 2) as (lock, _):
            found = self._look(registry)
            if found is not None and found.fresh(self._clock()):
                self._keep(registry, found)
                return found
            self._share_failure(lock, started)
            left = seconds - (self._clock() - started) / cache.SECOND
            try:
                return self._fetch_and_keep(registry, max(left, 1.0))
            except HelperError as exc:
                self._leave_failure(lock, exc)
                raise

    def _renew(
        self, registry: Registry, in_hand: cache.Entry, seconds: float, started: int
    ) -> cache.Entry:
        """Fetch anew if nobody else does so already; otherwise the token in hand will do."""
        with self._lock(registry, 0) as (_, busy):
            if busy:
                self._log("another process is renewing it: the token in hand will do")
                return in_hand
            found = self._look(registry)
            if found is not None and found.fresh(self._clock()):
                self._keep(registry, found)
                return found
            try:
                return self._fetch_and_keep(registry, seconds)
            except HelperError as exc:
                now = self._clock()
                if now >= in_hand.expires:
                    raise
                self._log(f"not renewed: {exc}; the token in hand is still good")
                in_hand.refresh = min(started + RETRY_AFTER, in_hand.expires)
                self._keep(registry, in_hand, everywhere=True)
                return in_hand

    def _look(self, registry: Registry) -> cache.Entry | None:
        """Return the live token with most of its life ahead, of the endpoint's or the host's."""
        found: cache.Entry | None = None
        for name in (registry.endpoint, registry.host):
            try:
                entry = cache.read(*self._place(name), self._clock())
            except cache.Miss as exc:
                self._log(f"cache: nothing for {name}: {exc}")
            else:
                if found is None or entry.refresh > found.refresh:
                    found = entry
        return found

    def _fetch_and_keep(self, registry: Registry, seconds: float) -> cache.Entry:
        # Taken before the call: the token's life began no earlier than this.
        asked = self._clock()
        entry = self._fetch(registry, seconds).entry(asked)
        if self._clock() >= entry.expires:
            msg = f"the token that AWS gave for {registry.host} has already expired"
            raise HelperError(msg, hint="check this machine's clock")
        self._keep(registry, entry, everywhere=True)
        return entry

    def _keep(self, registry: Registry, entry: cache.Entry, *, everywhere: bool = False) -> None:
        """Write the entry for the host, and for its endpoint too; without a cache go on."""
        names = (registry.endpoint, registry.host) if everywhere else (registry.host,)
        try:
            for name in names:
                cache.write(*self._place(name), entry)
            known.remember(self._directory, registry.host)
        except OSError as exc:
            self._log(f"cache: not written: {exc}")
            return
        gone = cache.sweep(os.path.join(self._directory, paths.TOKENS), self._clock())
        self._log(f"cache: written for {', '.join(names)}; {gone} dead files removed")

    def _place(self, name: str) -> tuple[str, str]:
        return cache.token_place(self._directory, name, self._identity)

    @contextmanager
    def _lock(self, registry: Registry, seconds: float) -> Iterator[tuple[FileLock | None, bool]]:
        """Hold the lock of this identity and endpoint, or None where none is to be had.

        Beside it: whether that is so because another process held it for all of `seconds`.
        """
        slot = int(cache.fingerprint(self._identity), 16) % _LOCK_FILES
        directory = os.path.join(self._directory, paths.LOCKS)
        try:
            cache.own_directory(directory)
            lock = FileLock(os.path.join(directory, f"{registry.endpoint}~{slot:03x}"))
        except OSError as exc:
            self._log(f"no lock: {exc}")
            yield None, False
            return
        with lock:
            held = busy = False
            try:
                held = lock.acquire(seconds)
                busy = not held
                self._log("lock: held" if held else f"lock: not had within {seconds:.1f} s")
            except OSError as exc:
                self._log(f"no lock: {exc}")
            yield (lock if held else None), busy

    def _share_failure(self, lock: FileLock | None, started: int) -> None:
        """Raise the error of a fetch that failed for this very identity while we waited for it."""
        if lock is None:
            return
        try:
            note = json.loads(lock.note)
            same = note["who"] == cache.fingerprint(self._identity)
            if not (same and started < note["at"] <= self._clock()):
                return
            kind = NoCredentials if note["no_credentials"] is True else HelperError
            error = kind(str(note["message"]), hint=note["hint"] and str(note["hint"]))
        except (OSError, ValueError, TypeError, LookupError):
            return  # no note, or none that is ours: nothing failed that we know of
        self._log("the process that held the lock failed: so does this one")
        raise error

    def _leave_failure(self, lock: FileLock | None, error: HelperError) -> None:
        if lock is None:
            return
        note = {
            "who": cache.fingerprint(self._identity),
            "at": self._clock(),
            "no_credentials": isinstance(error, NoCredentials),
            "message": error.message,
            "hint": error.hint,
        }
        try:
            lock.leave(json.dumps(note).encode())
        except OSError as exc:
            self._log(f"lock: no note left: {exc}")
