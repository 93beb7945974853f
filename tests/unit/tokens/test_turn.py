"""A process's turn: which processes share a lock, how long they wait, and what they are told."""

import json
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens.turn import WAIT_SHARE, Turn, lock_name
from tests.world.tokens import ENDPOINT, FakeAws, MakeBroker, parse_host, read_secret


@pytest.fixture(name="turn")
def _turn(tmp_path: Path) -> Turn:
    return _make(tmp_path)


def _make(
    directory: Path, endpoint: str = ENDPOINT, identity: str = "me", waited: float = 0
) -> Turn:
    return Turn(str(directory), endpoint, identity, 7, waited)


def test_its_lock_is_named_after_endpoint_and_identity(tmp_path: Path) -> None:
    """Other versions of this program wait for the same file: one of 4096 for each endpoint."""
    slot = int(cache.fingerprint("me"), 16) % 0x1000
    with _make(tmp_path) as turn:
        assert turn.name == lock_name(ENDPOINT, "me") == f"{ENDPOINT}~{slot:03x}"
        assert (tmp_path / "locks" / turn.name).is_file()


def test_it_is_not_held_before_it_is_taken(tmp_path: Path, turn: Turn) -> None:
    """It knows when the wait began, and has not waited."""
    assert (turn.is_held, turn.started, turn.waited) == (False, 7, 0)
    with turn, _make(tmp_path) as other:
        assert other.take(0)


def test_one_process_at_a_time_has_it(tmp_path: Path, turn: Turn) -> None:
    """The next one has it after the first one's context; others of its endpoint do not wait."""
    with turn:
        assert turn.take(0)
        assert turn.take(0)  # it has it already
        with (
            _make(tmp_path) as second,
            _make(tmp_path, identity="you") as another,
            _make(tmp_path, endpoint="ecr@eu-west-1.amazonaws.com") as elsewhere,
        ):
            assert not second.take(0)
            assert not second.is_held
            assert another.take(0)
            assert elsewhere.take(0)
    assert not turn.is_held
    with _make(tmp_path) as third:
        assert third.take(0)


def test_it_is_given_back(tmp_path: Path, turn: Turn) -> None:
    """Another process has it then, and it can be taken again."""
    with turn:
        assert turn.take(0)
        turn.give_back()
        assert not turn.is_held
        with _make(tmp_path) as other:
            assert other.take(0)
            assert not turn.take(0)
        assert turn.take(0)


def test_it_counts_how_long_it_has_waited(turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    """In seconds, of all waits; without time left it waits for none."""
    now, asked, answers = [1000.0], list[float](), iter([False, False, True])

    def acquire(_: FileLock, seconds: float) -> bool:
        asked.append(seconds)
        now[0] += 2.5
        return next(answers)

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(FileLock, "acquire", acquire)
    with turn:
        assert [turn.take(seconds) for seconds in (5, -1, 0.5)] == [False, False, True]
        assert (asked, turn.waited) == ([5, 0, 0.5], 7.5)
        assert turn.take(9)
        assert len(asked) == 3


def test_the_share_of_the_deadline() -> None:
    """Two thirds: a third is left for the fetch."""
    assert WAIT_SHARE * 24 == 16


def test_it_may_be_closed_twice(tmp_path: Path) -> None:
    """A descriptor that another file has by then stays open."""
    turn = _make(tmp_path)
    turn.close()
    with open(tmp_path / "other", "w") as file:
        turn.close()
        file.write("open")


def test_a_broker_goes_on_with_it(broker: MakeBroker, fake: FakeAws, tmp_path: Path) -> None:
    """The lock that is held is the one that the broker needs, and it is released at the end."""
    turn = _make(tmp_path / "ecr")
    assert turn.take(0)

    assert read_secret(broker().obtain(parse_host(), 25, turn=turn)) == "token-1"
    with _make(tmp_path / "ecr") as next_one:
        assert next_one.take(0)


@pytest.mark.parametrize("identity", ["me", "you"], ids=["the same", "another"])
def test_what_it_has_waited_counts(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path, identity: str
) -> None:
    """Of 0.6 seconds, 0.5 are over: also where the rules have changed and another lock counts."""
    with _make(tmp_path / "ecr") as holder:
        assert holder.take(0)
        note = {"who": "me", "until": time.monotonic() + 60}
        holder.lock.write_note(json.dumps(note).encode())
        turn = _make(tmp_path / "ecr", identity=identity, waited=0.5)
        with pytest.raises(HelperError) as raised:
            broker().obtain(parse_host(), 0.6, turn=turn)

    assert "0.6 s" in str(raised.value)
    assert turn.waited < 0.75
    assert fake.calls == []
