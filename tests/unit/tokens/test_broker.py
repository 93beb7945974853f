"""Facts about who fetches, when, and what the others do meanwhile."""

import errno
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache, registry
from docker_credential_ecrpy.tokens import recent, store
from docker_credential_ecrpy.tokens.broker import RETRY_AFTER, Broker, Fetch
from docker_credential_ecrpy.tokens.token import Token

pytestmark = pytest.mark.usefixtures("same_descriptors")
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


ENDPOINT = "ecr@us-east-1.amazonaws.com"
PRIVATE = "images.example.com"  # a name in front of ECR; in the alphabet, after the endpoint's


def _note(tmp_path: Path) -> Any:
    (path,) = (tmp_path / "ecr" / "locks").glob("*~*")
    return json.loads(path.read_bytes())


def _stale(broker: MakeBroker, name: str, secret: str, expires: int = START + HOUR) -> None:
    """Keep a token that is due for renewal since the clock began, and lives until `expires`."""
    tail = b'"Username":"AWS","Secret":"%b"}\n' % secret.encode()
    place = cache.token_place(broker().directory, name, "me")
    store.write(*place, cache.Entry(START - HOUR, START, expires, tail))


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


@pytest.mark.parametrize("life", [0, -HOUR])
def test_a_token_born_dead_is_an_error(broker: MakeBroker, fake: FakeAws, life: int) -> None:
    """An expiry in the past means that a clock is wrong, with a cache or without."""
    fake.life = life
    text = f"the token that AWS gave for {HOST} has already expired; check this machine's clock"

    for directory in (None, ""):
        with pytest.raises(HelperError) as raised:
            broker(directory=directory).obtain(_registry(), 25)
        assert str(raised.value) == text


def test_a_token_with_a_moment_to_live_is_one(broker: MakeBroker, fake: FakeAws) -> None:
    """It may be all that is needed."""
    fake.life = 1

    assert _secret(broker().obtain(_registry(), 25)) == "token-1"


