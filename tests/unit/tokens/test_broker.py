"""The broker: which token it returns, fetches and stores, and what a write sweeps."""

import errno
import os
import time
from collections.abc import Container
from pathlib import Path
from typing import Any

import pytest

from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.files import directory as directories
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache, paths, registry
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import recent, store
from docker_credential_ecrpy.tokens.broker import RETRY_AFTER, Broker
from docker_credential_ecrpy.tokens.token import Token
from tests.world.entries import LOGIN, list_files
from tests.world.tokens import (
    ENDPOINT,
    HOST,
    HOUR,
    PRIVATE,
    START,
    Clock,
    FakeAws,
    MakeBroker,
    keep_stale,
    parse_host,
    read_secret,
)

pytestmark = pytest.mark.usefixtures("same_descriptors")


def test_one_token_serves_every_account_of_a_region(broker: MakeBroker, fake: FakeAws) -> None:
    """Ten registries of ten accounts in one region cost one call."""
    secrets = {
        read_secret(broker().obtain(parse_host(f"{number:012}{HOST[12:]}"), 25))
        for number in range(10)
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
    """Region, FIPS, dual-stack and ECR Public make separate endpoints."""
    assert read_secret(broker().obtain(parse_host(), 25)) == "token-1"
    assert read_secret(broker().obtain(parse_host(other), 25)) == "token-2"


def test_another_identity_has_another_token(broker: MakeBroker, fake: FakeAws) -> None:
    """One identity's token is never returned to another."""
    assert read_secret(broker("me").obtain(parse_host(), 25)) == "token-1"
    assert read_secret(broker("you").obtain(parse_host(), 25)) == "token-2"
    assert read_secret(broker("me").obtain(parse_host(), 25)) == "token-1"


def test_a_token_is_renewed_at_its_refresh_time(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """A token is renewed at the time that was set when it was fetched, not a moment earlier."""
    due = broker().obtain(parse_host(), 25).refresh
    clock.now = due - 1
    assert read_secret(broker().obtain(parse_host(), 25)) == "token-1"

    clock.now = due
    assert read_secret(broker().obtain(parse_host(), 25)) == "token-2"


def test_a_token_is_renewed_when_its_session_ends(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """The expiry of the AWS credentials counts if it comes first."""
    fake.credentials_life = HOUR
    broker().obtain(parse_host(), 25)
    clock.now = START + HOUR

    assert read_secret(broker().obtain(parse_host(), 25)) == "token-2"


def test_a_failed_renewal_falls_back_on_the_token_in_hand(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """The fallback lasts as long as the token is valid, and the next retry is in a minute."""
    broker().obtain(parse_host(), 25)
    fake.error = HelperError("AWS is down")
    clock.now = START + 7 * HOUR

    assert read_secret(broker().obtain(parse_host(), 25)) == "token-1"
    assert read_secret(broker().obtain(parse_host(), 25)) == "token-1"
    assert len(fake.calls) == 2
    assert fake.calls[1][1] <= 12.5, "nobody waits all the time while the token in hand works"

    clock.now += RETRY_AFTER
    assert read_secret(broker().obtain(parse_host(), 25)) == "token-1"
    assert len(fake.calls) == 3

    clock.now = START + 12 * HOUR
    with pytest.raises(HelperError, match="AWS is down"):
        broker().obtain(parse_host(), 25)


def test_a_token_that_expires_while_its_renewal_fails_is_not_returned(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """An expired token is never returned, even if it was valid when the call began."""
    broker().obtain(parse_host(), 25)
    clock.now = START + 12 * HOUR - 1

    def slow(asked: registry.Registry, seconds: float) -> Token:
        clock.now += 1
        raise HelperError("too late")

    with pytest.raises(HelperError, match="too late"):
        broker(fetch=slow).obtain(parse_host(), 25)


def test_after_failing_the_next_success_counts(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """A failure is not cached: the next call asks AWS again."""
    fake.error = HelperError("no")
    with pytest.raises(HelperError):
        broker().obtain(parse_host(), 25)
    fake.error = None

    clock.now += 1
    assert read_secret(broker().obtain(parse_host(), 25)) == "token-2"


@pytest.mark.parametrize("life", [0, -HOUR])
def test_a_new_token_that_has_expired_is_an_error(
    broker: MakeBroker, fake: FakeAws, life: int
) -> None:
    """A token with an expiry in the past means that a clock is wrong, with a cache or without."""
    fake.life = life
    text = f"the token from AWS for {HOST} has already expired; check this machine's clock"

    for directory in (None, ""):
        with pytest.raises(HelperError) as raised:
            broker(directory=directory).obtain(parse_host(), 25)
        assert str(raised.value) == text


def test_a_token_with_a_moment_to_live_is_returned(broker: MakeBroker, fake: FakeAws) -> None:
    """A token that is valid for another moment is returned."""
    fake.life = 1

    assert read_secret(broker().obtain(parse_host(), 25)) == "token-1"


def test_a_tokens_life_begins_before_the_call(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """A token's life counts from before the call, since AWS creates it at an unknown moment."""

    def slow(asked: registry.Registry, seconds: float) -> Token:
        clock.now += HOUR
        return fake.fetch(asked, seconds)

    entry = broker(fetch=slow).obtain(parse_host(), 25)

    assert entry.written == START
    assert START + 6 * HOUR * 9 // 10 < entry.refresh <= START + 6 * HOUR


@pytest.mark.parametrize(("directory", "seconds"), [(None, 25), ("", 25), (None, 3)])
def test_a_fetch_has_all_of_the_time(
    broker: MakeBroker, fake: FakeAws, directory: str | None, seconds: float
) -> None:
    """Without a token in hand, a fetch has the whole deadline."""
    broker(directory=directory).obtain(parse_host(), seconds)

    assert seconds - 1 < fake.calls[0][1] <= seconds


@pytest.mark.parametrize(
    ("life", "hurry"), [(60 * cache.SECOND, False), (60 * cache.SECOND + 1, True)]
)
def test_with_a_minute_to_live_a_token_is_good_enough(
    broker: MakeBroker, fake: FakeAws, life: int, hurry: bool
) -> None:
    """With more than a minute to live, a token's renewal gets half of the deadline."""
    keep_stale(broker, HOST, "in hand", START + life)

    broker().obtain(parse_host(), 24)

    assert (11 < fake.calls[0][1] <= 12) if hurry else (23 < fake.calls[0][1] <= 24)


@pytest.mark.parametrize("later", [HOST, ENDPOINT])
def test_of_two_tokens_in_hand_the_one_that_lives_longer_is_given(
    broker: MakeBroker, fake: FakeAws, later: str
) -> None:
    """If a renewal fails, the host's or endpoint's token answers, whichever expires later."""
    fake.error = HelperError("AWS is down")
    for name in (ENDPOINT, HOST):
        keep_stale(broker, name, f"of {name}", START + (2 if name == later else 1) * HOUR)

    assert read_secret(broker().obtain(parse_host(), 25)) == f"of {later}"


@pytest.mark.parametrize(("life", "refresh"), [(30, 30), (60, 60), (3600, 60)])
def test_the_next_try_is_in_a_minute_or_at_the_tokens_end(
    broker: MakeBroker, fake: FakeAws, life: int, refresh: int
) -> None:
    """The retry is at whichever comes first; until then the token counts as fresh."""
    fake.error = HelperError("AWS is down")
    keep_stale(broker, ENDPOINT, "in hand", START + life * cache.SECOND)

    given = broker().obtain(parse_host(), 25)

    assert given.refresh == START + refresh * cache.SECOND
    for name in (HOST, ENDPOINT):
        kept = cache.read(*cache.token_place(broker().directory, name, "me"), START, environ={})
        assert (read_secret(kept), kept.refresh) == ("in hand", given.refresh)
    assert RETRY_AFTER == 60 * cache.SECOND


@pytest.mark.parametrize(("identity", "slot"), [("a", "061"), ("me", "d65"), ("you", "f75")])
def test_paths_never_change(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path, identity: str, slot: str
) -> None:
    """Another release that runs at the same moment finds the same lock and tokens."""
    broker(identity, ambient="line").obtain(parse_host(), 25)

    where = str(tmp_path / "ecr")
    tokens = [cache.token_place(where, HOST, "line")[0]]
    tokens.append(cache.token_place(where, ENDPOINT, identity)[0])
    assert {str(path) for path in list_files(tmp_path / "ecr" / "tokens")} == set(tokens)
    locks = {path.name for path in list_files(tmp_path / "ecr" / "locks")}
    assert locks == {f"{ENDPOINT}~{slot}"}
    assert recent.list_hosts(where) == [HOST]


def test_a_region_itself_is_not_listed(broker: MakeBroker, fake: FakeAws, tmp_path: Path) -> None:
    """A region's token adds no host to `list`."""
    region = parse_host().override(host=ENDPOINT)

    assert read_secret(broker().obtain(region, 25)) == "token-1"
    assert not (tmp_path / "ecr" / "registries").exists()
    assert len(list_files(tmp_path / "ecr" / "tokens")) == 1


def test_a_regions_token_is_kept_for_the_chosen_identity_alone(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path
) -> None:
    """A region has the endpoint's name, where the ambient identity has its own place."""
    region = parse_host().override(host=ENDPOINT)

    for _ in range(2):
        assert read_secret(broker("chosen", ambient="line").obtain(region, 25)) == "token-1"
    place = cache.token_place(str(tmp_path / "ecr"), ENDPOINT, "chosen")
    assert [str(path) for path in list_files(tmp_path / "ecr" / "tokens")] == [place[0]]


def test_without_a_choice_a_token_is_the_ambient_identitys(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path
) -> None:
    """Host and endpoint entries both have the ambient identity's line as subject."""
    broker("", ambient="line").obtain(parse_host(), 25)

    for name in (HOST, ENDPOINT):
        place = cache.token_place(str(tmp_path / "ecr"), name, "line")
        assert read_secret(cache.read(*place, START, environ={})) == "token-1"


def test_a_brokers_fields_are_named() -> None:
    """Fields are keyword-only: three are strings and four callables, easily swapped."""
    of_each_field: Any = Broker.__annotations__
    with pytest.raises(TypeError, match="Broker takes directory, environ"):
        Broker(*of_each_field)  # type: ignore[call-arg]


@pytest.mark.parametrize("first", [HOST, PRIVATE])
def test_each_host_that_is_served_is_listed(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path, first: str
) -> None:
    """Hosts served by another host's token, and private names, are listed, too."""
    for host in (first, HOST, PRIVATE):
        found = parse_host().override(host=host)
        assert read_secret(broker().obtain(found, 25)) == "token-1"
        place = cache.token_place(str(tmp_path / "ecr"), host, "me")
        assert read_secret(cache.read(*place, START, environ={})) == "token-1"

    assert recent.list_hosts(str(tmp_path / "ecr")) == [HOST, PRIVATE]


@pytest.mark.parametrize("host", [HOST, PRIVATE])
@pytest.mark.parametrize("of_host", [True, False])
def test_after_an_edit_the_endpoints_token_is_in_hand_alone(
    broker: MakeBroker, fake: FakeAws, host: str, of_host: bool
) -> None:
    """The endpoint's token belongs to the identity in the settings; the host's to the old one."""
    fake.error = HelperError("AWS is down")
    keep_stale(broker, host if of_host else ENDPOINT, "in hand")
    edited = broker(unchanged=lambda: False)
    found = parse_host().override(host=host)

    if of_host:
        with pytest.raises(HelperError, match="AWS is down"):
            edited.obtain(found, 25)
    else:
        assert read_secret(edited.obtain(found, 25)) == "in hand"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize(
    "where",
    [
        (cache, "read"),
        (entry_file, "write"),
        (directories, "open_own"),
        (recent, "remember"),
        (FileLock, "__init__"),
        (FileLock, "acquire"),
        (FileLock, "write_note"),
        None,
    ],
    ids=["read", "write", "directory", "list", "file", "lock", "note", "fetch"],
)
def test_other_exceptions_are_not_hidden(
    broker: MakeBroker,
    fake: FakeAws,
    kind: type[BaseException],
    where: tuple[object, str] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-C and MemoryError are raised; no token in hand and no shared failure hides them."""

    def fail(*_: object, **__: object) -> Any:
        raise kind

    keep_stale(broker, HOST, "in hand")
    if where:
        monkeypatch.setattr(*where, fail)
    with pytest.raises(kind):
        broker(fetch=fake.fetch if where else fail).obtain(parse_host(), 25)
    assert bool(fake.calls) == (where in ((entry_file, "write"), (recent, "remember")))


@pytest.mark.parametrize("late", [0, 1])
def test_an_expired_token_is_not_in_hand(
    broker: MakeBroker, fake: FakeAws, clock: Clock, late: int
) -> None:
    """A token in hand is not used from its expiry on."""

    def slow(asked: registry.Registry, seconds: float) -> Token:
        clock.now = START + HOUR + late
        raise HelperError("too late")

    keep_stale(broker, HOST, "in hand")
    with pytest.raises(HelperError, match=r"^too late$"):
        broker(fetch=slow).obtain(parse_host(), 25)


@pytest.mark.parametrize(
    "case",
    [(errno.ENOSPC, 1, 2), (errno.EDQUOT, 1, 2), (errno.ENOSPC, 0, 1), (errno.EIO, 1, 1)],
)
def test_a_full_disk_is_swept(
    broker: MakeBroker,
    fake: FakeAws,
    clock: Clock,
    case: tuple[int, int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a full disk or quota, dead entries are swept, and the write is retried once."""
    number, dead, tries = case
    tried: list[str] = []

    def write(path: str, subject: str, entry: cache.Entry) -> None:
        tried.append(subject.partition(" ")[0])
        raise OSError(number, "No")

    for count in range(dead):
        broker(f"session {count}").obtain(parse_host(), 25)
    clock.now += 13 * HOUR
    monkeypatch.setattr(entry_file, "write", write)

    assert read_secret(broker().obtain(parse_host(), 25)) == f"token-{dead + 1}"
    assert tried == [*[ENDPOINT] * tries, HOST]


@pytest.mark.parametrize("where", ["", "/proc/nowhere/ecr", "file/ecr"])
def test_without_a_cache_each_call_fetches(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path, where: str
) -> None:
    """Without a usable cache directory, every call fetches a token."""
    (tmp_path / "file").touch()
    directory = str(tmp_path / where) if where.startswith("file") else where

    for number in (1, 2):
        made = broker(directory=directory)
        assert read_secret(made.obtain(parse_host(), 25)) == f"token-{number}"


def test_a_write_clears_what_has_expired(
    broker: MakeBroker, fake: FakeAws, clock: Clock, tmp_path: Path
) -> None:
    """Dead tokens of identities that never come back do not pile up."""
    for number in range(20):
        broker(f"session {number}").obtain(parse_host(), 25)
    clock.now = START + 13 * HOUR
    broker().obtain(parse_host(), 25)

    assert len(list_files(tmp_path / "ecr" / "tokens")) == 2


def test_only_changes_are_written(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that waited for the lock do not write existing entries again."""
    broker().obtain(parse_host(), 25)
    written: list[str] = []
    monkeypatch.setattr(entry_file, "write", lambda path, *_: written.append(path))

    broker().obtain(parse_host(), 25)
    assert written == []
    broker().obtain(parse_host("2" + HOST[1:]), 25)
    assert [Path(path).name[:12] for path in written] == ["223456789012"]


def test_a_disk_full_of_dead_tokens_makes_room(
    broker: MakeBroker, fake: FakeAws, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the cache removes its dead entries, and writes again."""
    for number in range(5):
        broker(f"session {number}").obtain(parse_host(), 25)
    clock.now = START + 13 * HOUR
    tokens = tmp_path / "ecr" / "tokens"
    real = entry_file.write

    def write(path: str, subject: str, entry: cache.Entry) -> None:
        if len(list_files(tokens)) > 5:
            raise OSError(28, "No space left on device")
        real(path, subject, entry)

    monkeypatch.setattr(entry_file, "write", write)
    broker().obtain(parse_host(), 25)
    monkeypatch.undo()

    assert len(list_files(tokens)) == 2


def test_expired_logins_and_old_hosts_are_removed_too(
    broker: MakeBroker, fake: FakeAws, clock: Clock, tmp_path: Path
) -> None:
    """A write sweeps dead files from every folder; a dead login is emptied."""
    cache_directory = str(tmp_path / "ecr")
    login = cache.Entry(START, START + HOUR, START + HOUR, LOGIN)
    entry_file.write(*cache.login_place(cache_directory, HOST), login)
    note = cache.Entry(START, START + HOUR, START + HOUR, b"")
    entry_file.write(*cache.elsewhere_place(cache_directory, "registry.test", "me"), note)
    recent.remember(cache_directory, HOST)
    stale = tmp_path / "ecr" / "registries" / HOST
    os.utime(stale, (1, 1))
    clock.now = START + 2 * HOUR

    broker().obtain(parse_host("2" + HOST[1:]), 25)

    assert list_files(tmp_path / "ecr" / "logins") == []
    assert list_files(tmp_path / "ecr" / "elsewhere") == []
    assert not stale.exists()


def test_a_write_does_not_read_back_what_it_wrote(
    broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep after a write skips the two written files."""
    swept: dict[str, Container[str]] = {}

    def sweep(directory: str, now: int, skip: Container[str] = ()) -> int:
        swept[os.path.basename(directory)] = skip
        return 0

    monkeypatch.setattr(store, "sweep", sweep)
    made = broker()
    made.obtain(parse_host(), 25)

    places = (cache.token_place(made.directory, name, "me")[0] for name in (HOST, ENDPOINT))
    assert swept[paths.TOKENS] == {os.path.basename(path) for path in places}
    assert swept == {**swept, paths.ELSEWHERE: (), paths.LOGINS: ()}


class TestTheLock:
    """When the lock is taken late: what time is left, and which token is there."""

    @pytest.mark.parametrize("left", [0, -0.5])
    @pytest.mark.parametrize("in_hand", [True, False])
    def test_at_the_very_end_nothing_is_fetched(
        self,
        broker: MakeBroker,
        fake: FakeAws,
        monkeypatch: pytest.MonkeyPatch,
        left: float,
        in_hand: bool,
    ) -> None:
        """The token in hand answers, and its renewal is not delayed, since there was none."""
        self._take_until(left, monkeypatch)
        if in_hand:
            keep_stale(broker, HOST, "in hand", START + 30 * cache.SECOND)
            assert read_secret(broker().obtain(parse_host(), 24)) == "in hand"
            kept = cache.read(*cache.token_place(broker().directory, HOST, "me"), START, environ={})
            assert kept.refresh == START
        else:
            with pytest.raises(DeadlineExceeded, match="without an answer for 24 s;"):
                broker().obtain(parse_host(), 24)
        assert fake.calls == []

    def test_half_a_second_before_it_is_time_to_fetch(
        self, broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Half a second may be enough for a fetch."""
        self._take_until(0.5, monkeypatch)

        assert read_secret(broker().obtain(parse_host(), 24)) == "token-1"
        assert fake.calls == [(HOST, 0.5)]

    def test_a_token_found_under_it_is_in_hand(
        self, broker: MakeBroker, fake: FakeAws, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The previous holder may have stored a token whose renewal it delayed."""
        fake.error = HelperError("AWS is down")

        def take(*_: object) -> bool:
            keep_stale(broker, HOST, "in hand")
            return True

        monkeypatch.setattr(FileLock, "acquire", take)

        assert read_secret(broker().obtain(parse_host(), 24)) == "in hand"

    def _take_until(self, left: float, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the lock be taken when so many of 24 seconds are left."""
        now = [100.0]
        monkeypatch.setattr(time, "monotonic", lambda: now[0])

        def take(*_: object) -> bool:
            now[0] = 124.0 - left
            return True

        monkeypatch.setattr(FileLock, "acquire", take)
