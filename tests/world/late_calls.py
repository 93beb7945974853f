"""Calls that go on after their deadline, in a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from docker_credential_ecrpy.aws import deadline
from tests.world.web import Handler, Hangup, Request, Response


@contextmanager
def silence() -> Iterator[Handler]:
    """Yield a handler that does not answer until the end of the block, and then hangs up.

    After the block, the call that waited for an answer has ended.
    """
    over = threading.Event()

    def wait(_: Request) -> Response:
        over.wait(60)
        raise Hangup

    try:
        yield wait
    finally:
        over.set()
        end_calls()


def end_calls() -> None:
    """Wait for calls that go on after their deadline. Raises AssertionError for one that hangs."""
    for thread in threading.enumerate():
        if thread.name == deadline.THREAD:
            thread.join(10)
            assert not thread.is_alive()
