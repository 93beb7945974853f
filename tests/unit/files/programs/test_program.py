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
class TestSlowThread:
    """On a busy machine, the program may have ended long before the thread reads its output.

    Both streams are held open by a process that it left: nothing says that they have ended.
    """

    CODE = """
import subprocess, sys
sys.{stream}.write('much')
sys.{stream}.flush()
subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(30)'])
"""

    @pytest.mark.parametrize("stream", ["stdout", "stderr"])
    @pytest.mark.parametrize("is_read", [False, True], ids=["before", "after"])
    def test_it_loses_nothing(
        self, monkeypatch: pytest.MonkeyPatch, stream: str, *, is_read: bool
    ) -> None:
        """It waits before it reads, or before it keeps what it has read."""
        program = self._run(monkeypatch, stream, is_read=is_read)
        try:
            output, errors = program.communicate(20)
        finally:
            program.end()

        assert (output, errors) == ((b"much", b"") if stream == "stdout" else (b"", b"much"))

    def test_errors_without_an_end_hold_up_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of what such a process prints, the beginning is kept."""
        read = os.read

        def read_slowly(number: int, size: int) -> bytes:
            time.sleep(0.01)
            return read(number, min(size, 4096))  # so that the pipe is never empty

        monkeypatch.setattr(os, "read", read_slowly)
        code = """
import subprocess, sys, time
print('it', flush=True)
print('it', file=sys.stderr, flush=True)
subprocess.Popen('yes >&2', shell=True)
time.sleep(0.5)
"""
        program = Program([sys.executable, "-c", code], name="it", keep_errors=True)
        try:
            output, errors = program.communicate(20)
        finally:
            program.end()

        assert output.split() == [b"it"]
        assert errors.split()[:1] == [b"it"]

    @pytest.mark.parametrize("stream", ["stdout", "stderr"])
    def test_its_lack_of_memory_is_told(self, monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
        """Half of the output is no output."""
        program = self._run(monkeypatch, stream, is_read=True, error=MemoryError)
        try:
            with pytest.raises(MemoryError):
                program.communicate(20)
        finally:
            program.end()

    def _run(
        self,
        monkeypatch: pytest.MonkeyPatch,
        stream: str,
        *,
        is_read: bool,
        error: type[Exception] | None = None,
    ) -> Program:
        read = os.read

        def read_late(number: int, size: int) -> bytes:
            if not is_read and size > 1024:  # the chunks of a pipe
                time.sleep(0.7)
            data = read(number, size)
            if is_read and data == b"much":
                time.sleep(0.7)
                if error:
                    raise error
            return data

        monkeypatch.setattr(os, "read", read_late)
        command = [sys.executable, "-c", self.CODE.format(stream=stream)]
        return Program(command, name="it", keep_errors=True)