def test_a_tokens_life_begins_before_the_call(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """AWS takes its time, and nobody knows when in that it made it."""

    def slow(asked: registry.Registry, seconds: float) -> Token:
        clock.now += HOUR
        return fake.fetch(asked, seconds)

    entry = broker(fetch=slow).obtain(_registry(), 25)

    assert (entry.written, entry.refresh) == (START, START + 6 * HOUR)


@pytest.mark.parametrize(("directory", "seconds"), [(None, 25), ("", 25), (None, 3)])
def test_a_fetch_has_all_of_the_time(
    broker: MakeBroker, fake: FakeAws, directory: str | None, seconds: float
) -> None:
    """That there is, where there is no token yet."""
    broker(directory=directory).obtain(_registry(), seconds)

    assert seconds - 1 < fake.calls[0][1] <= seconds


@pytest.mark.parametrize(
    ("life", "hurry"), [(60 * cache.SECOND, False), (60 * cache.SECOND + 1, True)]
)
def test_with_a_minute_to_live_a_token_is_good_enough(
    broker: MakeBroker, fake: FakeAws, life: int, hurry: bool
) -> None:
    """For more than that, its renewal gets half of the time."""
    _stale(broker, HOST, "in hand", START + life)

    broker().obtain(_registry(), 24)

    assert (11 < fake.calls[0][1] <= 12) if hurry else (23 < fake.calls[0][1] <= 24)


@pytest.mark.parametrize("later", [HOST, ENDPOINT])
def test_of_two_tokens_in_hand_the_one_that_lives_longer_is_given(
    broker: MakeBroker, fake: FakeAws, later: str
) -> None:
    """The host's own or the endpoint's, when neither can be renewed."""
    fake.error = HelperError("AWS is down")
    for name in (HOST, ENDPOINT):
        _stale(broker, name, f"of {name}", START + (2 if name == later else 1) * HOUR)

    assert _secret(broker().obtain(_registry(), 25)) == f"of {later}"


@pytest.mark.parametrize(("life", "refresh"), [(30, 30), (60, 60), (3600, 60)])
def test_the_next_try_is_in_a_minute_or_at_the_tokens_end(
    broker: MakeBroker, fake: FakeAws, life: int, refresh: int
) -> None:
    """Whichever comes first; until then it is in hand as a fresh one."""
    fake.error = HelperError("AWS is down")
    _stale(broker, HOST, "in hand", START + life * cache.SECOND)

    given = broker().obtain(_registry(), 25)

    assert given.refresh == START + refresh * cache.SECOND
    for name in (HOST, ENDPOINT):
        kept = cache.read(*cache.token_place(broker().directory, name, "me"), START)
        assert (_secret(kept), kept.refresh) == ("in hand", given.refresh)
    assert RETRY_AFTER == 60 * cache.SECOND


@pytest.mark.parametrize(("identity", "slot"), [("a", "061"), ("me", "d65"), ("you", "f75")])
def test_things_are_where_they_were(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path, identity: str, slot: str
) -> None:
    """Another version at the same moment has to find this one's lock and tokens."""
    broker(identity, ambient="line").obtain(_registry(), 25)

    directory = str(tmp_path / "ecr")
    tokens = [cache.token_place(directory, HOST, "line")[0]]
    tokens.append(cache.token_place(directory, ENDPOINT, identity)[0])
    assert {str(path) for path in (tmp_path / "ecr" / "tokens").iterdir()} == set(tokens)
    locks = {path.name for path in (tmp_path / "ecr" / "locks").iterdir()}
    assert locks - {"logins"} == {f"{ENDPOINT}~{slot}"}
    assert recent.hosts(directory) == [HOST]


def test_a_region_itself_is_not_listed(broker: MakeBroker, fake: FakeAws, tmp_path: Path) -> None:
    """A person may ask for the token of one; that is no host to log in to."""
    region = _registry().standing_in(host=ENDPOINT)

    assert _secret(broker().obtain(region, 25)) == "token-1"
    assert not (tmp_path / "ecr" / "registries").exists()
    assert len(list((tmp_path / "ecr" / "tokens").iterdir())) == 1


@pytest.mark.parametrize("first", [HOST, PRIVATE])
def test_each_host_that_is_served_is_listed(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path, first: str
) -> None:
    """Also those that another's token serves, and private names; each has what it needs."""
    for host in (first, HOST, PRIVATE):
        found = _registry().standing_in(host=host)
        assert _secret(broker().obtain(found, 25)) == "token-1"
        place = cache.token_place(str(tmp_path / "ecr"), host, "me")
        assert _secret(cache.read(*place, START)) == "token-1"

    assert recent.hosts(str(tmp_path / "ecr")) == [HOST, PRIVATE]


@pytest.mark.parametrize("host", [HOST, PRIVATE])
@pytest.mark.parametrize("of_host", [True, False])
def test_after_an_edit_the_endpoints_token_is_in_hand_alone(
    broker: MakeBroker, fake: FakeAws, host: str, of_host: bool
) -> None:
    """That is of whom the settings mean now; the host's, of whom they meant."""
    fake.error = HelperError("AWS is down")
    _stale(broker, host if of_host else ENDPOINT, "in hand")
    edited = broker(unchanged=lambda: False)
    found = _registry().standing_in(host=host)

    if of_host:
        with pytest.raises(HelperError, match="AWS is down"):
            edited.obtain(found, 25)
    else:
        assert _secret(edited.obtain(found, 25)) == "in hand"


class TestTheLog:
    """What whoever asked to know is told, line by line."""

    @pytest.fixture(name="told")
    def _told(self, broker: MakeBroker) -> Callable[..., list[str]]:
        def told(host: str = HOST, **given: Any) -> list[str]:
            made = broker(**given)
            lines: list[str] = []
            made.log = lines.append
            try:
                made.obtain(_registry(host), 25)
            except HelperError as exc:
                lines.append(f"raised: {exc}")
            return lines

        return told

    def test_of_a_fetch(self, told: Callable[..., list[str]]) -> None:
        """What is not there, and that it is then; of a hit there is nothing to say."""
        none = [f"cache: nothing for {name}: there is none yet" for name in (HOST, ENDPOINT)]
        written = [f"cache: written for {name}" for name in (ENDPOINT, HOST)]

        assert told() == [*none, "lock: held", *none, *written]
        assert told() == []
        other = "223456789012" + HOST[12:]
        assert told(other) == [
            f"cache: nothing for {other}: there is none yet",
            f"cache: the token of {ENDPOINT} serves {other}",
            f"cache: written for {other}",
        ]

    def test_of_a_failure(
        self, told: Callable[..., list[str]], broker: MakeBroker, fake: FakeAws
    ) -> None:
        """What works all the same, if anything does."""
        fake.error = HelperError("AWS is down", hint="wait")
        assert told()[-2:] == [
            f"cache: nothing for {ENDPOINT}: there is none yet",
            "raised: AWS is down; wait",
        ]
        _stale(broker, HOST, "in hand")
        assert told()[-3:] == [
            "not renewed: AWS is down; wait; the token in hand is still good",
            f"cache: written for {ENDPOINT}",
            f"cache: written for {HOST}",
        ]

    def test_of_what_another_failed_with(
        self, told: Callable[..., list[str]], broker: MakeBroker, clock: Clock, fake: FakeAws
    ) -> None:
        """It is said whose failure it is."""
        fake.error = HelperError("denied")
        told()
        clock.now -= 1  # as if we had begun before the other failed
        begun = iter([clock.now])
        lines = broker()
        said: list[str] = []
        lines.log = said.append
        lines.clock = lambda: next(begun, START)

        with pytest.raises(HelperError, match=r"^denied$"):
            lines.obtain(_registry(), 25)
        assert "the process that held the lock failed: so does this one" in said
        assert len(fake.calls) == 1

    @pytest.mark.skipif(sys.platform == "win32", reason="Unix's words and numbers")
    def test_of_what_has_no_place(
        self, told: Callable[..., list[str]], tmp_path: Path, fake: FakeAws
    ) -> None:
        """No directory at all, or files in the way of each of its folders."""
        assert told(directory="") == ["no cache directory: asking AWS"]
        (tmp_path / "ecr").mkdir(mode=0o700)
        for name in ("tokens", "locks", "registries"):
            (tmp_path / "ecr" / name).touch()

        lines = [line.replace(str(tmp_path), "") for line in told()]

        exists = "[Errno 17] File exists: '/ecr/{}'"
        assert f"no lock: {exists.format('locks')}" in lines
        for name in (ENDPOINT, HOST):
            assert f"cache: not written for {name}: {exists.format('tokens')}" in lines
        assert f"list: {HOST} cannot be noted: {exists.format('registries')}" in lines

    @pytest.mark.skipif(sys.platform == "win32", reason="Unix's words and numbers")
    def test_of_a_lock_that_is_none(
        self, told: Callable[..., list[str]], tmp_path: Path, fake: FakeAws
    ) -> None:
        """A directory where its file should be."""
        (tmp_path / "ecr" / "locks" / f"{ENDPOINT}~d65").mkdir(parents=True)

        lines = told()

        assert next(line for line in lines if "lock" in line).startswith("no lock: [Errno 21]")
        assert f"cache: written for {HOST}" in lines
        assert len(fake.calls) == 1

    def test_of_a_lock_that_cannot_be_held_or_written(
        self, told: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The system's own words, of either."""

        def refuse(*_: object) -> bool:
            raise OSError(37, "No locks available")

        monkeypatch.setattr(FileLock, "leave", refuse)
        assert told().count("lock: no note left: [Errno 37] No locks available") == 2
        monkeypatch.setattr(FileLock, "acquire", refuse)
        lines = told(identity="you")
        assert "no lock: [Errno 37] No locks available" in lines
        assert not any("no note left" in line for line in lines)

    def test_of_a_lock_that_another_has(
        self, told: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was not had in time."""
        monkeypatch.setattr(FileLock, "acquire", lambda *_: False)

        assert "lock: not had in time" in told()

    def test_of_an_edit_meanwhile(self, told: Callable[..., list[str]]) -> None:
        """Why the next one has to ask again."""
        lines = told(unchanged=lambda: False)

        for name in (ENDPOINT, HOST):
            assert f"cache: not written for {name}, as the settings changed meanwhile" in lines
        assert not any("cache: written" in line for line in lines)

    def test_of_what_was_cleared(
        self, told: Callable[..., list[str]], clock: Clock, tmp_path: Path
    ) -> None:
        """How many files, if any."""
        login = cache.Entry(START, START + HOUR, START + HOUR, b"login", 0)
        store.write(*cache.login_place(str(tmp_path / "ecr"), HOST), login)
        told()
        clock.now += 13 * HOUR

        assert told(identity="you")[-1] == "cache: 3 dead files removed"


class TestTheNote:
    """What the lock's holder leaves for those who wait, in this version or another."""

    def test_while_it_is_at_it(self, broker: MakeBroker, fake: FakeAws, tmp_path: Path) -> None:
        """Until when it may be: a second past the time that it has."""
        seen: list[Any] = []

        def fetch(asked: registry.Registry, seconds: float) -> Token:
            seen.append((_note(tmp_path), time.monotonic() + seconds))
            return fake.fetch(asked, seconds)

        broker(fetch=fetch).obtain(_registry(), 25)

        ((note, end),) = seen
        assert set(note) == {"who", "until"}
        assert note["who"] == "me"
        assert 0.5 < note["until"] - end < 1.5
        assert _note(tmp_path) == {"who": "me"}

    @pytest.mark.parametrize("hint", ["ask nicely", None])
    def test_when_it_failed(
        self, broker: MakeBroker, fake: FakeAws, tmp_path: Path, hint: str | None
    ) -> None:
        """With what, and when."""
        fake.error = HelperError("denied", hint=hint)
        with pytest.raises(HelperError):
            broker().obtain(_registry(), 25)

        assert _note(tmp_path) == {"who": "me", "at": START, "message": "denied", "hint": hint}

    def test_when_its_time_was_up(self, broker: MakeBroker, fake: FakeAws, tmp_path: Path) -> None:
        """How much it had, too."""
        fake.error = DeadlineExceeded("too slow", hint="wait")
        with pytest.raises(HelperError):
            broker().obtain(_registry(), 25)

        note = _note(tmp_path)
        assert note.pop("had") == fake.calls[0][1]
        assert note == {"who": "me", "at": START, "message": "too slow", "hint": "wait"}

    @pytest.fixture(name="finds")
    def _finds(
        self, broker: MakeBroker, fake: FakeAws, tmp_path: Path
    ) -> Callable[[bytes | dict[str, Any]], str]:
        """Return what one gets that waited while this note was left, five moments long."""

        def finds(note: bytes | dict[str, Any]) -> str:
            path = tmp_path / "ecr" / "locks" / f"{ENDPOINT}~d65"
            private.own_directory(str(path.parent))
            if isinstance(note, dict):
                note = json.dumps({"who": "me", "message": "denied", "hint": None} | note).encode()
            path.write_bytes(note)
            begun = iter([START])
            made = broker()
            made.clock = lambda: next(begun, START + 5)
            try:
                return _secret(made.obtain(_registry(), 25))
            except HelperError as exc:
                error = exc
            assert fake.calls == []
            assert isinstance(error.message, str)
            assert isinstance(error.hint, str | None)
            return str(error)

        return finds

    @pytest.mark.parametrize(
        ("note", "found"),
        [
            ({"at": START}, "token-1"),
            ({"at": START + 1}, "denied"),
            ({"at": START + 5}, "denied"),
            ({"at": START + 6}, "token-1"),
            ({"at": START + 5, "hint": "ask nicely"}, "denied; ask nicely"),
            ({"at": START + 5, "hint": ""}, "denied"),
            ({"at": START + 5, "hint": 7, "message": 5}, "5; 7"),
            ({"at": START + 5, "had": 30}, "denied"),
            ({"at": START + 5, "had": 1}, "token-1"),
            ({"at": START + 5, "message": 5}, "5"),
            ({"at": START + 5, "who": "you"}, "token-1"),
            ({"at": START + 5, "who": "he"}, "token-1"),
        ],
    )
    def test_speaks_of_its_like_while_we_waited(
        self,
        finds: Callable[[bytes | dict[str, Any]], str],
        note: dict[str, Any],
        found: str,
    ) -> None:
        """Neither of before, nor of what is yet to come, nor of who had less time."""
        assert finds(note) == found

    def test_leaves_us_what_is_in_hand(
        self,
        broker: MakeBroker,
        finds: Callable[[bytes | dict[str, Any]], str],
    ) -> None:
        """Put off as if we had failed ourselves."""
        _stale(broker, HOST, "in hand", START + 30 * cache.SECOND)

        assert finds({"at": START + 5}) == "in hand"
        kept = cache.read(*cache.token_place(broker().directory, HOST, "me"), START)
        assert kept.refresh == START + 30 * cache.SECOND

    @pytest.mark.parametrize(
        "note",
        [
            b"",
            b"{",
            b"\xff",
            b"[]",
            b"null",
            b'"who"',
            b"{}",
            b"[" * 4000,
            b'{"who": "me"}',
            b'{"who": "me", "at": "now"}',
            b'{"who": "me", "at": %d}' % (START + 5),
            b'{"who": "me", "at": %d, "message": "x"}' % (START + 5),
            b'{"who": "me", "at": %d, "had": "x", "message": "x", "hint": null}' % (START + 5),
        ],
        ids=range(13),
    )
    def test_that_is_not_understood_says_nothing(
        self, finds: Callable[[bytes | dict[str, Any]], str], note: bytes
    ) -> None:
        """Whoever wrote it."""
        assert finds(note) == "token-1"

    def test_that_cannot_be_read_says_nothing(
        self, broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A disk that fails is no reason to."""

        def fail(_: FileLock) -> bytes:
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(FileLock, "note", property(fail))

        assert _secret(broker().obtain(_registry(), 25)) == "token-1"

    def test_that_we_fail_to_read_says_so(
        self, broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A fault of ours is no disk's."""

        def fail(_: FileLock) -> bytes:
            raise MemoryError

        monkeypatch.setattr(FileLock, "note", property(fail))

        with pytest.raises(MemoryError):
            broker().obtain(_registry(), 25)


@pytest.mark.parametrize("until", [None, "soon", -1.0, 60.0])
def test_who_waits_does_so_in_two_parts(
    broker: MakeBroker,
    fake: FakeAws,
    tmp_path: Path,
    until: float | str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second, a third, for one that says it is still at it; else it goes to a fetch."""
    at_it = until == 60.0
    fake.error = HelperError("no")
    with pytest.raises(HelperError):
        broker().obtain(_registry(), 24)
    fake.error = None
    fake.calls.clear()
    (path,) = (tmp_path / "ecr" / "locks").glob("*~*")
    if isinstance(until, float):
        until += time.monotonic()
    path.write_text(json.dumps({"who": "me", "until": until}))
    waited: list[float] = []

    def never(self: FileLock, seconds: float) -> bool:
        waited.append(seconds)
        return False

    monkeypatch.setattr(FileLock, "acquire", never)
    text = (
        "another process is asking AWS for this token, without an answer for 24 s; check the "
        "network, VPN or proxy; AWS_ECR_TIMEOUT sets the limit in seconds"
    )

    if at_it:
        made = broker()
        lines: list[str] = []
        made.log = lines.append
        with pytest.raises(DeadlineExceeded) as raised:
            made.obtain(_registry(), 24.0)
        assert str(raised.value) == text
        assert lines.count("lock: not had in time") == 1
        assert fake.calls == []
    else:
        assert _secret(broker().obtain(_registry(), 24)) == "token-1"
    assert waited == pytest.approx([16, 8] if at_it else [16, 0])  # the 0 is to clean up


def test_one_who_gets_the_lock_late_is_not_too_late(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the last third of the time: its holder ended, without a token."""
    got = iter([False, True, True])
    monkeypatch.setattr(FileLock, "acquire", lambda *_: next(got))
    monkeypatch.setattr(
        FileLock,
        "note",
        property(lambda _: json.dumps({"who": "me", "until": time.monotonic() + 9}).encode()),
    )

    lines: list[str] = []
    made = broker()
    made.log = lines.append

    assert _secret(made.obtain(_registry(), 24)) == "token-1"
    assert "lock: held" in lines


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize(
    "where",
    [
        (cache, "read"),
        (store, "write"),
        (private, "own_directory"),
        (recent, "remember"),
        (FileLock, "__init__"),
        (FileLock, "acquire"),
        (FileLock, "leave"),
        None,
    ],
    ids=["read", "write", "directory", "list", "file", "lock", "note", "fetch"],
)
def test_what_is_no_failure_of_aws_is_not_hidden(
    broker: MakeBroker,
    fake: FakeAws,
    kind: type[BaseException],
    where: tuple[object, str] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C, or a fault of ours: no token in hand and nobody else's error stands in for it."""

    def fail(*_: object) -> Any:
        raise kind

    _stale(broker, HOST, "in hand")
    if where:
        monkeypatch.setattr(*where, fail)
    with pytest.raises(kind):
        broker(fetch=fake.fetch if where else fail).obtain(_registry(), 25)
    assert bool(fake.calls) == (where in ((store, "write"), (recent, "remember")))


def test_while_another_holds_the_lock_nobody_waits_with_a_token_in_hand(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever that one is at, or says; nor is it asked for the token, too."""
    waited: list[float] = []

    def never(_: FileLock, seconds: float) -> bool:
        waited.append(seconds)
        return False

    _stale(broker, HOST, "in hand")
    monkeypatch.setattr(FileLock, "acquire", never)

    assert _secret(broker().obtain(_registry(), 25)) == "in hand"
    assert set(waited) == {0}
    assert fake.calls == []


@pytest.mark.parametrize("late", [0, 1])
def test_what_died_meanwhile_is_not_in_hand(
    broker: MakeBroker, fake: FakeAws, clock: Clock, late: int
) -> None:
    """From the moment of its expiry on."""

    def slow(asked: registry.Registry, seconds: float) -> Token:
        clock.now = START + HOUR + late
        raise HelperError("too late")

    _stale(broker, HOST, "in hand")
    with pytest.raises(HelperError, match=r"^too late$"):
        broker(fetch=slow).obtain(_registry(), 25)


def test_without_the_lock_nothing_is_put_off(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder may be writing a new token at this moment."""
    fake.error = HelperError("AWS is down")
    _stale(broker, HOST, "in hand", START + 30 * cache.SECOND)
    monkeypatch.setattr(FileLock, "acquire", lambda *_: False)

    assert _secret(broker().obtain(_registry(), 25)) == "in hand"
    kept = cache.read(*cache.token_place(broker().directory, HOST, "me"), START)
    assert kept.refresh == START


@pytest.mark.parametrize(
    "case",
    [(errno.ENOSPC, 1, 2), (errno.EDQUOT, 1, 2), (errno.ENOSPC, 0, 1), (errno.EIO, 1, 1)],
)
def test_room_is_made_where_there_may_be_some(
    broker: MakeBroker,
    fake: FakeAws,
    clock: Clock,
    case: tuple[int, int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a full disk or quota, if anything is dead; and a write is tried twice at most."""
    number, dead, tries = case
    tried: list[str] = []

    def write(path: str, subject: str, entry: cache.Entry) -> None:
        tried.append(subject.partition(" ")[0])
        raise OSError(number, "No")

    for count in range(dead):
        broker(f"session {count}").obtain(_registry(), 25)
    clock.now += 13 * HOUR
    monkeypatch.setattr(store, "write", write)

    assert _secret(broker().obtain(_registry(), 25)) == f"token-{dead + 1}"
    assert tried == [*[ENDPOINT] * tries, HOST]


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


@pytest.mark.parametrize("kind", [HelperError, DeadlineExceeded])
def test_a_herd_fails_with_one_call(
    broker: MakeBroker, fake: FakeAws, kind: type[HelperError]
) -> None:
    """Those who waited get what the first failed with, also where the time was too short."""
    ticks = itertools.count(START)  # unlike an addition, one step for all threads
    fake.error = kind("denied", hint="ask nicely")

    def make(fetch: Fetch) -> Broker:
        made = broker(fetch=fetch)
        made.clock = lambda: next(ticks)
        return made

    herd = _Herd(make, fake, 16)

    assert {result.partition(": ")[2] for result in herd.results} == {"denied; ask nicely"}
    assert len(fake.calls) == 1


def test_who_has_more_time_left_tries_again(broker: MakeBroker, fake: FakeAws) -> None:
    """What failed in ten seconds may well be had in twenty."""
    ticks = itertools.count(START)

    def fetch(asked: registry.Registry, seconds: float) -> Token:
        if len(fake.calls) == 1:
            return fake.fetch(asked, seconds)
        begun.set()
        waiting.wait(10)
        time.sleep(0.2)  # the other is at the lock by then, or begins too late to share anything
        fake.calls.append((asked.host, seconds))
        raise DeadlineExceeded("too slow")

    begun, waiting = threading.Event(), threading.Event()
    results: list[str] = []

    def obtain(seconds: float) -> None:
        made = broker(fetch=fetch)
        made.clock = lambda: next(ticks)
        try:
            results.append(_secret(made.obtain(_registry(), seconds)))
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


class TestTheLocksHolder:
    """What one that waits makes of the process that holds the lock."""

    @pytest.fixture(name="held")
    def _held(
        self, broker: MakeBroker, fake: FakeAws, tmp_path: Path
    ) -> Iterator[Callable[[float], None]]:
        """Hold the lock, and say for how many seconds yet."""
        fake.error = HelperError("no")
        with pytest.raises(HelperError):
            broker().obtain(_registry(), 25)
        fake.error = None
        fake.calls.clear()
        (path,) = (tmp_path / "ecr" / "locks").glob("*~*")
        with FileLock(str(path)) as lock:
            assert lock.acquire(0)
            who = json.loads(lock.note)["who"]

            def announce(seconds: float) -> None:
                note = {"who": who, "until": time.monotonic() + seconds}
                lock.leave(json.dumps(note).encode())

            yield announce

    def test_is_waited_for_while_it_has_time(
        self, broker: MakeBroker, fake: FakeAws, held: Callable[[float], None]
    ) -> None:
        """To the end of one's own: a second call would do no better, and AWS may be in trouble."""
        held(60)

        with pytest.raises(DeadlineExceeded, match="another process is asking AWS"):
            broker().obtain(_registry(), 0.3)

        assert fake.calls == []

    def test_is_let_alone_when_its_time_is_up(
        self, broker: MakeBroker, fake: FakeAws, held: Callable[[float], None]
    ) -> None:
        """It was stopped, or hangs in the kernel: a third of the time is left to do without it."""
        held(0.05)

        assert _secret(broker().obtain(_registry(), 0.3)) == "token-1"
        assert 0 < fake.calls[0][1] < 0.11

    def test_that_is_not_like_us_says_nothing(
        self, broker: MakeBroker, fake: FakeAws, held: Callable[[float], None]
    ) -> None:
        """It may hang for a proxy that we do not have."""
        held(60)
        other = broker()
        other.circumstances = "another proxy"

        assert _secret(other.obtain(_registry(), 0.3)) == "token-1"

    def test_is_at_it_for_a_renewal_too(
        self, broker: MakeBroker, fake: FakeAws, clock: Clock, held: Callable[[float], None]
    ) -> None:
        """With a minute left to the token in hand, that is handed out when waiting was in vain."""
        directory = broker().directory
        place = cache.token_place(directory, HOST, "me")
        reply = b'"Username":"AWS","Secret":"in hand"}'
        store.write(*place, cache.Entry(START, START, START + 30 * cache.SECOND, reply))
        held(60)

        assert _secret(broker().obtain(_registry(), 0.3)) == "in hand"
        assert fake.calls == []


def test_another_identitys_failure_is_not_ours(
    broker: MakeBroker, fake: FakeAws, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two identities that share a lock file do not share errors."""
    monkeypatch.setattr("docker_credential_ecrpy.tokens.broker._LOCK_FILES", 1)
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

    monkeypatch.setattr("docker_credential_ecrpy.files.lock._try_lock", refuse)

    assert _secret(broker().obtain(_registry(), 25)) == "token-1"
    assert _secret(broker().obtain(_registry(), 25)) == "token-1"
    clock.now = START + 7 * HOUR
    assert _secret(broker().obtain(_registry(), 25)) == "token-2"


def test_a_lock_that_nobody_lets_go_of_is_not_waited_for_for_ever(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its holder says nothing, two thirds of the time, and then it goes without."""
    waited: list[float] = []

    def never(_self: object, seconds: float) -> bool:
        waited.append(seconds)
        return False

    monkeypatch.setattr("docker_credential_ecrpy.files.lock.FileLock.acquire", never)

    assert _secret(broker().obtain(_registry(), 24)) == "token-1"
    assert waited == [16, 0]  # the other one is to clean up


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
    monkeypatch.setattr(store, "write", lambda path, *_: written.append(path))

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
    real = store.write

    def write(path: str, subject: str, entry: cache.Entry) -> None:
        if len(list(tokens.iterdir())) > 5:
            raise OSError(28, "No space left on device")
        real(path, subject, entry)

    monkeypatch.setattr(store, "write", write)
    broker().obtain(_registry(), 25)
    monkeypatch.undo()

    assert len(list(tokens.iterdir())) == 2


def test_expired_logins_and_forgotten_hosts_go_too(
    broker: MakeBroker, fake: FakeAws, clock: Clock, tmp_path: Path
) -> None:
    """A write clears what is of no more use from every folder."""
    directory = str(tmp_path / "ecr")
    login = cache.Entry(START, START + HOUR, START + HOUR, b"login")
    store.write(*cache.login_place(directory, HOST), login)
    recent.remember(directory, HOST)
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
    monkeypatch.setattr("docker_credential_ecrpy.files.lock.FileLock.acquire", lambda *_: False)

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
