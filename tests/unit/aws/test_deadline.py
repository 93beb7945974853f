"""The deadline of a call."""

import threading
import time

import pytest

from docker_credential_ecrpy.aws import deadline
from docker_credential_ecrpy.errors import DeadlineExceeded


def test_a_quick_call_gives_its_result() -> None:
    """A call's result is returned, None too."""
    assert deadline.within(5, lambda _: "done") == "done"
    assert deadline.within(5, lambda _: None) is None


def test_what_the_call_raises_comes_out() -> None:
    """A call's own error is raised, not one about the deadline."""

    def fail(_: deadline.Watch) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        deadline.within(5, fail)


def test_a_call_that_hangs_is_left_behind() -> None:
    """After the deadline the caller goes on, and the thread does not keep the process alive."""
    release = threading.Event()
    began = time.monotonic()

    def hang(watch: deadline.Watch) -> None:
        watch.enter(deadline.Stage.SERVICE, "Godot")
        release.wait()

    with pytest.raises(DeadlineExceeded, match=r"no answer from Godot within 0\.1 s"):
        deadline.within(0.1, hang)

    assert time.monotonic() - began < 5
    assert all(thread.daemon for thread in threading.enumerate()[1:])
    release.set()
