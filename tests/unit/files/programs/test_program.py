"""A program that this one runs, where memory ends or time is short while its output is read."""

import os
import sys
import time

import pytest

from docker_credential_ecrpy.files.programs.program import Program


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_lack_of_memory_is_raised_to_the_thread_that_waits(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], stream: str
) -> None:
    """The thread that reads prints no traceback: the error is the caller's."""
    read = os.read

    def fail(number: int, size: int) -> bytes:
        data = read(number, size)
        if data == b"much":
            raise MemoryError
        return data

    code = f"import sys; sys.{stream}.write('much'); sys.{stream}.flush(); sys.stdin.read()"
    monkeypatch.setattr(os, "read", fail)
    program = Program([sys.executable, "-c", code], name="it", request=b"", keep_errors=True)
    try:
        with pytest.raises(MemoryError):
            program.communicate(20)
    finally:
        program.end()

    assert capfd.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="nothing tells what a pipe holds")
def test_a_thread_that_reads_late_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, the program may have ended long before the thread reads its output."""
    read = os.read

    def read_late(number: int, size: int) -> bytes:
        if size > 1024:  # the chunks of a pipe
            time.sleep(0.5)
        return read(number, size)

    monkeypatch.setattr(os, "read", read_late)
    program = Program([sys.executable, "-c", "print('it')"], name="it")
    try:
        assert program.communicate(20)[0].strip() == b"it"
    finally:
        program.end()
