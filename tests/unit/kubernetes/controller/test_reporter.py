"""Facts about the lines of the controller: many that say the same are a few."""

import threading
import time
from collections.abc import Callable

import pytest

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")

from docker_credential_ecrpy.kubernetes.controller.reporter import Repeats

pytestmark = pytest.mark.tree  # the standalone programs have no Kubernetes client
WINDOW = 0.05  # seconds


class Clock:
    """Stands in for `threading.Timer`: a window ends when the test says so."""

    def __init__(self) -> None:
        self._ends: list[Callable[[], None]] = []

    def make_timer(self, window: float, end: Callable[[], None]) -> threading.Thread:
        """Return a timer; its window runs from its start on."""
        assert window == WINDOW
        return threading.Thread(target=lambda: self._ends.append(end))

    def end_window(self) -> None:
        """End the window that runs. Raises ValueError unless there is one, and no other."""
        _wait_for(lambda: bool(self._ends))
        (end,) = self._ends
        self._ends.clear()
        end()

    def is_idle(self) -> bool:
        """Whether no window runs."""
        return not self._ends


def _wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock of all windows."""
    clock = Clock()
    monkeypatch.setattr(threading, "Timer", clock.make_timer)
    return clock


def deny(namespace: str) -> str:
    return f'cannot get "secrets" in the namespace "{namespace}"'


def test_many_equal_lines_are_counted(clock: Clock) -> None:
    """The first ones are printed at once, and the others as a number, until none comes."""
    said: list[str] = []
    repeats = Repeats(said.append, WINDOW)
    for number in range(2000):
        repeats.say(f"team-{number}/ecr", deny(f"team-{number}"), f"team-{number}")
    repeats.say("a/ecr", "AWS has an error", "a")
    first = [f"team-{number}/ecr: {deny(f'team-{number}')}" for number in range(5)]
    assert said == [*first, "a/ecr: AWS has an error"]
    clock.end_window()
    assert said[6:] == [f"1995 more: {deny('*')}"]
    clock.end_window()
    assert clock.is_idle()
    repeats.say("team-1/ecr", deny("team-1"), "team-1")

    assert said[7:] == [first[1]]


def test_what_goes_on_is_only_counted(clock: Clock) -> None:
    """An outage of an hour does not print its first lines again and again."""
    said: list[str] = []
    repeats = Repeats(said.append, WINDOW)
    for _ in range(3):
        for _ in range(20):
            repeats.say("a/ecr", "no", "a")
        clock.end_window()

    assert said == ["a/ecr: no"] * 5 + ["15 more: no", "20 more: no", "20 more: no"]


def test_a_window_ends_by_itself() -> None:
    """The number is printed without another line."""
    said: list[str] = []
    repeats = Repeats(said.append, WINDOW)
    for _ in range(1000):
        repeats.say("a/ecr", "no", "a")

    _wait_for(lambda: any(line.endswith(" more: no") for line in said))
