"""Facts about streams that are closed, full or slow, or that have no reader."""

import os
import subprocess
import time

import pytest

from tests.world.machine import HOST, NOT_FOUND, Machine

pytestmark = pytest.mark.usefixtures("same_descriptors")


@pytest.mark.parametrize("how", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full"])
@pytest.mark.parametrize("state", ["cold", "cached", "not ECR", "failing"])
def test_streams_that_are_closed_or_full(machine: Machine, how: str, state: str) -> None:
    """There is no traceback, and no file of ours takes a stream's descriptor or gets a reply."""
    host = "ghcr.io" if state == "not ECR" else HOST
    if state != "failing":
        machine.login()
    if state == "cached":
        machine.get()
    command = ["sh", "-c", f'exec "$@" {how}', "sh", *machine.program]
    result = machine.run("get", stdin=host.encode(), command=command)

    if state != "failing":
        assert result.stderr == b""
    if "full" in how:
        assert result.code == 1
    if "<&-" in how:
        assert result.stdout in (b"", b"no credentials server URL\n")
    for path in machine.cache.rglob("*"):
        if path.is_file():
            assert b"ServerURL" not in path.read_bytes()


@pytest.mark.parametrize("state", ["cold", "cached", "failing"])
def test_a_closed_pipe_gives_no_traceback(machine: Machine, state: str) -> None:
    """The exit code reports that the answer did not arrive."""
    if state != "failing":
        machine.login()
    if state == "cached":
        machine.get()
    read, write = os.pipe()
    os.close(read)
    with subprocess.Popen(
        [*machine.program, "get"],
        stdin=subprocess.PIPE,
        stdout=write,
        stderr=subprocess.PIPE,
        env=machine.environ,
        cwd=machine.root,
    ) as child:
        os.close(write)
        _, stderr = child.communicate(HOST.encode(), timeout=30)

    assert child.returncode == 1
    assert b"Traceback" not in stderr


def test_non_blocking_input_is_waited_for(machine: Machine) -> None:
    """Some clients leave their end of the pipe non-blocking; input that comes late is read."""
    read, write = os.pipe()
    os.set_blocking(read, False)
    with subprocess.Popen(
        [*machine.program, "get"],
        stdin=read,
        stdout=subprocess.PIPE,
        env=machine.environ,
        cwd=machine.root,
    ) as child:
        os.close(read)
        time.sleep(0.3)
        os.write(write, b"ghcr.io")
        os.close(write)
        assert child.stdout is not None
        assert child.stdout.read() == NOT_FOUND
