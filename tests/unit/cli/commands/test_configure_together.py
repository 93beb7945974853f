"""`configure` while other runs and other programs write the same files."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.world.configure import DESKTOP, OTHER, WHERE, configure, list_names, read, write
from tests.world.machine import Machine
from tests.world.terminal import run_on_terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the writers are shell scripts")
tree = pytest.mark.tree

# As `docker login` writes: beside, then a rename. Each write adds its number to what it reads.
LOGINS = """
import json, os, select, sys
file, number = sys.argv[1], 0
while number < 2 or not select.select([sys.stdin], [], [], 0.001)[0]:
    with open(file) as present:
        made = json.load(present)
    made.setdefault("auths", {})[f"r{number}.example.com"] = {"auth": "bWU6bWU="}
    with open(file + "777", "w") as beside:
        json.dump(made, beside)
    os.replace(file + "777", file)
    number += 1
    if number == 1:
        print("ready", flush=True)
print(number)
"""


def start(machine: Machine, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [*machine.program, "configure", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=machine.environ,
        cwd=machine.root,
    )


def hosts(start: int) -> list[str]:
    return [f"{number:012}.dkr.ecr.eu-west-1.amazonaws.com" for number in range(start, start + 4)]


@pytest.mark.parametrize("is_new", [True, False])
def test_four_runs_at_a_time(machine: Machine, docker: Path, *, is_new: bool) -> None:
    """Each says "written", and its change is in both files afterwards."""
    machine.config("[profile prod]\naws_access_key_id = a\naws_secret_access_key = b\n")
    if not is_new:
        write(docker, DESKTOP)
    for turn in range(2):
        named = hosts(100 + 10 * turn)
        runs = [start(machine, host, "--profile", "prod") for host in named]
        outputs = [run.communicate(timeout=120) for run in runs]

        assert [run.returncode for run in runs] == [0] * 4, outputs
        assert all(b"written: " in stdout for stdout, _ in outputs)
        assert set(named) <= set(read(docker)["credHelpers"])
        rules = (machine.cache / "config.toml").read_text()
        assert all(host[:12] in rules for host in named)
    assert not list(docker.parent.glob(".*"))


@pytest.mark.parametrize("turn", range(4))
def test_logins_meanwhile(machine: Machine, docker: Path, turn: int) -> None:
    """No login is lost while runs of `configure` write: the file has all, or a backup that is left.

    The runs plan again, and say so.
    """
    write(docker, {})
    command = [sys.executable, "-c", LOGINS, str(docker)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        runs = [machine.run("configure", host) for host in hosts(200)]
        said, _ = child.communicate(b"stop\n", timeout=60)
    expected = {f"r{number}.example.com" for number in range(int(said))}
    kept: set[str] = set()
    for path in (docker, *docker.parent.glob("*.bak")):
        kept |= set(json.loads(path.read_bytes() or b"{}").get("auths", {}))

    assert kept == expected
    assert list_names(docker) == ["config.json"]
    for run in runs:
        assert (run.code == 0) == (b"written: " in run.stdout), run
        if run.code:
            assert b"; that change is kept: run this again" in run.stderr


@tree
def test_a_change_while_a_question_is_open(machine: Machine, docker: Path) -> None:
    """The files are read again after the answer, and what changed meanwhile stays."""
    write(docker, DESKTOP)

    def change() -> None:
        made: Any = json.loads(docker.read_text())
        write(docker, {**made, "detachKeys": "ctrl-x"})
        configure(machine, OTHER)

    arguments = "configure", "--creds-store"
    code, shown = run_on_terminal(machine, *arguments, typed=b"y\n", before=change)

    assert code == 0, shown
    after = read(docker)
    assert after["detachKeys"] == "ctrl-x"
    assert after["credHelpers"] == {OTHER: "ecr-login"}
    assert after["credsStore"] == "ecr-login"


HOLD = "import fcntl, os, sys\nfd = os.open(sys.argv[1], os.O_RDONLY)\nfcntl.flock(fd, 2)\n"
HOLD += "print('held', flush=True)\nsys.stdin.read()\n"


@tree
def test_a_run_that_does_not_end(machine: Machine, docker: Path) -> None:
    """After a time the other runs say so; a dry run needs no turn."""
    write(docker, {"credHelpers": {OTHER: "ecr-login"}})
    before = docker.read_bytes()
    holder = [sys.executable, "-c", HOLD, str(docker.parent)]
    with subprocess.Popen(holder, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        runs = [start(machine, *given) for given in ([WHERE], ["--undo"], ["--remove", OTHER])]
        dry = machine.run("configure", WHERE, "--dry-run")
        outputs = [run.communicate(timeout=120) for run in runs]
        child.terminate()

    assert dry.code == 0
    for run, (stdout, stderr) in zip(runs, outputs, strict=True):
        assert (run.returncode, stdout) == (1, b"")
        # One of them may already have its turn for config.toml, and wait for this one.
        found = re.search(rb"process (\d+) has locked ", stderr)
        assert found, stderr
        assert int(found[1]) in {child.pid, *(run.pid for run in runs)}
    assert docker.read_bytes() == before
