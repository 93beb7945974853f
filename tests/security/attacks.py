"""Tools of an attack: another user, a badly set up process, and texts that must not be printed."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import boto3
import pytest

import docker_credential_ecrpy
from docker_credential_ecrpy.hot import cache, identity, registry
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens.entry import TOKEN_LIFE
from docker_credential_ecrpy.tokens.token import Token
from tests.world.machine import HOST, Machine, Result, make_machine

VICTIMS = {"a user": 12345, "root": 0}
"""The user that runs the helper: a name -> a uid."""
ATTACKER = 12346
"""The uid of another user of the machine."""
PLANTED = "the attacker's token"
LOGIN = json.dumps({"ServerURL": HOST, "Username": "AWS", "Secret": "a password"}).encode()

ACTIONS = {"get": HOST.encode(), "store": LOGIN, "erase": HOST.encode(), "list": b"unused"}
"""Docker's actions: an action -> its standard input."""

HOSTILE = "x\n\r\x1b]0;title\x07\x1b[31m\t\u2028\x9b\udcff\x7f' \"y"
"""Line breaks, terminal commands, quotes, and a byte that is not UTF-8 (0xff)."""
HUGE = HOSTILE + "A" * 100_000
"""A kernel takes 128 KiB: https://man7.org/linux/man-pages/man2/execve.2.html"""

_READS_ALL = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
_LAUNCH = """
import ctypes, json, os, resource, signal, sys
how, program = json.loads(sys.argv[1]), sys.argv[2:]
os.umask(how.get("umask", 0o022))
for name in how.get("ignored", ()):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
blocked = [getattr(signal, name) for name in how.get("blocked", ())]
signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
for name in how.get("default", ()):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
for name, most in how.get("limits", {}).items():
    resource.setrlimit(getattr(resource, "RLIMIT_" + name), (most, most))
for descriptor in how.get("closed", ()):
    os.close(descriptor)
if how.get("nameless"):
    libc = ctypes.CDLL(None)
    environ = [f"{n}={v}".encode() for n, v in os.environ.items()]
    environ = (ctypes.c_char_p * (len(environ) + 1))(*environ, None)
    libc.execve(program[0].encode(), (ctypes.c_char_p * 1)(None), environ)
os.execv(program[0], program)
"""


def check_form(result: Result) -> None:
    """Assert that a run printed at most one printable line on each stream."""
    for stream in (result.stdout, result.stderr):
        text = stream.decode()
        assert len(text) < 10_000
        assert text.count("\n") <= 1
        assert text.rstrip("\n").isprintable(), result
    assert (result.code == 0) == (not result.stderr and b"Secret" in result.stdout)


def launched(program: Sequence[str], **how: object) -> list[str]:
    """Return a command that runs a program in a badly set up process.

    how: umask; ignored, blocked and default, names of signals; limits, name of one of `resource`
    -> its value; closed, descriptors; nameless, without any argument, not even the program's name.
    """
    return [sys.executable, "-I", "-S", "-c", _LAUNCH, json.dumps(how), *program]


def why_alone() -> str:
    """Return why this process cannot run as another user; "" if it can."""
    if sys.platform != "linux" or not shutil.which("setpriv"):
        return "setpriv of util-linux is missing"
    return "only root can run as another user" if os.geteuid() else ""


def require_two_users() -> None:
    """Skip the test where this process cannot run as another user; in CI, fail it if it should."""
    why = why_alone()
    if why and os.environ.get("CI") and "root" in why:
        pytest.fail(f"CI must be able to test with two users: {why}")
    if why:
        pytest.skip(why)


def make_victim(machine: Machine, uid: int) -> Machine:
    """Return a machine like `machine`, of another user, in a directory of its own: `root`."""
    root = Path(tempfile.mkdtemp(prefix="attacks-"))
    victim = make_machine(machine.aws, machine.server, machine.authority, root)
    program = list(machine.program)
    if len(program) == 1:  # a symlink, in a directory that is closed to others
        program = [os.path.realpath(program[0])]
    victim.program = as_user(uid, program)
    return victim


def as_user(uid: int, program: Sequence[str]) -> list[str]:
    """Return a command that runs a program as a user.

    If the checkout is in a home that is closed to others, the user gets the right to read any file,
    and no further right to write.
    """
    if uid == os.geteuid():
        return list(program)
    prefix = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    needed = [docker_credential_ecrpy.__file__, boto3.__file__, os.path.realpath(program[0])]
    probe = 'for f in "$@"; do test -r "$f" || exit 1; done'
    reached = subprocess.run([*prefix, "/bin/sh", "-c", probe, "sh", *needed], check=False)
    return [*prefix, *(_READS_ALL if reached.returncode else ()), *program]


def attack(folder: Path, script: str, **names: str) -> bytes:
    """Run a shell script in a directory as the attacker, and return what it printed."""
    done = subprocess.run(
        as_user(ATTACKER, ["/bin/sh", "-euc", script]),
        env={"PATH": os.environ["PATH"], **names},
        cwd=folder,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done
    return done.stdout


def forge(machine: Machine) -> Path:
    """Return a cache whose entries answer for this machine with `PLANTED`, with all other files.

    An attacker knows or guesses what makes them: an access key id is no secret.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(machine.home))
        line = identity.line(machine.environ)
    found = registry.parse(HOST)
    assert found is not None
    now = time.time_ns()
    life = TOKEN_LIFE
    token = Token("AWS", PLANTED, now + life)
    folder = machine.root / "forged"
    for place in (
        cache.token_place(str(folder), HOST, line),
        cache.token_place(str(folder), found.endpoint, line),
        cache.login_place(str(folder), HOST),
    ):
        entry_file.write(*place, token.entry(now))
    slot = int(cache.fingerprint(line), 16) % 4096
    for name in (f"locks/{found.endpoint}~{slot:03x}", f"registries/{HOST}"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    return folder


def state(paths: Sequence[Path]) -> Mapping[str, tuple[int, int, bytes]]:
    """Return mode, owner and content of files and directories; missing ones are left out."""
    return {
        str(path): (path.stat().st_mode, path.stat().st_uid, _content(path))
        for path in paths
        if path.exists()
    }


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
