"""A TMPDIR that stops answering, as a network drive whose server is gone."""

import signal
import subprocess
import time

import pytest

from tests.world import stalled
from tests.world.machine import HOST, NOT_FOUND, Machine
from tests.world.products import ONE_FILE

pytestmark = pytest.mark.usefixtures("own_mounts")


@pytest.mark.parametrize("operation", ["lookup", "open", "write"])
@pytest.mark.parametrize("blocked", [False, True])
def test_the_one_file_does_not_wait_for_it(
    machine: Machine, operation: str, *, blocked: bool
) -> None:
    """It reports that within AWS_ECR_TIMEOUT, also if the client left SIGALRM blocked."""
    drive = machine.root / "drive"
    machine.program = [str(ONE_FILE)]
    machine.environ |= {"TMPDIR": str(drive), "AWS_ECR_TIMEOUT": "1"}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM} if blocked else ())
    try:
        with stalled.mounted(drive, {}, operation):
            started = time.monotonic()
            error = machine.run("get", stdin=HOST.encode()).error
            assert time.monotonic() - started < 20  # the default is 25 s
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    assert error.startswith("cannot start: TMPDIR does not answer; ")


def test_the_limit_ends_where_the_program_starts(machine: Machine) -> None:
    """A client that sends its input later than that is answered."""
    machine.program = [str(ONE_FILE)]
    directory = machine.root / "tmp"
    directory.mkdir()
    machine.environ |= {"TMPDIR": str(directory), "AWS_ECR_TIMEOUT": "1"}
    process = subprocess.Popen(
        [*machine.program, "get"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=machine.environ,
        start_new_session=True,
    )
    time.sleep(4)  # the alarm would come after two seconds, the kill after three
    out, _ = process.communicate(b"ghcr.io", timeout=20)

    assert (process.returncode, out) == (1, NOT_FOUND)
    assert list(directory.iterdir()) == []
