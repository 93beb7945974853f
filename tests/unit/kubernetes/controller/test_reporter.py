"""Facts about the lines of the controller: many that say the same are a few."""

import time

import pytest

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")

from docker_credential_ecrpy.kubernetes.controller.reporter import Repeats

pytestmark = pytest.mark.tree  # the standalone programs have no Kubernetes client
WINDOW = 0.3


def deny(namespace: str) -> str:
    return f'cannot get "secrets" in the namespace "{namespace}"'


def test_many_equal_lines_are_counted() -> None:
    """The first ones are printed at once, and the others as a number, until none comes."""
    said: list[str] = []
    repeats = Repeats(said.append, WINDOW)
    for number in range(2000):
        repeats.say(f"team-{number}/ecr", deny(f"team-{number}"), f"team-{number}")
    repeats.say("a/ecr", "AWS has an error", "a")
    first = [f"team-{number}/ecr: {deny(f'team-{number}')}" for number in range(5)]
    assert said == [*first, "a/ecr: AWS has an error"]
    time.sleep(2 * WINDOW)
    assert said[6:] == [f"1995 more: {deny('*')}"]
    time.sleep(2 * WINDOW)
    repeats.say("team-1/ecr", deny("team-1"), "team-1")

    assert said[7:] == [first[1]]


def test_what_goes_on_is_only_counted() -> None:
    """An outage of an hour does not print its first lines again and again."""
    said: list[str] = []
    repeats = Repeats(said.append, WINDOW)
    end = time.monotonic() + 3 * WINDOW
    while time.monotonic() < end:
        repeats.say("a/ecr", "no", "a")
        time.sleep(0.005)

    assert said.count("a/ecr: no") == 5
    assert 2 <= sum(line.endswith(" more: no") for line in said) <= 4
