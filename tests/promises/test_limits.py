"""Time limits: nothing that hangs takes longer than AWS_ECR_TIMEOUT."""

import json
import re
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.world import aws as world
from tests.world import credential_sources
from tests.world.machine import NOT_FOUND, Machine, Result


@pytest.mark.parametrize(
    ("source", "kind", "who"),
    [
        (
            credential_sources.environment,
            "ecr",
            "ECR at https://api.ecr.us-east-1.amazonaws.com",
        ),
        (
            credential_sources.assumed_role,
            "sts:AssumeRole",
            "STS at https://sts.us-east-1.amazonaws.com",
        ),
        (credential_sources.instance, "imds:token", "the AWS credentials"),
        (credential_sources.container, "container", "the AWS credentials"),
        (
            credential_sources.sso_session,
            "sso:GetRoleCredentials",
            "IAM Identity Center at https://",
        ),
    ],
    ids=["ECR", "STS", "IMDS", "container", "SSO"],
)
def test_a_call_that_hangs(
    machine: Machine, source: Callable[[Machine], None], kind: str, who: str
) -> None:
    """The error names the service that hangs."""
    source(machine)
    machine.aws.faults[kind] = world.delay(30)
    machine.environ["AWS_METADATA_SERVICE_TIMEOUT"] = "30"
    began = time.monotonic()

    error = machine.get(AWS_ECR_TIMEOUT="2").error

    assert time.monotonic() - began < 10
    assert error.startswith(f"no answer from {who}")
    assert re.search(r" within (2|1\.\d+) s;", error)  # less the time before the call
    assert "AWS_ECR_TIMEOUT" in error


def test_a_credential_process_that_hangs_is_ended(machine: Machine) -> None:
    """It is killed together with the call that waits for it."""
    mark = machine.root / "mark"
    code = f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    credential_sources.process(machine, code)

    error = machine.get(AWS_ECR_TIMEOUT="2").error
    assert error.startswith("no answer from credential_process of AWS profile 'default'")
    assert re.search(r" within (2|1\.\d+) s;", error)
    process = machine.root / "/proc" / mark.read_text() / "stat"
    deadline = time.monotonic() + 5
    while _runs(process) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(process)


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of Unix")
def test_a_credential_process_has_no_terminal_and_leaves_no_child(machine: Machine) -> None:
    """It cannot prompt the user, and the processes that it started end with it."""
    mark = machine.root / "mark"
    code = (
        "import subprocess, time\n"
        "try:\n    open('/dev/tty')\n    tty = 'a terminal'\n"
        "except OSError:\n    tty = 'none'\n"
        "child = subprocess.Popen(['sleep', '77'])\n"
        f"open({str(mark)!r}, 'w').write(f'{{tty}} {{child.pid}}')\ntime.sleep(60)"
    )
    credential_sources.process(machine, code)
    machine.get(AWS_ECR_TIMEOUT="2")

    tty, pid = mark.read_text().split()
    assert tty == "none"
    until = time.monotonic() + 5
    while _runs(Path("/proc", pid, "stat")) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(Path("/proc", pid, "stat"))


@pytest.mark.skipif(sys.platform != "linux", reason="how a full backlog behaves")
def test_a_host_that_accepts_no_connection(machine: Machine) -> None:
    """Three attempts of three seconds are made before the error."""
    machine.login()
    with socket.socket() as listener, ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):  # from the second connection on, the backlog is full
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        port = listener.getsockname()[1]
        began = time.monotonic()
        error = machine.get(AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}").error

    assert error.startswith(f"no connection to http://127.0.0.1:{port}: it does not answer")
    assert 9 <= time.monotonic() - began < 20


def test_a_credential_process_reads_no_protocol(machine: Machine) -> None:
    """Its standard input is empty, and its environment is the user's own."""
    keys = machine.aws.user()
    answer = {"Version": 1, "AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key}
    code = (
        "import json, os, sys\nassert sys.stdin.read() == ''\n"
        "assert os.environ['MINE'] == 'kept'\n"
        f"print({json.dumps(answer)!r})"
    )
    credential_sources.process(machine, code)

    assert machine.get(MINE="kept").secret in machine.aws.issued


@pytest.mark.parametrize(
    ("text", "said"),
    [(text, "not a number of seconds above 0") for text in ("soon", "0", "-1", "nan")]
    + [(text, "more than its limit of 3600 seconds") for text in ("inf", "1e999", "1e11", "3601")],
)
def test_an_invalid_limit_is_an_error(machine: Machine, text: str, said: str) -> None:
    """The error names the valid values."""
    machine.login()

    assert f"{said}; set it to one such as 25" in machine.get(AWS_ECR_TIMEOUT=text).error


def test_ecr_public_has_the_same_limit(machine: Machine) -> None:
    """The get ends as "not found" in time, so that the pull continues anonymously."""
    machine.login()
    machine.aws.faults["ecr-public"] = world.delay(30)

    assert machine.get("public.ecr.aws", AWS_ECR_TIMEOUT="1") == Result(1, NOT_FOUND, b"")


def _runs(stat: Path) -> bool:
    try:
        return stat.read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
