"""Single flight: of several processes one fetches, the others wait, share or go on without."""

import itertools
import threading
import time

import pytest

from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache, registry
from docker_credential_ecrpy.tokens.token import Token
from tests.world.tokens import (
    HOST,
    HOUR,
    START,
    Brokers,
    Clock,
    FakeAws,
    Fetch,
    MakeBroker,
    keep_stale,
    parse_host,
    read_secret,
)

pytestmark = pytest.mark.usefixtures("same_descriptors")


def test_with_a_token_in_hand_a_held_lock_is_not_waited_for(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token in hand is returned at once, whatever the lock's holder does."""
    waited: list[float] = []

    def never(_: FileLock, seconds: float) -> bool:
        waited.append(seconds)
        return False

    keep_stale(broker, HOST, "in hand")
    monkeypatch.setattr(FileLock, "acquire", never)

    assert read_secret(broker().obtain(parse_host(), 25)) == "in hand"
    assert set(waited) == {0}
    assert fake.calls == []


def test_without_the_lock_no_renewal_is_delayed(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The holder may be writing a new token, so the one in hand is not written."""
    fake.error = HelperError("AWS is down")
    keep_stale(broker, HOST, "in hand", START + 30 * cache.SECOND)
    monkeypatch.setattr(FileLock, "acquire", lambda *_: False)

    assert read_secret(broker().obtain(parse_host(), 25)) == "in hand"
    kept = cache.read(*cache.token_place(broker().directory, HOST, "me"), START, environ={})
    assert kept.refresh == START


class _Herd:
    """Threads that ask at once, of an AWS that answers when all of them wait."""

    def __init__(self, broker: MakeBroker, fake: FakeAws, size: int) -> None:
        self.results: list[str] = []
        self._asked = threading.Semaphore(0)
        self._gate = threading.Event()
        threads = [threading.Thread(target=self._ask, args=(broker, fake)) for _ in range(size)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert self._asked.acquire(timeout=10)
        self._gate.wait(0.3)  # time for the others to reach the lock
        self._gate.set()
        for thread in threads:
            thread.join(20)

    def _ask(self, broker: MakeBroker, fake: FakeAws) -> None:
        def fetch(asked: registry.Registry, seconds: float) -> Token:
            self._gate.wait(10)
            return fake.fetch(asked, seconds)

        self._asked.release()
        try:
            self.results.append(read_secret(broker(fetch=fetch).obtain(parse_host(), 25)))
        except HelperError as exc:
            self.results.append(f"{type(exc).__name__}: {exc}")


def test_a_herd_makes_one_call(broker: MakeBroker, fake: FakeAws) -> None:
    """Waiting processes find what the lock's holder fetched."""
    herd = _Herd(broker, fake, 16)

    assert herd.results == ["token-1"] * 16
    assert len(fake.calls) == 1


@pytest.mark.parametrize("kind", [HelperError, DeadlineExceeded])
def test_a_herd_fails_with_one_call(
    broker: MakeBroker, fake: FakeAws, kind: type[HelperError]
) -> None:
    """Waiting processes share the holder's failure, timeouts too."""
    ticks = itertools.count(START)  # unlike an addition, atomic between threads
    fake.error = kind("denied", hint="ask nicely")

    def make(fetch: Fetch) -> Brokers:
        made = broker(fetch=fetch)
        made.clock = lambda: next(ticks)
        return made

    herd = _Herd(make, fake, 16)

    assert {result.partition(": ")[2] for result in herd.results} == {"denied; ask nicely"}
    assert len(fake.calls) == 1


def test_a_process_with_more_time_left_tries_again(broker: MakeBroker, fake: FakeAws) -> None:
    """A timeout after ten seconds does not count for a process with twenty."""
    ticks = itertools.count(START)

    def fetch(asked: registry.Registry, seconds: float) -> Token:
        if len(fake.calls) == 1:
            return fake.fetch(asked, seconds)
        begun.set()
        waiting.wait(10)
        time.sleep(0.2)  # the other one waits for the lock by then, or starts too late
        fake.calls.append((asked.host, seconds))
        raise DeadlineExceeded("too slow")

    begun, waiting = threading.Event(), threading.Event()
    results: list[str] = []

    def obtain(seconds: float) -> None:
        made = broker(fetch=fetch)
        made.clock = lambda: next(ticks)
        try:
            results.append(read_secret(made.obtain(parse_host(), seconds)))
        except DeadlineExceeded as exc:
            results.append(str(exc))

    threads = [threading.Thread(target=obtain, args=[seconds]) for seconds in (10, 20)]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    waiting.set()
    for thread in threads:
        thread.join()

    assert results == ["too slow", "token-2"]


def test_another_identitys_failure_is_not_shared(
    broker: MakeBroker, fake: FakeAws, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Identities that share a lock file do not share failures."""
    monkeypatch.setattr("docker_credential_ecrpy.tokens.turn._LOCK_FILES", 1)
    fake.error = HelperError("denied")
    with pytest.raises(HelperError):
        broker("me").obtain(parse_host(), 25)
    fake.error = None
    clock.now -= 1  # as if this process had started before the failure

    assert read_secret(broker("you").obtain(parse_host(), 25)) == "token-2"


def test_during_another_processs_renewal_the_token_in_hand_answers(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """With a token in hand, another process's renewal is not waited for."""
    broker().obtain(parse_host(), 25)
    clock.now = START + 7 * HOUR
    inner: list[str] = []

    def fetch(asked: registry.Registry, seconds: float) -> Token:
        inner.append(read_secret(broker().obtain(parse_host(), 25)))
        return fake.fetch(asked, seconds)

    assert read_secret(broker(fetch=fetch).obtain(parse_host(), 25)) == "token-2"
    assert inner == ["token-1"]


@pytest.mark.parametrize("error", [OSError(38, "no flock here"), OSError(37, "no locks left")])
def test_without_locks_all_else_works(
    broker: MakeBroker,
    fake: FakeAws,
    clock: Clock,
    error: OSError,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a file system without locks, tokens are still cached and renewed."""

    def refuse(_: int) -> None:
        raise error

    monkeypatch.setattr("docker_credential_ecrpy.files.lock._try_lock", refuse)

    assert read_secret(broker().obtain(parse_host(), 25)) == "token-1"
    assert read_secret(broker().obtain(parse_host(), 25)) == "token-1"
    clock.now = START + 7 * HOUR
    assert read_secret(broker().obtain(parse_host(), 25)) == "token-2"


def test_a_lock_that_is_never_released_is_waited_for_briefly(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a note, the lock is waited for two thirds of the time, and then skipped."""
    waited: list[float] = []

    def never(_self: object, seconds: float) -> bool:
        waited.append(seconds)
        return False

    monkeypatch.setattr("docker_credential_ecrpy.files.lock.FileLock.acquire", never)

    assert read_secret(broker().obtain(parse_host(), 24)) == "token-1"
    assert waited == [16]


def test_a_token_with_seconds_to_live_is_not_enough(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """A token about to expire is not enough: its renewal is waited for, with all of the time."""
    broker().obtain(parse_host(), 25)
    clock.now = START + 12 * HOUR - 30 * cache.SECOND
    inner: list[str] = []

    def fetch(asked: registry.Registry, seconds: float) -> Token:
        waiter = threading.Thread(
            target=lambda: inner.append(read_secret(broker().obtain(parse_host(), 25)))
        )
        waiter.start()
        waiters.append(waiter)
        assert seconds > 20
        return fake.fetch(asked, seconds)

    waiters: list[threading.Thread] = []
    assert read_secret(broker(fetch=fetch).obtain(parse_host(), 25)) == "token-2"
    waiters[0].join(10)
    assert inner == ["token-2"]


def test_another_processs_new_token_answers_after_a_failure(
    broker: MakeBroker, fake: FakeAws, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure without the lock, the holder's new token answers.

    The token in hand does not overwrite it.
    """
    broker().obtain(parse_host(), 25)
    clock.now = START + 12 * HOUR - 30 * cache.SECOND
    monkeypatch.setattr("docker_credential_ecrpy.files.lock.FileLock.acquire", lambda *_: False)

    def fetch(asked: registry.Registry, seconds: float) -> Token:
        broker().obtain(parse_host(), 25)
        raise HelperError("too slow")

    assert read_secret(broker(fetch=fetch).obtain(parse_host(), 25)) == "token-2"
    assert read_secret(broker().obtain(parse_host(), 25)) == "token-2"
