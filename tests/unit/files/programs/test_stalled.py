"""Facts about which file a thread waits for."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docker_credential_ecrpy.files.programs import stalled

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="FIFOs of POSIX")


@contextmanager
def _running(work: Callable[[str], object], path: Path) -> Iterator[int]:
    thread = threading.Thread(target=work, args=(str(path),), daemon=True)
    thread.start()
    yield thread.ident or 0


def test_a_thread_that_waits(tmp_path: Path) -> None:
    """The file is the one in a call that does not go on."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def read(path: str) -> None:
        os.close(os.open(path, os.O_RDONLY))

    with _running(read, fifo) as thread:
        assert stalled.find_file(thread) == str(fifo)
        os.close(os.open(fifo, os.O_WRONLY))


def test_a_thread_that_goes_on(tmp_path: Path) -> None:
    """A slow machine that reads one file after the other is not a file system that stalls."""
    over = threading.Event()

    def read(path: str) -> None:
        while not over.is_set():
            os.path.exists(path)
            over.wait(0.001)

    with _running(read, tmp_path / "file") as thread:
        assert stalled.find_file(thread) == ""
        over.set()


def test_a_module_that_takes_long_to_compile(tmp_path: Path) -> None:
    """The interpreter has read it already."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)

    def _call_with_frames_removed(path: str) -> None:
        os.close(os.open(path, os.O_RDONLY))

    with _running(_call_with_frames_removed, fifo) as thread:
        assert stalled.find_file(thread) == ""
        os.close(os.open(fifo, os.O_WRONLY))
