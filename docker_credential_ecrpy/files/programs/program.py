"""A program that this one runs: its output is bounded, and it does not outlive this process."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO

from docker_credential_ecrpy.errors import HelperError

MAX_OUTPUT = 8 * 1024 * 1024
"""The limit in bytes of a program's standard output."""
MAX_ERRORS = 64 * 1024
"""The bytes of a program's standard error that are kept."""

_SLICE = 0.1  # seconds between checks whether it has ended while its children hold the pipe
_GRACE = 1.0  # seconds from SIGTERM to SIGKILL, and then until it is given up
_STEP = 0.02  # seconds between checks whether it has ended after SIGTERM
_CHUNK = 64 * 1024
# A shell that outlives this process for a moment. It reads the number of a process, or of a group
# with a minus sign, and kills that unless another line follows before the end of its input.
_GUARD = 'read -r it && { read -r _ || kill -s KILL -- "$it"; }'
_SHELL = "/bin/sh"

_sessions: list[int] = []  # of the programs that got one, by the number of their first process

# `vfork` stops this process, with all of its threads, until the file system of the program answers.
subprocess._USE_VFORK = False  # type: ignore[attr-defined]  # noqa: SLF001 - documented


class Program:
    """A running program; `returncode` is its exit code once it has ended.

    name: how an error names it. request: its standard input; None for an empty one.
    most: the limit of its standard output in bytes. keep_errors: read its standard error, which
    otherwise is this process's own. alone: give it a session of its own, which is ended whole.
    """

    def __init__(  # noqa: PLR0913 - by keyword
        self,
        command: Sequence[str],
        *,
        name: str,
        request: bytes | None = None,
        environ: Mapping[str, str] | None = None,
        most: int = MAX_OUTPUT,
        keep_errors: bool = False,
        alone: bool = True,
    ) -> None:
        """Start it. Raises OSError."""
        self._name, self._most, self._alone = name, most, alone and sys.platform != "win32"
        self._guard = _Guard()
        if request is None and sys.platform != "win32" and not os.path.exists(os.devnull):
            request = b""  # a root directory without devices
        try:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL if request is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE if keep_errors else None,
                env=environ,
                start_new_session=self._alone,
            )
        except BaseException:
            self._guard.release()
            raise
        self._guard.watch(-self._child.pid if self._alone else self._child.pid)
        if self._alone:
            _sessions.append(self._child.pid)
        try:
            self._output = _Output(self._child.stdout, most)
            self._errors = _Output(self._child.stderr, MAX_ERRORS)
            if request is not None:
                # In a thread: it may not read its input before it has written its output.
                pipe = self._child.stdin
                threading.Thread(target=_write, args=(pipe, request), daemon=True).start()
                self._child.stdin = None
        except BaseException:  # no thread can be started
            self.kill()
            raise

    @property
    def returncode(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._child.returncode

    def communicate(self, seconds: float | None = None) -> tuple[bytes, bytes]:
        """Return what it wrote to standard output and error, once it has ended.

        The second is UTF-8, whatever it was. Processes that it left may still hold these. Raises
        HelperError for too much output, MemoryError and TimeoutError.
        """
        end = None if seconds is None else time.monotonic() + seconds
        lingered = False
        while True:
            left = _SLICE if end is None else max(min(_SLICE, end - time.monotonic()), 0)
            closed = self._output.wait(left) and self._errors.wait(left)
            is_behind = self._output.is_behind() or self._errors.is_behind()
            if fault := self._output.fault or self._errors.fault:
                raise fault
            if self._output.is_too_long:
                msg = f"{self._name} printed more than {self._most >> 20} MiB"
                raise HelperError(msg, hint="run it by hand to see what it prints")
            ended = self._child.poll() is not None
            if not ended and closed:
                with suppress(subprocess.TimeoutExpired):
                    self._child.wait(left)
                    ended = True
            if ended and (closed or (lingered and not is_behind)):
                self._guard.release()
                errors = self._errors.data.decode(errors="replace")
                return self._output.data, errors.encode()
            lingered = ended
            if end is not None and time.monotonic() >= end:
                raise TimeoutError

    def is_held(self, seconds: float) -> bool:
        """Whether a process that it left has its output or errors open, after `seconds` each."""
        return not (self._output.wait(seconds) and self._errors.wait(seconds))

    def kill(self) -> None:
        """Kill it, with all processes of its session if that is its own."""
        with suppress(OSError):  # it has ended, or runs as another user
            if self._alone and sys.platform != "win32":
                os.killpg(self._child.pid, signal.SIGKILL)
            elif self._child.poll() is None:
                self._child.kill()
        self._guard.release()

    def end(self) -> None:
        """Ask it to end, with the processes that it started, and kill them after a moment."""
        if self._alone and sys.platform != "win32":
            with suppress(OSError):  # they have ended
                until = time.monotonic() + _GRACE
                os.killpg(self._child.pid, signal.SIGTERM)  # this program then ends its own child
                while time.monotonic() < until:
                    time.sleep(_STEP)
                    self._child.poll()
                    os.killpg(self._child.pid, 0)  # raises OSError once all of them have ended
        else:
            below = _stop_all(self._child.pid)
            self._child.terminate()
            for name in ("SIGTERM", "SIGCONT"):
                send(below, name)
            with suppress(subprocess.TimeoutExpired):
                self._child.wait(_GRACE)
            send(below, "SIGKILL")
        self.kill()
        with suppress(subprocess.TimeoutExpired):  # it may be stuck in the kernel
            self._child.wait(_GRACE)


class _Output:
    """Reads a pipe to its end in a thread: `data` is what came, up to `most` bytes.

    fault: why it was not read to its end, for the thread that waits.
    """

    def __init__(self, pipe: IO[bytes] | None, most: int) -> None:
        self._pipe, self._most, self._kept = pipe, most, bytearray()
        self._closed = threading.Event()
        self._is_taking = False  # from before a read until what it read is kept
        self.is_too_long = False
        self.fault: MemoryError | None = None
        if pipe is None:
            self._closed.set()
        else:
            threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    @property
    def data(self) -> bytes:
        return bytes(self._kept)

    def wait(self, seconds: float) -> bool:
        return self._closed.wait(seconds)

    def is_behind(self) -> bool:
        """Whether the thread has yet to keep something, as on a busy machine.

        On Windows, where nothing tells, False.
        """
        if sys.platform == "win32" or self._pipe is None or self.is_too_long:
            return False
        with suppress(OSError, ValueError):  # the thread has just closed it
            if _wait(self._pipe, 0):
                return True
        return self._is_taking  # after the pipe, which the thread empties while it is so

    def _read(self, pipe: IO[bytes]) -> None:
        try:
            with suppress(OSError, ValueError), pipe:
                try:
                    while self._take(pipe):
                        pass
                except MemoryError as exc:
                    self.fault = exc
        finally:
            self._closed.set()

    def _take(self, pipe: IO[bytes]) -> bool:
        """Keep what the pipe holds, once there is something; return False at its end."""
        if sys.platform != "win32":
            _wait(pipe)
        self._is_taking = True
        more = os.read(pipe.fileno(), _CHUNK)
        left = self._most - len(self._kept)
        self._kept += more[:left]
        self.is_too_long = self.is_too_long or len(more) > left
        self._is_taking = False
        return bool(more)


class _Guard:
    """Kills a process or a group when this process ends, however that happens.

    A signal on the parent's death (Linux) would end one process, and not those that it started.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # two threads may release it
        self._pipe, self._shell = -1, None
        if not os.path.exists(_SHELL):
            return
        with suppress(OSError):  # no process or no descriptor is left: go on without
            read, write = os.pipe()
            try:
                self._shell = subprocess.Popen(
                    [_SHELL, "-c", _GUARD],
                    stdin=read,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env={},
                    start_new_session=True,
                )
                self._pipe, write = write, -1
            finally:
                os.close(read)
                if write >= 0:
                    os.close(write)

    def watch(self, number: int) -> None:
        with self._lock:
            self._send(f"{number}\n")

    def release(self) -> None:
        with self._lock:
            self._send("\n\n")
            if self._shell is not None:
                os.close(self._pipe)
                with suppress(subprocess.TimeoutExpired):
                    self._shell.wait(_GRACE)
                self._shell = None

    def _send(self, text: str) -> None:
        if self._shell is not None:
            with suppress(OSError):  # the guard has been killed
                os.write(self._pipe, text.encode())


def _wait(pipe: IO[bytes], milliseconds: int | None = None) -> bool:
    """Wait until a pipe holds something, or was closed at its other end; return whether it has."""
    poll = select.poll()
    poll.register(pipe.fileno(), select.POLLIN)
    return bool(poll.poll(milliseconds))


def kill_sessions() -> None:
    """Kill what programs with a session of their own have left in it."""
    if sys.platform != "win32":
        for number in _sessions:
            with suppress(OSError):  # it is empty
                os.killpg(number, signal.SIGKILL)


def say_signal(code: int) -> str:
    """Return which signal ended a program, by its negative exit code."""
    name = signal.strsignal(-code) or "unknown"
    return f"was killed by a signal ({-code}: {name.lower()})"


def list_descendants(pid: int) -> list[int]:
    """Return the processes that a process started, with those that these started (Linux)."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        above = waiting.pop()
        tasks = f"/proc/{above}/task"
        with suppress(OSError):
            for task in os.listdir(tasks):
                with suppress(OSError), open(f"{tasks}/{task}/children", encoding="ascii") as file:
                    below = [int(word) for word in file.read().split()]
                found += below
                waiting += below
    return found


def send(pids: Sequence[int], name: str) -> None:
    """Send a signal, by its name, to processes; none where the system has no such signal."""
    number = getattr(signal, name, None)
    for pid in pids:
        with suppress(OSError):  # it has ended
            if number is not None:
                os.kill(pid, number)


def _stop_all(pid: int) -> list[int]:
    """Suspend all descendants of a process, so that none starts another, and return them."""
    stopped: list[int] = []
    while new := [each for each in list_descendants(pid) if each not in stopped]:
        send(new, "SIGSTOP")
        stopped += new
    return stopped


def _write(pipe: IO[bytes], data: bytes) -> None:
    with suppress(OSError), pipe:  # a program may ignore its input
        pipe.write(data)
