"""Single flight: one process fetches the token of an identity and endpoint, the others wait.

Look it up, take the lock, look again, fetch, write. Ten registries of ten accounts in one region
cost one call, and so do sixty-four processes that start at once; when that call fails, the waiting
processes fail with it instead of making sixty-three more.
"""

import errno
import os
import time
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager

from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.files.directory import Refused
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import lookup, recent, store
from docker_credential_ecrpy.tokens.lock_note import LockNote
from docker_credential_ecrpy.tokens.lookup import CacheHit, CachePlace, Kind, LookupResult
from docker_credential_ecrpy.tokens.token import Fetch
from docker_credential_ecrpy.tokens.turn import WAIT_SHARE, Turn, lock_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.files.lock import FileLock

RETRY_AFTER = cache.DEFERRED
"""The time until a failed refresh is retried, while the token in hand is valid."""
# A token in hand that expires sooner is not worth using instead of waiting.
_WORTH_USING = 60 * cache.SECOND


@dataclass(kw_only=True)
class Broker:
    """Gets the token for one choice, from the cache in `directory` or else through `fetch`.

    directory: the cache's, or "" for none: then every call fetches.
    environ: the environment, which decides the inputs of entries.
    ambient: the line from `identity.line`, with which the hot path looks up a host.
    choice: the AWS identity to use, and the registry.
    unchanged: returns whether the environment and its files still give `ambient`.
    circumstances: see `lock_note.circumstances`.
    clock: returns nanoseconds since the epoch (UTC).
    settings: for a private name, as in `lookup.list_places`.
    turn: the turn for which this process has waited already, if any.
    """

    directory: str
    environ: Mapping[str, str]
    ambient: str
    choice: Choice
    unchanged: Callable[[], bool]
    circumstances: str
    fetch: Fetch
    clock: Callable[[], int]
    log: Log
    settings: str = ""
    turn: Turn | None = None

    def __post_init__(self) -> None:
        self._registry = self.choice.registry
        self._identity = self.choice.identity(self.ambient)
        _, self._host, self._endpoint = lookup.list_places(
            self.directory, self._registry, self.ambient, self._identity, self.settings
        )

    def obtain(self, seconds: float, host: LookupResult | None = None) -> cache.Entry:
        """Return a live token for the registry, within about `seconds`.

        host: the result of a recent lookup; None repeats the lookup.

        Raises HelperError when there is none in the cache and AWS gives none.
        """
        if not self.directory:
            self.log("no cache directory: calling AWS")
            return self._fetch_live(seconds)
        waited, started = 0.0, self.clock()
        if self.turn:
            waited, started = self.turn.waited, self.turn.started
        end = time.monotonic() + seconds - waited
        found = self._look(host)
        if found.fresh is not None:
            return self._serve(found.fresh)
        in_hand = self._in_hand(found)
        # With a token that works for a while, do not wait for the process that refreshes it, and
        # do not spend the whole deadline on a refresh.
        hurry = in_hand is not None and in_hand.expires - started > _WORTH_USING
        with self._take_turn(started, 0 if hurry else seconds) as (note, busy):
            if busy is not None:
                return self._go_on(in_hand, busy, None)
            found = self._look()  # another process may have fetched it
            if found.fresh is not None:
                return self._serve(found.fresh)
            in_hand = self._in_hand(found)
            left = end - time.monotonic()
            if left <= 0:  # the lock was taken at the very end
                return self._go_on(in_hand, _lock_timeout(seconds), None)
            failure = note.shared_failure(started, left)
            if failure is not None:
                return self._go_on(in_hand, failure, note.lock)
            left = left / 2 if hurry else left
            note.announce(left)
            try:
                entry = self._fetch_live(left)
            except HelperError as exc:
                note.leave_failure(exc, left)
                return self._go_on(in_hand, exc, note.lock)
            self._keep(entry)
            self._remember()
            note.clear()
        written = {os.path.basename(place.path) for place in (self._host, self._endpoint)}
        self._sweep(skip=written)
        return entry

    def _go_on(
        self, in_hand: cache.Entry | None, error: HelperError, lock: "FileLock | None"
    ) -> cache.Entry:
        """Return a valid token after a failure: another process's, or the one in hand.

        With the lock, the next refresh is delayed. Raises `error` if there is no valid token, and
        also if AWS or the source of credentials refused: then the token in hand is removed.
        """
        found = self._look()
        if found.fresh is not None:
            return self._serve(found.fresh)
        if error.refused:
            self._remove()
            raise error
        now = self.clock()
        if in_hand is None or now >= in_hand.expires:
            raise error
        self.log(f"not refreshed: {error}; the token in hand is still valid")
        if lock is not None:
            in_hand.defer(now + RETRY_AFTER, now)
            try:
                entry_file.defer(self._endpoint.path, now + RETRY_AFTER)
            except OSError as exc:
                self.log(f"cache: refresh not deferred: {_describe(exc, self._endpoint.path)}")
        return in_hand

    # --- the cache ----------------------------------------------------------------------------

    def _look(self, host: LookupResult | None = None) -> LookupResult:
        """Look up the host's token, unless `host` is that lookup, and the endpoint's."""
        places = (self._host, self._endpoint) if host is None else (self._endpoint,)
        found = lookup.find(places, self.clock(), self.environ)
        for miss in found.misses:
            self.log(f"cache: nothing for {miss.place.name}: {miss.reason}")
        return found if host is None else LookupResult(found.fresh, host.due + found.due)

    def _serve(self, hit: CacheHit) -> cache.Entry:
        """Return a fresh entry; the host gets a reference to its endpoint's."""
        if hit.kind is Kind.ENDPOINT and self._host.name != self._endpoint.name:
            self.log(f"cache: the token of {self._endpoint.name} serves {self._host.name}")
            self._write([self._host], hit.entry)
            self._remember()
        return hit.entry

    def _in_hand(self, found: LookupResult) -> cache.Entry | None:
        """Return the token that is valid until a new one is fetched, if any."""
        # The host's entry belongs to the settings that were read; use it only if they have not
        # changed.
        usable = [hit for hit in found.due if hit.kind is Kind.ENDPOINT or self.unchanged()]
        best = LookupResult(due=tuple(usable)).first
        return best.entry if best else None

    def _keep(self, entry: cache.Entry) -> None:
        has_host = self._host.name != self._endpoint.name
        self._write([self._endpoint, self._host] if has_host else [self._endpoint], entry)

    def _remove(self) -> None:
        """Remove the refused identity's token, which other processes must not use either."""
        for place in (self._host, self._endpoint):
            try:
                if store.remove(place.path):
                    self.log(
                        f"cache: the token of {place.name} is removed: its identity is refused"
                    )
            except OSError as exc:
                self.log(f"cache: not removed for {place.name}: {_describe(exc, place.path)}")

    def _write(self, places: list[CachePlace], entry: cache.Entry) -> None:
        """Store the entry; go on without if that fails.

        The AWS SDK reads the user's files at an unknown moment: if they changed since the identity
        was read, the token serves this call only.
        """
        unchanged = self.unchanged()
        for place in places:
            if not unchanged:
                self.log(f"cache: not written for {place.name}: settings changed during the call")
                continue
            refers = place is not self._endpoint
            to = entry_file.refer(self._endpoint.path, self._endpoint.subject, entry)
            try:
                self._write_or_make_room(place, to if refers else entry)
            except Refused as exc:
                self.log(f"cache: not used: {exc}; {exc.hint}")
                break  # the other place is in the same folder
            except OSError as exc:
                self.log(f"cache: not written for {place.name}: {_describe(exc, place.path)}")
            else:
                self.log(f"cache: written for {place.name}")

    def _write_or_make_room(self, place: CachePlace, entry: cache.Entry) -> None:
        try:
            entry_file.write(place.path, place.subject, entry)
        except OSError as exc:
            # The disk may be full of this cache's dead entries.
            if exc.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._sweep():
                raise
            entry_file.write(place.path, place.subject, entry)

    def _remember(self) -> None:
        host = self._registry.host
        if host == self._registry.endpoint:  # a region's token: there is no host to list
            return
        recent.try_to_remember(self.directory, host, self.log)

    def _sweep(self, skip: Container[str] = ()) -> int:
        now = self.clock()
        gone = store.sweep(os.path.join(self.directory, paths.TOKENS), now, skip)
        gone += store.sweep(os.path.join(self.directory, paths.ELSEWHERE), now)
        gone += store.sweep(os.path.join(self.directory, paths.LOGINS), now)
        store.sweep_locks(os.path.join(self.directory, paths.LOCKS), now)
        hosts = os.path.join(self.directory, paths.REGISTRIES)
        store.sweep_hosts(hosts, recent.is_old, recent.LISTED)
        if gone:
            self.log(f"cache: {gone} dead files removed")
        return gone

    # --- AWS, one process at a time -----------------------------------------------------------

    def _fetch_live(self, seconds: float) -> cache.Entry:
        # Read the clock before the call: the token's life begins no earlier than that.
        asked = self.clock()
        entry = self.fetch(self.choice, seconds).entry(asked)
        if self.clock() >= entry.expires:
            msg = f"the token from AWS for {self._registry.host} has already expired"
            raise HelperError(msg, hint="check this machine's clock")
        return entry

    @contextmanager
    def _take_turn(
        self, started: int, seconds: float
    ) -> Iterator[tuple[LockNote, HelperError | None]]:
        """Hold the lock of this identity and endpoint, or none if that fails.

        Yields its note, and an error if its holder was busy until the timeout.
        """
        endpoint, turn = self._registry.endpoint, self.turn
        path, waited = os.path.join(self.directory, paths.LOCKS), 0.0
        if turn and turn.name != lock_name(endpoint, self._identity):
            waited = turn.waited
            turn.close()  # the rules have changed since
            turn = None
        try:
            turn = turn or Turn(self.directory, endpoint, self._identity, started, waited)
        except OSError as exc:
            self.log(f"no lock: {_describe(exc, path)}")
            yield self._note(None), None
            return
        with turn:
            busy = None
            try:
                busy = self._wait(turn, seconds)
                self.log("lock: held" if turn.is_held else "lock: timeout")
            except OSError as exc:
                self.log(f"no lock: {_describe(exc, path)}")
            yield self._note(turn.lock if turn.is_held else None), busy

    def _wait(self, turn: Turn, seconds: float) -> HelperError | None:
        """Wait for the turn; return an error if the lock's holder is busy until the end.

        A holder with time left fetches the same token, and one fetch is enough. If the holder was
        stopped, or runs in other circumstances, the wait ends in time to fetch without the lock.
        Raises OSError.
        """
        if turn.take(seconds * WAIT_SHARE - turn.waited):
            return None
        if seconds and not self._note(turn.lock).holder_has_time():
            return None
        return None if turn.take(seconds * (1 - WAIT_SHARE)) else _lock_timeout(seconds)

    def _note(self, lock: "FileLock | None") -> LockNote:
        return LockNote(lock, self.circumstances, self.clock, self.log)


def _describe(exc: OSError, path: str) -> str:
    """Return an error of a file with its path: an opened directory has names alone."""
    return f"{exc.strerror}: {path}" if exc.strerror else str(exc)


def _lock_timeout(seconds: float) -> HelperError:
    """Return the error of a process that waited so many seconds, or 0, for the lock's holder."""
    msg = "another process is fetching this token from AWS"
    return DeadlineExceeded(
        f"{msg}, without an answer for {seconds:g} s" if seconds else msg,
        hint="check the network, VPN or proxy; AWS_ECR_TIMEOUT sets the limit in seconds",
    )
