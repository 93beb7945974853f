"""File systems that do not answer: each file that an action opens may be on one."""

import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.security.attacks import ACTIONS
from tests.world import bazel, credential_sources
from tests.world.machine import HOST, Machine, Result
from tests.world.stalled import mounted

# These tests fail where they cannot mount: a skipped one would prove nothing.
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="FUSE of Linux")
LIMIT = 2
ENDED_BY_ALARM = Result(-signal.SIGALRM, b"", b"")
PROCESS = "no answer from credential_process of AWS profile 'default' within "
OTHER = "ghcr.io"
READ_FIRST = (
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)
"""Variables that name a file whose content the hot path compares."""


def _run(
    machine: Machine,
    action: str,
    files: Mapping[str, bytes],
    stalled: str,
    stdin: bytes | None = None,
) -> Result:
    """Run an action while a file system at `net` has stalled."""
    machine.environ["AWS_ECR_TIMEOUT"] = str(LIMIT)
    with mounted(machine.root / "net", files, stalled):
        began = time.monotonic()
        result = machine.run(action, stdin=ACTIONS[action] if stdin is None else stdin)
        assert time.monotonic() - began < LIMIT + 15
    return result


def _says(result: Result, what: str, cure: str) -> None:
    """Assert that a run ended with the error that names a file and its cure."""
    said = f"no answer from the file system of {what} within {LIMIT} s; check its mount, or {cure}"
    assert result.error == said


class TestCache:
    """The cache directory."""

    @pytest.mark.parametrize("operation", ["lookup", "open", "read"])
    def test_a_cached_get(self, machine: Machine, operation: str) -> None:
        """It is ended by an alarm, which costs no thread."""
        machine.login()
        machine.get()
        kept = {
            str(path.relative_to(machine.cache)): path.read_bytes()
            for path in machine.cache.rglob("*")
            if path.is_file()
        }
        machine.environ["AWS_ECR_CACHE_DIR"] = str(machine.root / "net")

        assert _run(machine, "get", kept, operation) == ENDED_BY_ALARM

    @pytest.mark.parametrize("handling", ["ignored", "blocked"])
    def test_a_client_that_wants_no_alarms(self, machine: Machine, handling: str) -> None:
        """An alarm that is ignored or blocked when the program starts ends it nevertheless."""
        code = "import os, signal, sys\n"
        code += {
            "ignored": "signal.signal(signal.SIGALRM, signal.SIG_IGN)\n",
            "blocked": "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])\n",
        }[handling]
        code += "os.execv(sys.argv[1], sys.argv[1:])"
        machine.program = [sys.executable, "-I", "-c", code, *machine.program]
        machine.environ["AWS_ECR_CACHE_DIR"] = str(machine.root / "net")

        # The one file's parent passes its child's signal on to itself, where it may be blocked.
        assert _run(machine, "get", {}, "lookup") in (ENDED_BY_ALARM, Result(1, b"", b""))

    @pytest.mark.parametrize("action", ["store", "erase", "list"])
    def test_other_actions(self, machine: Machine, action: str) -> None:
        """The error names the directory."""
        at = machine.root / "net"
        machine.environ["AWS_ECR_CACHE_DIR"] = str(at)
        result = _run(machine, action, {"registries/x": b"", "logins/x": b""}, "lookup")

        _says(result, f"the cache directory {at}", "set AWS_ECR_CACHE_DIR to a local directory")

    def test_a_get_that_logs(self, machine: Machine) -> None:
        """With a log the error names the directory, too."""
        machine.login()
        at = machine.root / "net"
        machine.environ |= {"AWS_ECR_CACHE_DIR": str(at), "AWS_ECR_LOG": str(machine.root / "log")}
        result = _run(machine, "get", {}, "lookup")

        _says(result, f"the cache directory {at}", "set AWS_ECR_CACHE_DIR to a local directory")

    def test_a_token_that_cannot_be_stored(self, machine: Machine) -> None:
        """A directory that stalls when it is written to does not hang a first get."""
        machine.login()
        at = machine.root / "net"
        machine.environ["AWS_ECR_CACHE_DIR"] = str(at)
        result = _run(machine, "get", {"tokens/x": b"", "locks/x": b""}, "write")

        _says(result, f"the cache directory {at}", "set AWS_ECR_CACHE_DIR to a local directory")

    def test_ecr_public(self, machine: Machine) -> None:
        """The get ends as "not found", so that the pull continues anonymously."""
        at = machine.root / "net"
        machine.environ |= {"AWS_ECR_CACHE_DIR": str(at), "AWS_ECR_LOG": str(machine.root / "log")}
        result = _run(machine, "get", {}, "lookup", b"public.ecr.aws")

        assert result == Result(1, b"credentials not found in native keychain\n", b"")

    def test_ecr_public_for_bazel(self, machine: Machine) -> None:
        """It downloads without credentials after an error, which is on standard error alone."""
        at = machine.root / "net"
        machine.environ |= {"AWS_ECR_CACHE_DIR": str(at), "AWS_ECR_LOG": str(machine.root / "log")}
        result = _run(machine, "get", {}, "lookup", bazel.make_request("https://public.ecr.aws"))

        assert f"the cache directory {at}" in bazel.refused(result)


