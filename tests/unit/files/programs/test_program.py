"""A program that this one runs, where memory ends while its output is read."""

import os
import sys

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
