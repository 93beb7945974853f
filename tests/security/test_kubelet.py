"""The kubelet's plugin on a node: where a service account's token goes, and what a run leaves."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.world import aws as world
from tests.world import play_kubelet
from tests.world.machine import HOST, Machine
from tests.world.play_kubelet import Run, ServiceAccount, request

IMAGE = f"{HOST}/team/app"
ROLE = "eks.amazonaws.com/role-arn"
linux_root = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="it needs Linux and root",
)


def trusted(machine: Machine, **fields: str) -> ServiceAccount:
    account = ServiceAccount(annotations={ROLE: machine.aws.role().arn}, **fields)
    machine.aws.web_identity_tokens.add(account.token)
    return account


def ask(machine: Machine, data: bytes, *arguments: str, seconds: float = 60, **environ: str) -> Run:
    command = [*machine.program, "kubelet", *arguments]
    return play_kubelet.run(command, data, {**machine.environ, **environ}, seconds)


def search(root: Path, account: ServiceAccount) -> list[Path]:
    """Return the files below a folder with the token of a service account, or its signature."""
    needles = [account.token.encode(), account.token.rpartition(".")[2].encode()]
    found = [path for path in root.rglob("*") if path.is_file()]
    assert found
    return [path for path in found if any(word in path.read_bytes() for word in needles)]


@pytest.mark.parametrize("fault", [None, "refused", "hanging", "an echo"])
def test_a_service_account_token_stays_in_memory(machine: Machine, fault: str | None) -> None:
    """No file of home, cache or log has it, and no line on standard error."""
    account = trusted(machine)
    said = {"refused": "no", "an echo": f"No provider for {account.token}"}
    if fault == "hanging":
        machine.aws.faults["sts:AssumeRoleWithWebIdentity"] = world.delay(20)
    elif fault:
        machine.aws.faults["sts:AssumeRoleWithWebIdentity"] = world.refuse(
            "InvalidIdentityToken", said[fault]
        )
    log = machine.root / "home" / "log"

    run = ask(
        machine,
        request(IMAGE, account),
        AWS_ECR_LOG=str(log),
        AWS_ECR_DEBUG="1",
        AWS_ECR_TIMEOUT="2",
    )

    assert run.code == (1 if fault else 0)
    assert search(machine.root, account) == []
    signature = account.token.rpartition(".")[2].encode()
    assert signature not in run.stdout + run.stderr
    assert b"role arn:aws:iam::123456789012:role/puller" in log.read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.parametrize("has_role", [False, True])
def test_no_process_has_the_token(machine: Machine, has_role: bool) -> None:
    """Neither in its environment nor in its arguments, while credentials are fetched."""
    account = trusted(machine)
    program = machine.file("bin/slow", f"#!/bin/sh\ntouch {machine.root}/began\nsleep 3\n", 0o700)
    machine.config(f"[default]\ncredential_process = {program}\n")
    if not has_role:
        account.annotations.clear()
    else:
        machine.aws.faults["sts:AssumeRoleWithWebIdentity"] = world.delay(3)
    before = {path.name for path in Path("/proc").glob("[0-9]*")}
    with ThreadPoolExecutor() as pool:
        future = pool.submit(ask, machine, request(IMAGE, account))
        seen: dict[str, bytes] = {}
        end = time.monotonic() + 15
        while not future.done() and time.monotonic() < end:
            for path in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    if path.name not in before:
                        data = (path / "environ").read_bytes() + (path / "cmdline").read_bytes()
                        seen[path.name] = seen.get(path.name, b"") + data
            time.sleep(0.02)
        future.result()

    assert (machine.root / "began").exists() is not has_role  # no credentials of the node
    assert any(b"kubelet" in data for data in seen.values())
    assert not [data for data in seen.values() if account.token.encode() in data]


@pytest.mark.skipif(sys.platform == "win32", reason="a shell starts the grandchild")
@pytest.mark.parametrize("outcome", ["works", "fails", "hangs"])
def test_a_grandchild_does_not_hold_the_kubelet(machine: Machine, outcome: str) -> None:
    """What credential_process leaves ends with the plugin: the kubelet would wait for its pipe."""
    keys = machine.aws.user()
    pid = machine.root / "pid"
    text = json.dumps(
        {"Version": 1, "AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key}
    )
    last = {"works": f"echo '{text}'", "fails": "exit 3", "hangs": "sleep 30"}[outcome]
    script = f"#!/bin/sh\nsleep 40 &\necho $! > {pid}\n{last}\n"
    program = machine.file("bin/leaves", script, 0o700)
    machine.config(f"[default]\ncredential_process = {program}\n")
    began = time.monotonic()

    limit = "3" if outcome == "hangs" else "20"
    run = ask(machine, request(IMAGE), seconds=30, AWS_ECR_TIMEOUT=limit)

    assert time.monotonic() - began < 25  # and not the 40 s of the grandchild
    assert run.code == (0 if outcome == "works" else 1)
    with pytest.raises(ProcessLookupError):
        _wait_for_end(int(pid.read_text()))


def _wait_for_end(pid: int) -> None:
    for _ in range(100):
        os.kill(pid, 0)
        time.sleep(0.05)


@pytest.mark.parametrize("has_role", [False, True])
def test_a_herd_of_images_makes_one_call(machine: Machine, has_role: bool) -> None:
    """A node that starts has 64 images of one registry to pull, and nothing in its cache."""
    account = trusted(machine) if has_role else None
    if not has_role:
        machine.login()
    machine.aws.latency = 0.2
    command = [*machine.program, "kubelet"]
    children = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=machine.environ,
        )
        for _ in range(64)
    ]
    for number, child in enumerate(children):
        assert child.stdin is not None
        child.stdin.write(request(f"{HOST}/app{number}", account))
        child.stdin.close()
        child.stdin = None
    runs = []
    for child in children:
        stdout, stderr = child.communicate(timeout=60)
        runs.append(Run(child.returncode, stdout, stderr))

    assert len({run.answer().auth[HOST] for run in runs}) == 1
    expected = {"ecr": 1} | ({"sts:AssumeRoleWithWebIdentity": 1} if has_role else {})
    assert machine.aws.count() == Counter(expected)


@pytest.mark.skipif(sys.platform == "win32", reason="it has no such shell")
@pytest.mark.parametrize("how", ["<&-", "2>&-", "<&- 2>&-", ">/dev/full", ">&-"])
@pytest.mark.parametrize("state", ["works", "fails"])
def test_closed_streams(machine: Machine, how: str, state: str) -> None:
    """A lost answer is a failure, and no file of ours gets it instead."""
    if state == "works":
        machine.login()
    command = ["sh", "-c", f'exec "$@" {how}', "sh", *machine.program, "kubelet"]

    run = play_kubelet.run(command, request(IMAGE), machine.environ)

    is_answered = state == "works" and how == "2>&-"
    assert run.code == (0 if is_answered else 1)
    if is_answered:
        assert run.answer().auth
    else:
        assert run.stdout == b""
    for path in machine.cache.rglob("*"):
        assert not path.is_file() or b"CredentialProviderResponse" not in path.read_bytes()


@linux_root
@pytest.mark.parametrize("home", [None, "/"])
@pytest.mark.parametrize("read_only", [(), ("/run",), ("/run", "/dev/shm")], ids=str)
def test_a_service_without_a_home(
    machine: Machine, read_only: tuple[str, ...], home: str | None
) -> None:
    """Root has a cache in memory where it can write no home, and works without one.

    Images that start at the same time make one call there, too.
    """
    if shutil.which("unshare") is None:
        pytest.skip("it needs unshare")
    machine.login()
    environ = {
        name: text
        for name, text in machine.environ.items()
        if name not in ("HOME", "USERPROFILE") and not name.startswith("AWS_ECR")
    }
    environ |= {
        "PATH": "/usr/bin:/bin",
        "AWS_CONFIG_FILE": "/none",
        "AWS_SHARED_CREDENTIALS_FILE": "/none",
    }
    how = "mount -t tmpfs -o mode=755 none /run && mount -t tmpfs -o mode=1777 none /dev/shm"
    for path in read_only:
        how += f" && mount -o remount,ro {path}"
    if home:
        environ["HOME"] = home
        how += " && mount -o remount,bind,ro /"
    look = "stat -c '%n %a %u' */docker-credential-ecrpy dev/*/docker-* */docker-*/tokens/* >&2"
    runs = f'for n in 1 2 3 4 5 6; do "$@" < {machine.root}/request & done; wait; {look}'
    (machine.root / "request").write_bytes(request(IMAGE))
    command = ["unshare", "-m", "sh", "-c", f"{how} && {{ {runs}; }}", "sh"]
    done = subprocess.run(
        [*command, *machine.program, "kubelet"],
        capture_output=True,
        env=environ,
        cwd="/",
        timeout=60,
        check=False,
    )
    if b"mount: " in done.stderr or b"unshare failed" in done.stderr:
        pytest.skip(f"this machine mounts nothing: {done.stderr!r}")

    answers = done.stdout.splitlines(keepends=True)
    assert [
        play_kubelet.decode(each, play_kubelet.VERSIONS[0]).auth.keys() for each in answers
    ] == [{HOST}] * 6
    place = {0: "run", 1: "dev/shm", 2: ""}[len(read_only)]
    assert machine.aws.count()["ecr"] == (1 if place else 6)
    lines = [line for line in done.stderr.decode().splitlines() if "cannot stat" not in line]
    if place:
        assert f"{place}/docker-credential-ecrpy 700 0" in lines
    assert all(line.endswith(" 600 0") for line in lines if "/tokens/" in line)
