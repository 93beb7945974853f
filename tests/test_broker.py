"""Facts about who fetches, when, and what the others do meanwhile."""

import itertools
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_ecrpy import cache, known, registry
from docker_credential_ecrpy.authorization import Token
from docker_credential_ecrpy.broker import RETRY_AFTER, Broker, Fetch
from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError

HOUR = 3600 * cache.SECOND
START = 1_800_000_000 * cache.SECOND
HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


def _registry(host: str = HOST) -> registry.Registry:
    found = registry.parse(host)
    assert found is not None
    return found


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


class FakeAws:
    """Issues numbered tokens, or fails; counts both."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.life = 12 * HOUR
        self.credentials_life: int | None = None
        self.error: HelperError | None = None
        self.calls: list[tuple[str, float]] = []

    def fetch(self, asked: registry.Registry, seconds: float) -> Token:
        self.calls.append((asked.host, seconds))
        if self.error:
            raise self.error
        now = self._clock()
        end = None if self.credentials_life is None else now + self.credentials_life
        return Token("AWS", f"token-{len(self.calls)}", now + self.life, end)


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


@pytest.fixture(name="fake")
def _fake(clock: Clock) -> FakeAws:
    return FakeAws(clock)


MakeBroker = Callable[..., Broker]


@pytest.fixture(name="broker")
def _broker(tmp_path: Path, clock: Clock, fake: FakeAws) -> MakeBroker:
    def make(
        identity: str = "me",
        directory: str | None = None,
        fetch: Fetch = fake.fetch,
        ambient: str = "",
        unchanged: Callable[[], bool] = lambda: True,
    ) -> Broker:
        where = str(tmp_path / "ecr") if directory is None else directory
        return Broker(
            where,
            ambient or identity,
            identity,
            unchanged,
            identity,
            fetch,
            clock,
            lambda _: None,
        )

    return make


def _secret(entry: cache.Entry) -> str:
    return entry.reply.decode().split('"')[7]


def test_one_token_serves_every_account_of_a_region(broker: MakeBroker, fake: FakeAws) -> None:
    """Ten registries of ten accounts in one region cost one call."""
    secrets = {
        _secret(broker().obtain(_registry(f"{number:012}{HOST[12:]}"), 25)) for number in range(10)
    }

    assert secrets == {"token-1"}


@pytest.mark.parametrize(
    "other",
    [
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
        "123456789012.dkr-ecr.us-east-1.on.aws",
        "public.ecr.aws",
    ],
)
def test_another_endpoint_has_another_token(broker: MakeBroker, fake: FakeAws, other: str) -> None:
    """Region, FIPS, dual-stack and ECR Public are endpoints of their own."""
    assert _secret(broker().obtain(_registry(), 25)) == "token-1"
    assert _secret(broker().obtain(_registry(other), 25)) == "token-2"


def test_another_identity_has_another_token(broker: MakeBroker, fake: FakeAws) -> None:
    """What one identity fetched is never another's."""
    assert _secret(broker("me").obtain(_registry(), 25)) == "token-1"
    assert _secret(broker("you").obtain(_registry(), 25)) == "token-2"
    assert _secret(broker("me").obtain(_registry(), 25)) == "token-1"


