"""A refused identity: its token in hand is not used again, by this process or another."""

import json
import threading
from pathlib import Path

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import cache, registry
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens.token import Token
from tests.world.entries import list_files
from tests.world.tokens import (
    ENDPOINT,
    HOST,
    HOUR,
    START,
    Clock,
    FakeAws,
    MakeBroker,
    keep_stale,
    parse_host,
    read_secret,
)

OTHER = "2" + HOST[1:]


def _entries(tmp_path: Path) -> list[str]:
    return sorted(path.name.partition("~")[0] for path in list_files(tmp_path / "ecr" / "tokens"))


def _refuse(fake: FakeAws) -> None:
    fake.error = HelperError("denied", hint="ask nicely", refused=True)


def test_a_refusal_ends_the_use_of_the_token_in_hand(
    broker: MakeBroker, fake: FakeAws, clock: Clock, tmp_path: Path
) -> None:
    """The error is raised, and the token is removed: also a later timeout finds none."""
    broker().obtain(parse_host(), 25)
    clock.now = START + 7 * HOUR
    _refuse(fake)
    with pytest.raises(HelperError, match="denied; ask nicely"):
        broker().obtain(parse_host(), 25)

    assert _entries(tmp_path) == []
    fake.error = HelperError("AWS is down")
    clock.now += 1
    with pytest.raises(HelperError, match="AWS is down"):
        broker().obtain(parse_host(), 25)


def test_another_host_of_the_endpoint_is_refused_too(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """The hosts of an endpoint share its token, so that none of them has it after a refusal."""
    for host in (HOST, OTHER):
        broker().obtain(parse_host(host), 25)
    clock.now = START + 7 * HOUR
    _refuse(fake)
    with pytest.raises(HelperError, match="denied"):
        broker().obtain(parse_host(HOST), 25)

    fake.error = HelperError("AWS is down")
    clock.now += 1
    with pytest.raises(HelperError, match="AWS is down"):
        broker().obtain(parse_host(OTHER), 25)


def test_a_hosts_own_token_is_removed_too(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path
) -> None:
    """An entry of version 0.1.0 holds a token instead of a reference."""
    keep_stale(broker, HOST, "old")
    _refuse(fake)
    with pytest.raises(HelperError, match="denied"):
        broker().obtain(parse_host(), 25)

    assert _entries(tmp_path) == []


def test_other_tokens_stay(broker: MakeBroker, fake: FakeAws, clock: Clock, tmp_path: Path) -> None:
    """Another identity's token, and that of another region, are not removed."""
    broker("you").obtain(parse_host(), 25)
    elsewhere = HOST.replace("us-east-1", "eu-west-1")
    broker().obtain(parse_host(elsewhere), 25)
    before = _entries(tmp_path)
    broker().obtain(parse_host(), 25)
    clock.now = START + 7 * HOUR
    _refuse(fake)
    with pytest.raises(HelperError, match="denied"):
        broker().obtain(parse_host(), 25)

    assert _entries(tmp_path) == before
    fake.error = HelperError("AWS is down")
    clock.now += 1
    assert read_secret(broker("you").obtain(parse_host(), 25)) == "token-1"


def test_any_other_failure_leaves_the_token_in_hand(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """A failure that is no refusal leaves the token in use."""
    broker().obtain(parse_host(), 25)
    clock.now = START + 7 * HOUR
    fake.error = HelperError("AWS is down")

    assert read_secret(broker().obtain(parse_host(), 25)) == "token-1"


def test_the_note_says_that_it_is_a_refusal(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path
) -> None:
    """The lock's note carries the refusal to the processes that wait."""
    _refuse(fake)
    with pytest.raises(HelperError):
        broker().obtain(parse_host(), 25)

    (path,) = (tmp_path / "ecr" / "locks").glob("*~*")
    assert json.loads(path.read_bytes())["refused"] is True


def test_a_waiting_process_is_refused_with_the_holder(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """A process that waits for the lock shares the refusal, and does not use its token in hand."""
    keep_stale(broker, ENDPOINT, "in hand", START + 30 * cache.SECOND)
    asked = threading.Event()
    results: list[object] = []

    def obtain() -> None:
        try:
            results.append(broker(fetch=fetch).obtain(parse_host(), 25))
        except HelperError as exc:
            results.append((str(exc), exc.refused))

    def fetch(_asked: registry.Registry, _seconds: float) -> Token:
        fake.calls.append((HOST, 0))
        asked.set()
        waiting.start()
        # The other process has begun once it has found the lock taken; its clock is then earlier.
        waiting.join(1)
        clock.now += 1
        raise HelperError("denied", refused=True)

    waiting = threading.Thread(target=obtain)
    obtain()
    waiting.join(20)

    assert asked.is_set()
    assert results == [("denied", True)] * 2
    assert len(fake.calls) == 1


def test_a_refusal_does_not_hide_another_processes_token(
    broker: MakeBroker, fake: FakeAws, clock: Clock
) -> None:
    """A fresh token of the same identity that was stored meanwhile answers."""
    broker().obtain(parse_host(), 25)
    clock.now = START + 7 * HOUR

    def fetch(_asked: registry.Registry, _seconds: float) -> Token:
        # Without the lock, as after the timeout of a wait.
        place = cache.token_place(broker().directory, ENDPOINT, "me")
        entry_file.write(*place, Token("AWS", "newer", clock.now + 12 * HOUR).entry(clock.now))
        raise HelperError("denied", refused=True)

    assert read_secret(broker(fetch=fetch).obtain(parse_host(), 25)) == "newer"