@pytest.mark.parametrize("action", ["get", "store", "erase", "list"])
@pytest.mark.parametrize("operation", ["lookup", "open", "read"])
def test_the_settings(machine: Machine, action: str, operation: str) -> None:
    """The error names the file; the alarm ends a get, which reads it on the hot path."""
    machine.login()
    if action == "list":
        machine.get()
    file = machine.root / "net" / "config.toml"
    machine.environ["AWS_ECR_CONFIG"] = str(file)
    result = _run(machine, action, {"config.toml": b""}, operation)

    if action == "get":
        assert result == ENDED_BY_ALARM
    else:
        _says(result, f"the settings {file}", "point AWS_ECR_CONFIG at a local file")


@pytest.mark.parametrize("operation", ["lookup", "open", "read"])
@pytest.mark.parametrize(
    ("variable", "what"),
    [
        ("AWS_CONFIG_FILE", "the AWS config"),
        ("AWS_SHARED_CREDENTIALS_FILE", "the AWS credentials"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "the web identity token"),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "the container authorization token"),
        ("AWS_CA_BUNDLE", "the certificates to trust"),
        ("SSL_CERT_FILE", "the certificates to trust"),
    ],
)
def test_files_of_aws(machine: Machine, variable: str, what: str, operation: str) -> None:
    """The error names the file; on the hot path the alarm ends the get."""
    bundle = Path(machine.environ["AWS_CA_BUNDLE"]).read_bytes()
    sources: dict[str, Callable[[Machine], None]] = {
        "AWS_WEB_IDENTITY_TOKEN_FILE": credential_sources.web_identity,
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": credential_sources.pod_identity,
    }
    sources.get(variable, credential_sources.environment)(machine)
    file = machine.root / "net" / "file"
    if variable == "SSL_CERT_FILE":
        machine.environ.pop("AWS_CA_BUNDLE")
    machine.environ[variable] = str(file)
    data = bundle if "CA" in variable or "CERT" in variable else b""
    result = _run(machine, "get", {"file": data}, operation)

    if result != ENDED_BY_ALARM:
        assert result.error.startswith(f"no answer from the file system of {what} {file} within ")
        assert result.error.endswith(f"check its mount, or point {variable} at a local file")
    else:
        assert operation == "lookup" or variable in READ_FIRST


@pytest.mark.parametrize("action", ["get", "store", "erase"])
@pytest.mark.parametrize("operation", ["lookup", "open", "write"])
def test_the_log(machine: Machine, action: str, operation: str) -> None:
    """The error names the file."""
    machine.login()
    file = machine.root / "net" / "log"
    machine.environ["AWS_ECR_LOG"] = str(file)
    result = _run(machine, action, {"log": b""}, operation)

    _says(result, f"the log {file}", "point AWS_ECR_LOG at a local file")


