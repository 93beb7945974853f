"""A process's turn to fetch a token."""

import json
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.tokens.turn import Turn, lock_name
from tests.world.tokens import ENDPOINT, START, FakeAws, MakeBroker, parse_host, read_secret

pytestmark = pytest.mark.usefixtures("same_descriptors")


def _make(tmp_path: Path, identity: str = "me", waited: float = 0) -> Turn:
    return Turn(str(tmp_path / "ecr"), ENDPOINT, identity, START, waited)


def test_one_process_at_a_time_has_it(tmp_path: Path) -> None:
    """Those of other identities and endpoints have their own."""
    with _make(tmp_path) as first, _make(tmp_path) as second, _make(tmp_path, "you") as other:
        assert first.take(0)
        assert first.take(0)  # it has it already
        assert not second.take(0.05)
        assert other.take(0)
        assert (first.waited < 0.05, second.waited >= 0.05) == (True, True)
        assert (first.is_held, second.is_held) == (True, False)
    assert lock_name("x", "me") != lock_name(ENDPOINT, "me") != lock_name(ENDPOINT, "you")


def test_it_can_be_given_back_and_taken_again(tmp_path: Path) -> None:
    """The next process has it in between."""
    with _make(tmp_path) as first, _make(tmp_path) as second:
        assert first.take(0)
        first.give_back()
        assert not first.is_held
        assert second.take(0)
        assert not first.take(0)
        second.close()
        assert first.take(0)


def test_it_may_be_closed_twice(tmp_path: Path) -> None:
    """A descriptor that another file has by then stays open."""
    turn = _make(tmp_path)
    turn.close()
    with open(tmp_path / "other", "w") as file:
        turn.close()
        file.write("open")


def test_a_broker_goes_on_with_it(broker: MakeBroker, fake: FakeAws, tmp_path: Path) -> None:
    """The lock that is held is the one that the broker needs, and it is released at the end."""
    turn = _make(tmp_path)
    assert turn.take(0)

    assert read_secret(broker().obtain(parse_host(), 25, turn=turn)) == "token-1"
    with _make(tmp_path) as next_one:
        assert next_one.take(0)


@pytest.mark.parametrize("identity", ["me", "you"], ids=["the same", "another"])
def test_what_it_has_waited_counts(
    broker: MakeBroker, fake: FakeAws, tmp_path: Path, identity: str
) -> None:
    """Of 0.6 seconds, 0.5 are over: also where the rules have changed and another lock counts."""
    with _make(tmp_path) as holder:
        assert holder.take(0)
        note = {"who": "me", "until": time.monotonic() + 60}
        holder.lock.write_note(json.dumps(note).encode())
        turn = _make(tmp_path, identity, waited=0.5)
        with pytest.raises(HelperError) as raised:
            broker().obtain(parse_host(), 0.6, turn=turn)

    assert "0.6 s" in str(raised.value)
    assert turn.waited < 0.75
    assert fake.calls == []
