"""Attacks by the set-up of the process: streams, limits, signals, names."""

import itertools
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.tokens.folder import MARKER
from tests.security.attacks import ACTIONS, HOSTILE, LOGIN, check_form, launched
from tests.world import credential_sources
from tests.world.machine import HOST, NOT_FOUND, Machine, Result

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits and descriptors of POSIX")
CLOSED = [c for n in (1, 2, 3) for c in itertools.combinations((0, 1, 2), n)]


class TestStreams:
    """Streams that are closed, or that never end."""

    @pytest.mark.parametrize("closed", CLOSED, ids=str)
    def test_closed_streams(self, machine: Machine, closed: tuple[int, ...]) -> None:
        """No file of ours takes their descriptors; an answer that is not written is a failure."""
        machine.run("store", stdin=LOGIN)
        machine.program = launched(machine.program, closed=closed)
        kept = {path: path.read_bytes() for path in machine.cache.glob("*/*")}
        for action in ("list", "get", "version", "store", "fly", "erase"):
            result = machine.run(action, stdin=ACTIONS.get(action, b""))
            gives = action in ("list", "get", "version")
            takes = action in ("get", "store", "erase")
            fails = action == "fly" or (gives and 1 in closed) or (takes and 0 in closed)
            assert result.code == (1 if fails else 0), action
            if action == "fly":
                now = {path: path.read_bytes() for path in machine.cache.glob("*/*")}
                assert now.keys() == kept.keys()
                texts = [data for path, data in now.items() if path.name != MARKER]
                assert not any(b"ServerURL" in data or b"docker" in data for data in texts)

    @pytest.mark.parametrize("closed", [(1,), (1, 2)], ids=str)
    def test_closed_streams_without_a_cached_token(
        self, machine: Machine, closed: tuple[int, ...]
    ) -> None:
        """No connection takes their descriptors: AWS receives no error text."""
        machine.login()
        machine.program = launched(machine.program, closed=closed)
        result = machine.run("get", stdin=HOST.encode())

        assert (result.code, result.stderr) == (1, b"")
        assert machine.aws.count() == {"ecr": 1}
        for path in machine.cache.glob("*/*"):
            assert b"ServerURL" not in path.read_bytes()

    @pytest.mark.parametrize("action", ["get", "store", "erase"])
    def test_an_endless_input(self, machine: Machine, action: str) -> None:
        """An endless input is refused after 64 KiB, without a wait for more."""
        with open("/dev/zero", "rb") as zeros:
            done = subprocess.run(
                [*machine.program, action],
                stdin=zeros,
                capture_output=True,
                env=machine.environ,
                cwd=machine.root,
                timeout=60,
                check=False,
            )
        if action == "get":
            assert Result(done.returncode, done.stdout, done.stderr) == Result(1, NOT_FOUND, b"")
        elif action == "store":
            assert b"longer than 64 KiB" in done.stdout


class TestLimits:
    """Limits that leave a process few resources."""

    @pytest.mark.parametrize("most", [5, 8])
    def test_few_files(self, machine: Machine, most: int) -> None:
        """A cached token comes; a new one comes and is stored from 8 files on."""
        machine.login()
        program = launched(machine.program, limits={"NOFILE": most})
        cold = machine.run("get", stdin=HOST.encode(), command=program)
        check_form(cold)
        if most >= 8:
            assert cold.code == 0
        secret = machine.get().secret

        assert machine.run("get", stdin=HOST.encode(), command=program).secret == secret
        assert machine.aws.count()["ecr"] <= (1 if most >= 8 else 2)

    # PyInstaller's bootloader does not survive an allocation that fails.
    # Each size makes Python fail at another place, with another error. 64 are enough for the static
    # program.
    @pytest.mark.parametrize(
        "megabytes", [*(pytest.param(n, marks=pytest.mark.tree) for n in (*range(16, 24), 64)), 32]
    )
    def test_little_memory(self, machine: Machine, megabytes: int) -> None:
        """A cached token comes with little memory; a miss ends with an error, and no traceback."""
        machine.login()
        machine.run("store", stdin=LOGIN)
        machine.program = launched(machine.program, limits={"AS": megabytes << 20})

        assert machine.get(HOST.replace("us-east-1", "eu-west-1")).code == 1
        assert machine.get().secret == "a password"

    def test_files_may_not_grow(self, machine: Machine) -> None:
        """The limit's signal does not end the program: the token comes, without a partial entry."""
        machine.login()
        program = launched(machine.program, limits={"FSIZE": 1000})

        assert machine.run("get", stdin=HOST.encode(), command=program).secret in machine.aws.issued
        assert machine.entries() == []

    def test_no_time(self, machine: Machine) -> None:
        """When the system ends the program, nothing is printed."""
        machine.login()
        program = launched(machine.program, limits={"CPU": 0})
        ended = machine.run("get", stdin=HOST.encode(), command=program)

        assert ended == Result(-signal.SIGKILL, b"", b"")


def test_ignored_signals(machine: Machine) -> None:
    """A client may leave signals ignored; the exit of a child process is seen nevertheless."""
    keys = machine.aws.user()
    fields = {
        "Version": 1,
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
    }
    credential_sources.process(machine, f"print({json.dumps(fields)!r})")
    ignored = ["SIGHUP", "SIGPIPE", "SIGCHLD", "SIGTERM", "SIGINT"]
    machine.program = launched(machine.program, ignored=ignored)

    for _ in range(2):
        assert machine.get().secret in machine.aws.issued


def test_a_hostile_name_of_the_program(machine: Machine, scripts: Path) -> None:
    """The errors and the usage that repeat the name, which is a symlink's, are printable."""
    link = machine.root / f"docker-credential-{HOSTILE}"
    link.symlink_to(scripts / "docker-credential-ecr-login")
    machine.environ["AWS_ECR_TIMEOUT"] = "x"
    check_form(machine.run("get", stdin=HOST.encode(), command=[str(link)]))
    for arguments in (("fly",), ("version",), ()):
        done = machine.run(*arguments, command=[str(link)])
        assert done.stdout.decode().replace("\n", "").isprintable()


def test_no_name_at_all(machine: Machine, scripts: Path) -> None:
    """Started without any argument, not even its name, the program prints the usage."""
    program = launched([str(scripts / "docker-credential-ecr-login")], nameless=True)
    done = machine.run(command=program)

    assert done.code == 1
    assert b"Usage: docker-credential-ecr" in done.stdout
