"""Programs that this one starts: they end with it, and its odd inheritance does not harm them."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.security.attacks import check_form, launched
from tests.world import credential_sources
from tests.world.machine import HOST, Machine, Result

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")
SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL]
FAMILY = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"])
with open({mark!r} + ".new", "w") as file:
    file.write(f"{{os.getpid()}} {{child.pid}}")
os.rename({mark!r} + ".new", {mark!r})
time.sleep(99)
"""


def _process(machine: Machine, code: str) -> str:
    """Make code the credential_process; return the registry to ask for."""
    credential_sources.process(machine, code)
    return HOST


def _fallback(machine: Machine, code: str) -> str:
    """Make code the fallback; return the registry to ask for."""
    path = machine.file("bin/docker-credential-other", f"#!{sys.executable} -I\n{code}", mode=0o700)
    machine.environ["PATH"] = f"{path.parent}{os.pathsep}{machine.environ['PATH']}"
    machine.settings('fallback = "other"\n')
    return "ghcr.io"


KINDS = pytest.mark.parametrize("kind", [_process, _fallback], ids=["process", "fallback"])


def _await_end(pids: list[str]) -> None:
    """Wait until processes have ended; fail if one goes on."""
    end = time.monotonic() + 10
    while any(_runs(pid) for pid in pids):
        assert time.monotonic() < end, pids
        time.sleep(0.05)


def _runs(pid: str) -> bool:
    try:
        state = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@KINDS
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_they_end_with_this_program(
    machine: Machine, kind: Callable[[Machine, str], str], number: signal.Signals
) -> None:
    """Whatever signal ends this program, no program that it started goes on, nor their children."""
    mark = machine.root / "mark"
    host = kind(machine, FAMILY.format(mark=str(mark)))
    child = machine.start_get(host)
    end = time.monotonic() + 30
    while not mark.exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    time.sleep(0.2)
    child.send_signal(number)
    out, err = child.communicate(timeout=30)

    assert (out, err) == (b"", b"")
    assert child.returncode != 0
    _await_end(mark.read_text().split())


def test_an_answer_is_used_at_once(machine: Machine) -> None:
    """A child that holds the output of a credential_process does not delay the token."""
    answer = credential_sources.process_answer(machine)
    mark = machine.root / "mark"
    _process(
        machine,
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(mark)!r}, 'w').write(str(child.pid))\nprint({answer!r})",
    )
    began = time.monotonic()
    secret = machine.get().secret
    took = time.monotonic() - began
    os.kill(int(mark.read_text()), signal.SIGKILL)

    assert secret in machine.aws.issued
    assert took < 15  # and not AWS_ECR_TIMEOUT


@KINDS
def test_an_exit_code_is_seen_with_sigchld_ignored(
    machine: Machine, kind: Callable[[Machine, str], str]
) -> None:
    """A client may leave SIGCHLD ignored; the exit code of a child is not lost."""
    host = kind(machine, "import sys\nsys.stderr.write('locked')\nprint('{}')\nsys.exit(3)")
    program = launched(machine.program, ignored=["SIGCHLD"])
    result = machine.run("get", stdin=host.encode(), command=program)

    if kind is _process:
        assert result.error.startswith("credential_process of AWS profile 'default' failed: locked")
    else:
        assert result == Result(3, b"{}\n", b"locked")


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 8])
@KINDS
def test_few_processes(machine: Machine, kind: Callable[[Machine, str], str], limit: int) -> None:
    """Without threads or processes there is an error in words, or the answer."""
    if os.geteuid() == 0 and not Path("/usr/bin/setpriv").exists():
        pytest.fail("setpriv is needed: the limit does not hold for root")
    host = kind(machine, f"print({credential_sources.process_answer(machine)!r})")
    for path in (machine.root, *machine.root.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o755)
    uid = 54000 + limit + (100 if kind is _fallback else 0)
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    reads = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=+dac_read_search"]
    bounded = launched(machine.program, limits={"NPROC": limit})
    result = machine.run("get", stdin=host.encode(), command=[*user, *reads, *bounded])

    assert b"unexpected" not in result.stdout
    assert b"no reason" not in result.stdout
    if result.code:
        assert result.error.startswith(("this process may start no ", "the fallback credential"))


@pytest.mark.parametrize("megabytes", range(60, 200, 20))
@KINDS
def test_little_memory(
    machine: Machine, kind: Callable[[Machine, str], str], megabytes: int
) -> None:
    """Wherever memory ends there is an error in words, or the answer."""
    host = kind(machine, f"print({credential_sources.process_answer(machine)!r})")
    program = launched(machine.program, limits={"AS": megabytes << 20})
    result = machine.run("get", stdin=host.encode(), command=program)

    assert b"unexpected" not in result.stdout
    assert b"no reason" not in result.stdout
    assert b"Traceback" not in result.stderr  # nor one of a thread
    if result.code:
        assert result.stdout.count(b"\n") == 1


@pytest.mark.parametrize("most", [6, 8, 9, 10, 12, 14, 16])
@KINDS
def test_few_files(machine: Machine, kind: Callable[[Machine, str], str], most: int) -> None:
    """Without descriptors there is an error in words, or the answer."""
    host = kind(machine, f"print({credential_sources.process_answer(machine)!r})")
    program = launched(machine.program, limits={"NOFILE": most})
    result = machine.run("get", stdin=host.encode(), command=program)

    assert b"unexpected" not in result.stdout
    assert b"no reason" not in result.stdout
    if kind is _process:
        check_form(result)


def test_blocked_signals(machine: Machine) -> None:
    """A client may leave signals blocked; the token comes, also through programs."""
    _process(machine, f"print({credential_sources.process_answer(machine)!r})")
    code = (
        "import os, signal, sys\nsignal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-I", "-c", code, *machine.program]

    assert machine.run("get", stdin=HOST.encode(), command=command).secret in machine.aws.issued
