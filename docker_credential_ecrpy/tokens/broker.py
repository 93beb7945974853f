"""One authorization token per identity and endpoint, fetched by one process.

Look, lock, look again, fetch, write. Ten registries of ten accounts in one region cost one
call, and so do sixty-four processes that start at once; when that call fails, those who waited
for it fail with it, rather than ask sixty-three times more.
"""

import errno
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.hot.registry import Registry
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.tokens import logins, recent, store
from docker_credential_ecrpy.tokens.token import Token

Fetch = Callable[[Registry, float], Token]
"""Asks AWS for a registry's token, for so many seconds at most. Raises HelperError."""

RETRY_AFTER = 60 * cache.SECOND
"""How long a refresh that failed is not tried again while the token in hand works."""
_A_WHILE = 60 * cache.SECOND  # a token that lives for less is as good as none to wait with
_WAIT_SHARE = 2 / 3  # of the time, spent on waiting for one that does not seem to be at it any more
_GRACE = 1.0  # seconds past its time that who holds the lock may take to end
_LONGEST = 3600 + _GRACE  # seconds that who holds it may have; another machine's clock says more
_LOCK_FILES = 4096  # per endpoint: lock files are never removed, so their number has to end


@dataclass
class Broker:
    """Gets tokens for one identity, from the cache in `directory` or else through `fetch`.

    directory: the cache's, or "" for none: then every call fetches.
    ambient: the line that `identity.line` gives; with a host's name it is what the hot path knows.
    identity: who asks AWS, as a line, which may be another for each host (`rules.Choice`).
    unchanged: whether `ambient` is what the environment and its files give now.
    circumstances: a digest of all that a failure may hang on besides; who shares it, shares that.
    clock: returns nanoseconds since the epoch (UTC).
    """

    directory: str
    ambient: str
    identity: str
    unchanged: Callable[[], bool]
    circumstances: str
    fetch: Fetch
    clock: Callable[[], int]
    log: Log

    def obtain(self, registry: Registry, seconds: float) -> cache.Entry:
        """Return a live token for `registry`, within about `seconds`.

        Raises HelperError when there is none in the cache and AWS gives none.
        """
        if not self.directory:
            self.log("no cache directory: asking AWS")
            return self._fetch_live(registry, seconds)
        end = time.monotonic() + seconds
        started = self.clock()
        fresh, in_hand = self._look(registry)
        if fresh is not None:
            return fresh
        # With a token that works for a while yet, nobody waits for whoever renews it, nor for
        # all of the time.
        hurry = in_hand is not None and in_hand.expires - started > _A_WHILE
        with self._lock(registry, 0 if hurry else seconds) as (lock, busy):
            if busy is not None:
                return self._go_on(registry, in_hand, busy, None)
            fresh, in_hand = self._look(registry)
            if fresh is not None:
                return fresh
            left = end - time.monotonic()
            if left <= 0:  # it was had at the very end
                return self._go_on(registry, in_hand, _in_vain(seconds), None)
            failure = self._shared_failure(lock, started, left)
            if failure is not None:
                return self._go_on(registry, in_hand, failure, lock)
            left = left / 2 if hurry else left
            self._leave(lock, {"until": time.monotonic() + left + _GRACE})
            try:
                fetched = self._fetch_and_keep(registry, left)
            except HelperError as exc:
                self._leave_failure(lock, exc, left)
                return self._go_on(registry, in_hand, exc, lock)
            self._leave(lock, {})
        self._sweep()
        return fetched

    def _go_on(
        self,
        registry: Registry,
        in_hand: cache.Entry | None,
        error: HelperError,
        lock: FileLock | None,
    ) -> cache.Entry:
        """Return what works after a failure: what another fetched meanwhile, or the one in hand.

        Its renewal is left for later, if nobody else can be at it. Raises `error` if there is
        neither.
        """
        fresh, _ = self._look(registry)
        if fresh is not None:
            return fresh
        now = self.clock()
        if in_hand is None or now >= in_hand.expires:
            raise error
        self.log(f"not renewed: {error}; the token in hand is still good")
        if lock is not None:
            in_hand.refresh = min(now + RETRY_AFTER, in_hand.expires)
            self._keep(registry, in_hand)
        return in_hand

    def _look(self, registry: Registry) -> tuple[cache.Entry | None, cache.Entry | None]:
        """Return a fresh token, or else one that at least lives, of the endpoint or the host.

        A fresh one of the endpoint is the host's from here on.
        """
        in_hand = None
        places = self._places(registry)
        for name, place in places.items():
            try:
                entry = cache.read(*place, self.clock())
            except cache.Miss as exc:
                self.log(f"cache: nothing for {name}: {exc}")
                continue
            if entry.fresh(self.clock()):
                if name != registry.host:
                    self.log(f"cache: the token of {name} serves {registry.host}")
                    self._write(registry.host, places[registry.host], entry)
                    self._remember(registry.host)
                return entry, entry
            # The host's is of whom the settings meant; `identity` may be of an edit since.
            mine = name == registry.endpoint or self.unchanged()
            if mine and (in_hand is None or entry.expires > in_hand.expires):
                in_hand = entry
        return None, in_hand

    def _fetch_and_keep(self, registry: Registry, seconds: float) -> cache.Entry:
        entry = self._fetch_live(registry, seconds)
        self._keep(registry, entry)
        if registry.host != registry.endpoint:  # a whole region's: no host that is to be listed
            self._remember(registry.host)
        return entry

    def _fetch_live(self, registry: Registry, seconds: float) -> cache.Entry:
        # The clock is read before the call: the token's life began no earlier than that.
        asked = self.clock()
        entry = self.fetch(registry, seconds).entry(asked)
        if self.clock() >= entry.expires:
            msg = f"the token that AWS gave for {registry.host} has already expired"
            raise HelperError(msg, hint="check this machine's clock")
        return entry

    def _keep(self, registry: Registry, entry: cache.Entry) -> None:
        for name, place in reversed(self._places(registry).items()):
            self._write(name, place, entry)

    def _write(self, name: str, place: tuple[str, str], entry: cache.Entry) -> None:
        """Keep the entry; where that cannot be done, go on without.

        AWS's files are read by its SDK, at a moment that is not ours to know: what came of an
        edit in between is for this call alone.
        """
        if not self.unchanged():
            self.log(f"cache: not written for {name}, as the settings changed meanwhile")
            return
        try:
            self._write_or_make_room(place, entry)
        except OSError as exc:
            self.log(f"cache: not written for {name}: {exc}")
        else:
            self.log(f"cache: written for {name}")

    def _write_or_make_room(self, place: tuple[str, str], entry: cache.Entry) -> None:
        try:
            store.write(*place, entry)
        except OSError as exc:
            # A disk may be full of what this cache itself has no more use for.
            if exc.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._sweep():
                raise
            store.write(*place, entry)

    def _remember(self, host: str) -> None:
        try:
            recent.remember(self.directory, host)
        except OSError as exc:
            self.log(f"list: {host} cannot be noted: {exc}")

    def _sweep(self) -> int:
        now = self.clock()
        gone = store.sweep(os.path.join(self.directory, paths.TOKENS), now)
        gone += logins.sweep(self.directory, now)
        recent.sweep(self.directory)
        if gone:
            self.log(f"cache: {gone} dead files removed")
        return gone

    def _places(self, registry: Registry) -> dict[str, tuple[str, str]]:
        """Return where the tokens of the host and of its endpoint are kept, in this order.

        The host's is found without a look at any rule, the endpoint's by all that share it.
        """
        return {
            name: cache.token_place(self.directory, name, who)
            for name, who in ((registry.host, self.ambient), (registry.endpoint, self.identity))
        }

    @contextmanager
    def _lock(
        self, registry: Registry, seconds: float
    ) -> Iterator[tuple[FileLock | None, HelperError | None]]:
        """Hold the lock of this identity and endpoint, or None where none is to be had.

        Beside it: the error of who waited in vain for a process that was at it all the time.
        """
        slot = int(cache.fingerprint(self.identity), 16) % _LOCK_FILES
        directory = os.path.join(self.directory, paths.LOCKS)
        try:
            private.own_directory(directory)
            lock = FileLock(os.path.join(directory, f"{registry.endpoint}~{slot:03x}"))
        except OSError as exc:
            self.log(f"no lock: {exc}")
            yield None, None
            return
        with lock:
            held, busy = False, None
            try:
                held, busy = self._wait(lock, seconds)
                self.log("lock: held" if held else "lock: not had in time")
            except OSError as exc:
                self.log(f"no lock: {exc}")
            yield (lock if held else None), busy

    def _wait(self, lock: FileLock, seconds: float) -> tuple[bool, HelperError | None]:
        """Wait for the lock; return whether it was had, and else the error if others are at it.

        As long as its holder has time left, it fetches what we want, and one fetch is enough;
        one that was stopped, or is not like us, leaves us time to do it alone. Raises OSError.
        """
        if lock.acquire(seconds * _WAIT_SHARE):
            return True, None
        until = self._note(lock).get("until")
        at_it = isinstance(until, float) and 0 < until - time.monotonic() < _LONGEST
        if seconds and not at_it:
            return False, None
        if lock.acquire(seconds * (1 - _WAIT_SHARE)):
            return True, None
        return False, _in_vain(seconds)

    def _note(self, lock: FileLock) -> dict[str, Any]:
        """Return what the lock's holder, or the last one, left for our like; {} for nothing."""
        try:
            note = json.loads(lock.note)
            return note if note["who"] == self.circumstances else {}
        except (OSError, ValueError, TypeError, LookupError, RecursionError):
            return {}  # no note, or none of ours

    def _leave(self, lock: FileLock | None, note: dict[str, Any]) -> None:
        try:
            if lock is not None:
                lock.leave(json.dumps({"who": self.circumstances, **note}).encode())
        except OSError as exc:
            self.log(f"lock: no note left: {exc}")

    def _shared_failure(
        self, lock: FileLock | None, started: int, left: float
    ) -> HelperError | None:
        """Return what failed for this very identity and its like while we waited for it.

        What failed for want of time is ours where we have less of it.
        """
        note = self._note(lock) if lock is not None else {}
        try:
            if not (started < note["at"] <= self.clock() and left <= note.get("had", left)):
                return None
            error = HelperError(str(note["message"]), hint=note["hint"] and str(note["hint"]))
        except (TypeError, LookupError):
            return None
        self.log("the process that held the lock failed: so does this one")
        return error

    def _leave_failure(self, lock: FileLock | None, error: HelperError, seconds: float) -> None:
        note = {"at": self.clock(), "message": error.message, "hint": error.hint}
        if isinstance(error, DeadlineExceeded):
            note["had"] = seconds
        self._leave(lock, note)


def _in_vain(seconds: float) -> HelperError:
    """Return the error of who waited for so many seconds for another process, if any."""
    msg = "another process is asking AWS for this token"
    return DeadlineExceeded(
        f"{msg}, without an answer for {seconds:g} s" if seconds else msg,
        hint="check the network, VPN or proxy; AWS_ECR_TIMEOUT sets the limit in seconds",
    )