@pytest.mark.parametrize("action", ["get", "store", "erase", "list"])
def test_the_home(machine: Machine, action: str) -> None:
    """A home that stalls ends a get by the alarm, and other actions with an error."""
    machine.login()
    machine.environ["HOME"] = str(machine.root / "net")
    result = _run(machine, action, {".ecr/registries/x": b""}, "lookup")

    if action == "get":
        assert result == ENDED_BY_ALARM
    else:
        assert result.error.startswith("no answer from the file system of ")


@pytest.mark.parametrize("operation", ["lookup", "open", "read"])
def test_a_credential_process(machine: Machine, operation: str) -> None:
    """A program on a file system that stalls does not hang the call that starts it."""
    program = machine.root / "net" / "program"
    machine.config(f"[default]\ncredential_process = {program}\n")
    result = _run(machine, "get", {"program": b"#!/bin/sh\n"}, operation)

    assert result.error.startswith(PROCESS)


@pytest.mark.parametrize("action", ["get", "store", "erase", "list"])
@pytest.mark.parametrize("operation", ["lookup", "open", "read"])
def test_fallback(machine: Machine, action: str, operation: str) -> None:
    """A fallback on a file system that stalls does not hang the action."""
    machine.settings('fallback = "other"\n')
    machine.environ["PATH"] = f"{machine.root}/net:{machine.environ['PATH']}"
    login = b'{"ServerURL":"ghcr.io","Username":"me","Secret":"x"}'
    files = {"docker-credential-other": b"#!/bin/sh\n"}
    stdin = login if action == "store" else OTHER.encode()
    result = _run(machine, action, files, operation, stdin)

    assert result.error.startswith("no answer from the ")
    assert "docker-credential-other" in result.error


@pytest.mark.parametrize(
    "command",
    [
        ["password", HOST],
        ["doctor", HOST],
        ["doctor", "--fix", HOST],
        ["explain", HOST],
        ["cache", "list"],
        ["cache", "clear"],
    ],
    ids=" ".join,
)
def test_commands(machine: Machine, command: list[str]) -> None:
    """Scripts wait for them: the error is on standard error alone, as a command's always is."""
    machine.login()
    at = machine.root / "net"
    machine.environ |= {"AWS_ECR_CACHE_DIR": str(at), "AWS_ECR_TIMEOUT": str(LIMIT)}
    with mounted(at, {}, "lookup"):
        result = machine.run(*command)

    said = f"{machine.name}: no answer from the file system of the cache directory {at} within "
    assert (result.code, result.stdout) == (1, b"")
    assert result.stderr.decode().startswith(said)


def test_configure(machine: Machine) -> None:
    """It ends if Docker's file is on a file system that does not answer."""
    at = machine.root / "net"
    machine.environ |= {"DOCKER_CONFIG": str(at), "AWS_ECR_TIMEOUT": str(LIMIT)}
    with mounted(at, {"config.json": b"{}"}, "open"):
        result = machine.run("configure", HOST)

    said = f"{machine.name}: no answer from the file system of {at}"
    assert (result.code, result.stdout) == (1, b"")
    assert result.stderr.decode().startswith(said)


def test_a_slow_client_is_not_ended(machine: Machine) -> None:
    """The time that the client takes to send its input does not count."""
    machine.login()
    machine.environ["AWS_ECR_TIMEOUT"] = "0.5"
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)\n"
        "time.sleep(3)\nchild.stdin.write(b'ghcr.io')\nchild.stdin.close()\n"
        "sys.exit(child.wait())"
    )
    for action, answer in (
        ("get", Result(1, b"credentials not found in native keychain\n", b"")),
        ("erase", Result(0, b"", b"")),
    ):
        command = [sys.executable, "-I", "-c", code, *machine.program, action]
        assert machine.run(command=command) == answer