def test_a_token_is_renewed_at_half_its_life(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """Not a moment before."""
    broker().obtain(_registry(), 25)
    clock.now = START + 6 * HOUR - 1
    assert _secret(broker().obtain(_registry(), 25)) == "token-1"

    clock.now = START + 6 * HOUR
    assert _secret(broker().obtain(_registry(), 25)) == "token-2"


def test_a_token_is_renewed_when_its_session_ends(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """The expiry of the AWS credentials that fetched it counts, where it comes first."""
    fake.credentials_life = HOUR
    broker().obtain(_registry(), 25)
    clock.now = START + HOUR

    assert _secret(broker().obtain(_registry(), 25)) == "token-2"


def test_a_failed_renewal_falls_back_on_the_token_in_hand(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """For as long as that lives; and for a minute nobody tries again."""
    broker().obtain(_registry(), 25)
    fake.error = HelperError("AWS is down")
    clock.now = START + 7 * HOUR

    assert _secret(broker().obtain(_registry(), 25)) == "token-1"
    assert _secret(broker().obtain(_registry(), 25)) == "token-1"
    assert len(fake.calls) == 2
    assert fake.calls[1][1] <= 12.5, "nobody waits all the time while the token in hand works"

    clock.now += RETRY_AFTER
    assert _secret(broker().obtain(_registry(), 25)) == "token-1"
    assert len(fake.calls) == 3

    clock.now = START + 12 * HOUR
    with pytest.raises(HelperError, match="AWS is down"):
        broker().obtain(_registry(), 25)


def test_a_token_that_expires_while_its_renewal_fails_is_not_returned(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """An expired token is never returned, not even one that lived when the call began."""
    broker().obtain(_registry(), 25)
    clock.now = START + 12 * HOUR - 1

    def slow(asked: registry.Registry, seconds: float) -> Token:
        clock.now += 1
        raise HelperError("too late")

    with pytest.raises(HelperError, match="too late"):
        broker(fetch=slow).obtain(_registry(), 25)


def test_after_failing_the_next_success_counts(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """A failure is not kept: who asks later asks AWS."""
    fake.error = HelperError("no")
    with pytest.raises(HelperError):
        broker().obtain(_registry(), 25)
    fake.error = None

    clock.now += 1
    assert _secret(broker().obtain(_registry(), 25)) == "token-2"


def test_a_token_born_dead_is_an_error(broker: MakeBroker, fake: FakeAws) -> None:
    """An expiry in the past means that a clock is wrong, with a cache or without."""
    fake.life = -HOUR

    for directory in (None, ""):
        with pytest.raises(HelperError, match="already expired; check this machine's clock"):
            broker(directory=directory).obtain(_registry(), 25)


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
            self.results.append(_secret(broker(fetch=fetch).obtain(_registry(), 25)))
        except HelperError as exc:
            self.results.append(f"{type(exc).__name__}: {exc}")


def test_a_herd_makes_one_call(broker: MakeBroker, fake: FakeAws) -> None:
    """Those who wait for the lock find what its holder fetched."""
    herd = _Herd(broker, fake, 16)

    assert herd.results == ["token-1"] * 16
    assert len(fake.calls) == 1


@pytest.mark.parametrize(("kind", "calls"), [(HelperError, 1), (DeadlineExceeded, 16)])
def test_a_herd_fails_with_one_call(
    broker: MakeBroker, fake: FakeAws, kind: type[HelperError], calls: int
) -> None:
    """Those who waited get what the first failed with; but they may have more time."""
    ticks = itertools.count(START)  # unlike an addition, one step for all threads
    fake.error = kind("denied", hint="ask nicely")

    def make(fetch: Fetch) -> Broker:
        made = broker(fetch=fetch)
        made.clock = lambda: next(ticks)
        return made

    herd = _Herd(make, fake, 16)

    assert herd.results == [f"{kind.__name__}: denied; ask nicely"] * 16
    assert len(fake.calls) == calls


def test_another_identitys_failure_is_not_ours(
    broker: MakeBroker, fake: FakeAws, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two identities that share a lock file do not share errors."""
    monkeypatch.setattr("docker_credential_ecrpy.broker._LOCK_FILES", 1)
    fake.error = HelperError("denied")
    with pytest.raises(HelperError):
        broker("me").obtain(_registry(), 25)
    fake.error = None
    clock.now -= 1  # as if we had begun before the other failed

    assert _secret(broker("you").obtain(_registry(), 25)) == "token-2"


def test_while_another_renews_the_token_in_hand_will_do(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """Nobody waits for a renewal that another process is at."""
    broker().obtain(_registry(), 25)
    clock.now = START + 7 * HOUR
    inner: list[str] = []

    def fetch(asked: registry.Registry, seconds: float) -> Token:
        inner.append(_secret(broker().obtain(_registry(), 25)))
        return fake.fetch(asked, seconds)

    assert _secret(broker(fetch=fetch).obtain(_registry(), 25)) == "token-2"
    assert inner == ["token-1"]


@pytest.mark.parametrize("where", ["", "/proc/nowhere/ecr", "file/ecr"])
def test_without_a_cache_each_call_fetches(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path, where: str
) -> None:
    """No directory, one that cannot be made, a file in its way: the token comes all the same."""
    (tmp_path / "file").touch()
    directory = str(tmp_path / where) if where.startswith("file") else where

    for number in (1, 2):
        made = broker(directory=directory)
        assert _secret(made.obtain(_registry(), 25)) == f"token-{number}"


@pytest.mark.parametrize("error", [OSError(38, "no flock here"), OSError(37, "no locks left")])
def test_without_locks_all_else_works(
    broker: MakeBroker,
    fake: FakeAws,
    clock: Clock,
    error: OSError,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file system without locks: tokens are cached and renewed as ever."""

    def refuse(_: int) -> None:
        raise error

    monkeypatch.setattr("docker_credential_ecrpy.lock._try_lock", refuse)

    assert _secret(broker().obtain(_registry(), 25)) == "token-1"
    assert _secret(broker().obtain(_registry(), 25)) == "token-1"
    clock.now = START + 7 * HOUR
    assert _secret(broker().obtain(_registry(), 25)) == "token-2"


def test_a_lock_that_nobody_lets_go_of_is_not_waited_for_for_ever(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two thirds of the time are spent on it, and then the token is fetched without."""
    waited: list[float] = []

    def never(_self: object, seconds: float) -> bool:
        waited.append(seconds)
        return False

    monkeypatch.setattr("docker_credential_ecrpy.lock.FileLock.acquire", never)

    assert _secret(broker().obtain(_registry(), 24)) == "token-1"
    assert waited == [16]


def test_a_write_clears_what_has_expired(
    broker: MakeBroker, fake: FakeAws, clock: Clock, tmp_path: Path
) -> None:
    """Dead tokens of identities that never come back do not pile up."""
    for number in range(20):
        broker(f"session {number}").obtain(_registry(), 25)
    clock.now = START + 13 * HOUR
    broker().obtain(_registry(), 25)

    assert len(list((tmp_path / "ecr" / "tokens").iterdir())) == 2


def test_a_token_with_seconds_to_live_is_waited_beyond(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """It is too short to go on with: whoever renews it is waited for, with all of the time."""
    broker().obtain(_registry(), 25)
    clock.now = START + 12 * HOUR - 30 * cache.SECOND
    inner: list[str] = []

    def fetch(asked: registry.Registry, seconds: float) -> Token:
        waiter = threading.Thread(
            target=lambda: inner.append(_secret(broker().obtain(_registry(), 25)))
        )
        waiter.start()
        waiters.append(waiter)
        assert seconds > 20
        return fake.fetch(asked, seconds)

    waiters: list[threading.Thread] = []
    assert _secret(broker(fetch=fetch).obtain(_registry(), 25)) == "token-2"
    waiters[0].join(10)
    assert inner == ["token-2"]


def test_only_what_has_changed_is_written(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those who wait for the lock write nothing that is there already."""
    broker().obtain(_registry(), 25)
    written: list[str] = []
    monkeypatch.setattr(cache, "write", lambda path, *_: written.append(path))

    broker().obtain(_registry(), 25)
    assert written == []
    broker().obtain(_registry("2" + HOST[1:]), 25)
    assert [Path(path).name[:12] for path in written] == ["223456789012"]


def test_a_disk_full_of_dead_tokens_makes_room(
    broker: MakeBroker, fake: FakeAws, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache removes what it has no more use for itself, and writes again."""
    for number in range(5):
        broker(f"session {number}").obtain(_registry(), 25)
    clock.now = START + 13 * HOUR
    tokens = tmp_path / "ecr" / "tokens"
    real = cache.write

    def write(path: str, subject: str, entry: cache.Entry) -> None:
        if len(list(tokens.iterdir())) > 5:
            raise OSError(28, "No space left on device")
        real(path, subject, entry)

    monkeypatch.setattr(cache, "write", write)
    broker().obtain(_registry(), 25)
    monkeypatch.undo()

    assert len(list(tokens.iterdir())) == 2


def test_expired_logins_and_forgotten_hosts_go_too(
    broker: MakeBroker, fake: FakeAws, clock: Clock, tmp_path: Path
) -> None:
    """A write clears what is of no more use from every folder."""
    directory = str(tmp_path / "ecr")
    login = cache.Entry(START, START + HOUR, START + HOUR, b"login")
    cache.write(*cache.login_place(directory, HOST), login)
    known.remember(directory, HOST)
    stale = tmp_path / "ecr" / "registries" / HOST
    os.utime(stale, (1, 1))
    clock.now = START + 2 * HOUR

    broker().obtain(_registry("2" + HOST[1:]), 25)

    assert list((tmp_path / "ecr" / "logins").iterdir()) == []
    assert not stale.exists()


def test_what_another_fetched_meanwhile_serves_after_a_failure(
    broker: MakeBroker, fake: FakeAws, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the lock, too slow, and then failing: the holder's new token is there by then.

    Nor is it written over with the one that was in hand.
    """
    broker().obtain(_registry(), 25)
    clock.now = START + 12 * HOUR - 30 * cache.SECOND
    monkeypatch.setattr("docker_credential_ecrpy.lock.FileLock.acquire", lambda *_: False)

    def fetch(asked: registry.Registry, seconds: float) -> Token:
        broker().obtain(_registry(), 25)
        raise HelperError("too slow")

    assert _secret(broker(fetch=fetch).obtain(_registry(), 25)) == "token-2"
    assert _secret(broker().obtain(_registry(), 25)) == "token-2"


class TestAnEditMeanwhile:
    """AWS's files are edited between the look at their stamps and what then comes of them."""

    OTHER = "210987654321" + HOST[12:]

    def test_what_is_fetched_is_for_this_call_alone(
        self, broker: MakeBroker, fake: FakeAws
    ) -> None:
        """Nobody knows whose it is."""
        assert _secret(broker(unchanged=lambda: False).obtain(_registry(), 25)) == "token-1"
        assert _secret(broker().obtain(_registry(), 25)) == "token-2"

    def test_a_token_that_is_shared_is_not_kept_for_the_host(
        self, broker: MakeBroker, fake: FakeAws
    ) -> None:
        """It is of whom a later state of the files means, under the name of an earlier one."""
        broker("profile b", ambient="line").obtain(_registry(self.OTHER), 25)
        edited = broker("profile b", ambient="line", unchanged=lambda: False)
        assert _secret(edited.obtain(_registry(), 25)) == "token-1"

        assert _secret(broker("profile a", ambient="line").obtain(_registry(), 25)) == "token-2"

    def test_the_hosts_token_is_not_shared_when_its_renewal_fails(
        self, broker: MakeBroker, fake: FakeAws, clock: Clock
    ) -> None:
        """It is of whom the earlier state meant."""
        broker("profile a", ambient="line").obtain(_registry(), 25)
        clock.now += 7 * HOUR
        fake.error = HelperError("AWS is down")
        with pytest.raises(HelperError):
            broker("profile b", ambient="line", unchanged=lambda: False).obtain(_registry(), 25)
        fake.error = None

        other = broker("profile b", ambient="line").obtain(_registry(self.OTHER), 25)
        assert _secret(other) == "token-3"
