"""Starts in a badly set up process: signals that are ignored or blocked, and low limits."""

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.attacks import as_user, check_form, launched, require_two_users
from tests.world import credential_sources
from tests.world.machine import HOST, Machine, Result, make_machine
from tests.world.products import ONE_FILE

USER = 12345
EVERY = ["SIGALRM", "SIGCHLD", "SIGHUP", "SIGINT", "SIGPIPE", "SIGTERM", "SIGUSR1"]
HOWS = [
    *({"ignored": [name]} for name in ("SIGALRM", "SIGCHLD", "SIGPIPE", "SIGXFSZ")),
    *({"blocked": [name]} for name in ("SIGALRM", "SIGCHLD", "SIGTERM")),
    {"blocked": EVERY},
    {"blocked": EVERY, "ignored": EVERY},
]


@pytest.mark.parametrize("how", HOWS, ids=json.dumps)
def test_signals_that_a_client_left(box: Machine, how: dict[str, list[str]]) -> None:
    """A first and a cached get are answered, also with credentials of another program."""
    keys = box.aws.user()
    fields = {"Version": 1, "AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key}
    credential_sources.process(box, f"print({json.dumps(fields)!r})")
    box.program = launched(box.program, **how)
    for _ in range(2):
        assert box.get().secret in box.aws.issued
    assert list((box.root / "tmp").iterdir()) == []


LIMITS = [
    *(("NOFILE", most) for most in range(3, 11)),
    *(("FSIZE", most) for most in (0, 1, 1000, 1_000_000, 5_500_000)),
]


@pytest.mark.parametrize(("name", "most"), LIMITS)
def test_a_low_limit(box: Machine, name: str, most: int) -> None:
    """A get gives a token, or an error of one line, and no file is left behind."""
    box.login()
    box.program = launched(box.program, limits={name: most}, default=["SIGXFSZ"])
    for _ in range(2):
        result = box.run("get", stdin=HOST.encode())
        check_form(result)
        if result.code:
            assert result.error
    assert list((box.root / "tmp").iterdir()) == []


MEGABYTE = 1 << 20


@pytest.mark.parametrize(("name", "most"), [("AS", 45), ("DATA", 22), ("STACK", 3)])
def test_any_limit_of_memory(box: Machine, name: str, most: int) -> None:
    """In steps of half a megabyte, each run ends soon, with an answer or one clear line.

    most: megabytes, from which on nothing new is expected.
    """
    box.login()
    token = box.get().secret
    program = box.program
    cases = {
        ("get", ""): token,
        ("list", ""): HOST,
        ("get", "first"): "Secret",
    }
    least = {  # with which the kernel can map the program
        "AS": ONE_FILE.stat().st_size + MEGABYTE,
        "DATA": 5 * MEGABYTE // 2,
        "STACK": MEGABYTE,
    }
    codes = set()
    for limit in (*range(least[name], most * MEGABYTE, MEGABYTE // 2), 100 * MEGABYTE):
        box.program = launched(program, limits={name: limit})
        for (action, how), expected in cases.items():
            started = time.monotonic()
            off = {"AWS_ECR_DISABLE_CACHE": "1"} if how else {}
            result = box.run(action, stdin=HOST.encode(), environ=off)
            assert time.monotonic() - started < 10, limit
            codes.add((action, how, result.code))
            if result.code == 0:
                assert expected in result.stdout.decode()
            else:
                assert "memory" in result.error, limit

    small = {0} if name == "STACK" else {0, 1}
    assert codes == {(*case, code) for case in cases for code in small}


def test_less_memory_than_the_program_takes(box: Machine) -> None:
    """The kernel ends it before it starts."""
    for limits in ({"AS": 4 * MEGABYTE}, {"DATA": MEGABYTE}):
        box.program = launched([str(ONE_FILE)], limits=limits)
        assert box.run("get") == Result(-signal.SIGSEGV, b"", b"")


@pytest.mark.parametrize("arguments", [["kubelet"], [], ["--v=2", "x"]])
def test_the_kubelet_gets_no_error_as_an_answer(box: Machine, arguments: list[str]) -> None:
    """Where memory ends before the start, too, the line is on standard error alone."""
    box.program = launched(box.program, limits={"DATA": 5 * MEGABYTE})
    result = box.run(*arguments, stdin=b"{}")

    assert (result.code, result.stdout) == (1, b"")
    assert result.stderr.count(b"\n") == 1
    assert b"memory" in result.stderr


@pytest.fixture(name="users")
def _users(box: Machine) -> Iterator[Machine]:
    """The machine of a user who is not root: only then a limit of processes counts."""
    require_two_users()
    root = Path(tempfile.mkdtemp(prefix="limits-"))
    users = make_machine(box.aws, box.server, box.authority, root)
    users.environ["TMPDIR"] = str(root / "tmp")
    (root / "tmp").mkdir()
    for path in (root, *root.rglob("*")):
        os.chown(path, USER, USER)
    users.login()
    users.program = as_user(USER, box.program)
    yield users
    shutil.rmtree(root)


@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_few_processes(users: Machine, most: int) -> None:
    """A first get starts a thread; the line says what is missing."""
    *prefix, program = users.program
    users.program = [*prefix, "prlimit", f"--nproc={most}", program]
    result = users.run("get", stdin=HOST.encode())

    check_form(result)
    if result.code:
        assert "process" in result.error or "thread" in result.error
    assert list((users.root / "tmp").iterdir()) == []
