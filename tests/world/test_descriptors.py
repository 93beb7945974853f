"""Facts about the check for leaked descriptors: it finds each kind, and no other thread's."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.world.descriptors import Leak, no_leak

posix = pytest.mark.skipif(os.name != "posix", reason="opens no directories")


def _leak_file(folder: Path) -> list[int]:
    return [os.open(folder / "leaked", os.O_CREAT | os.O_RDWR)]


def _leak_directory(folder: Path) -> list[int]:
    return [os.open(folder, os.O_RDONLY)]


def _leak_pipe(_folder: Path) -> list[int]:
    return list(os.pipe())


def _close(sockets: Iterable[socket.socket]) -> None:
    for one in sockets:
        one.close()


@pytest.mark.parametrize(
    "leak", [_leak_file, pytest.param(_leak_directory, marks=posix), _leak_pipe]
)
def test_a_leak_is_found(leak: Callable[[Path], list[int]], tmp_path: Path) -> None:
    """Also while sockets of other threads, with lower numbers, are closed."""
    others = [socket.socket() for _ in range(3)]
    opened: list[int] = []

    def run() -> None:
        with no_leak():
            opened.extend(leak(tmp_path))
            _close(others)

    try:
        with pytest.raises(Leak, match=r"left open: \[\("):
            run()
    finally:
        for number in opened:
            os.close(number)


@pytest.mark.parametrize("standard", [True, False], ids=["stream", "other"])
def test_a_mistaken_close_is_found(*, standard: bool) -> None:
    """Of a standard stream, and of a descriptor that the test does not know."""
    kept = os.dup(0)
    lowest = os.dup(0)
    os.close(lowest)
    try:
        with pytest.raises(Leak, match=r"closed: \[\("), no_leak():
            os.close(0 if standard else lowest)
    finally:
        os.dup2(kept, 0)
        os.close(kept)


def test_what_other_threads_open_and_close_is_no_leak(tmp_path: Path) -> None:
    """Sockets of a server that ends, and a file that is open for a moment."""
    others = [socket.socket() for _ in range(3)]
    opened, may_end = threading.Event(), threading.Event()

    def work() -> None:
        with open(tmp_path / "file", "wb"):
            opened.set()
            may_end.wait()
            time.sleep(0.1)

    thread = threading.Thread(target=work)
    with no_leak():
        thread.start()
        opened.wait()
        others.append(socket.socket())
        _close(others[:3])
        may_end.set()
    thread.join()
    others[3].close()
