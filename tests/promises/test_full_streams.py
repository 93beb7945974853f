"""Facts about a standard error that nobody reads, and about a process that is suspended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.world.aws import delay
from tests.world.machine import HOST, NOT_FOUND, Machine

pytestmark = [
    pytest.mark.usefixtures("same_descriptors"),
    pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX"),
]


@pytest.fixture
def full() -> Iterator[int]:
    """Return the end to write to of a pipe that is full."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(write, b"x" * size)
        except BlockingIOError:
            pass
    os.set_blocking(write, True)
    yield write
    os.close(read)
    os.close(write)


def _block() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])


def _ignore() -> None:
    signal.signal(signal.SIGALRM, signal.SIG_IGN)


def _get(
    machine: Machine, host: str, stderr: int, before: Callable[[], None] | None = None
) -> tuple[int, bytes]:
    child = subprocess.run(
        [*machine.program, "get"],
        input=host.encode(),
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=machine.environ,
        cwd=machine.root,
        timeout=30,
        preexec_fn=before,
        check=False,
    )
    return child.returncode, child.stdout


@pytest.mark.parametrize("before", [None, _block, _ignore])
@pytest.mark.parametrize("debug", ["0", "1"])
def test_an_error_whose_line_nobody_reads(
    machine: Machine, full: int, debug: str, before: Callable[[], None] | None
) -> None:
    """The error is on standard output, which the client reads, and the get ends."""
    machine.environ["AWS_ECR_DEBUG"] = debug
    code, stdout = _get(machine, HOST, full, before)

    assert code == 1
    assert stdout.startswith(b"no AWS credentials found")


def test_an_answer_with_a_log_that_nobody_reads(machine: Machine, full: int) -> None:
    """The lines are lost, and the answer is not."""
    machine.environ["AWS_ECR_DEBUG"] = "1"

    assert _get(machine, "ghcr.io", full) == (1, NOT_FOUND)


def test_a_process_that_is_suspended(machine: Machine) -> None:
    """The time that it is suspended does not count: it then goes on, and answers."""
    machine.login()
    machine.aws.faults["ecr"] = delay(3)
    machine.environ["AWS_ECR_TIMEOUT"] = "8"
    child = machine.start_get()
    while not machine.aws.calls:
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGSTOP)
    time.sleep(21)
    child.send_signal(signal.SIGCONT)
    stdout, stderr = child.communicate(timeout=30)

    assert child.returncode in (0, 1)
    assert stdout.count(b"\n") == 1
    assert (child.returncode == 0) == (stderr == b"")
