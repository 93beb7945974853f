"""A broken cache never prevents a get: the right token comes whatever is wrong with it."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.tokens.token import Token
from tests.world import aws as world
from tests.world import credential_sources
from tests.world.entries import list_files
from tests.world.machine import HOST, Machine, no_fallback

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, modes and FIFOs of Unix")


def _no_home(machine: Machine) -> None:
    del machine.environ["HOME"]


def _empty_home(machine: Machine) -> None:
    machine.environ["HOME"] = ""


def _home_missing(machine: Machine) -> None:
    machine.environ["HOME"] = "/proc/nowhere"


def _home_is_a_file(machine: Machine) -> None:
    machine.environ["HOME"] = str(machine.file("a file", ""))


def _cache_is_a_file(machine: Machine) -> None:
    machine.cache.touch()


def _tokens_is_a_file(machine: Machine) -> None:
    machine.cache.mkdir()
    (machine.cache / "tokens").touch()


def _tokens_is_a_link(machine: Machine) -> None:
    machine.cache.mkdir()
    (machine.root / "elsewhere").mkdir()
    (machine.cache / "tokens").symlink_to(machine.root / "elsewhere")


def _locks_is_a_file(machine: Machine) -> None:
    machine.cache.mkdir()
    (machine.cache / "locks").touch()


def _entries_become(make: Callable[[Path], object]) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        machine.get()
        for path in machine.entries():
            path.unlink()
            make(path)

    return set_up


SET_UPS: dict[str, Callable[[Machine], None]] = {
    "no HOME": _no_home,
    "an empty HOME": _empty_home,
    "a missing HOME": _home_missing,
    "a HOME that is a file": _home_is_a_file,
    "a cache that is a file": _cache_is_a_file,
    "tokens that are a file": _tokens_is_a_file,
    "tokens that are a link": _tokens_is_a_link,
    "locks that are a file": _locks_is_a_file,
    "entries that are directories": _entries_become(Path.mkdir),
    "entries that are FIFOs": _entries_become(lambda path: os.mkfifo(path, 0o600)),
    "entries that are links": _entries_become(lambda path: path.symlink_to("/etc/passwd")),
    "entries that are empty": _entries_become(lambda path: path.touch(0o600)),
    "entries of a later version": _entries_become(lambda path: path.write_bytes(b"ecrpy-4 x")),
}


@pytest.mark.parametrize("name", SET_UPS, ids=SET_UPS)
def test_a_broken_cache_does_not_prevent_a_get(machine: Machine, name: str) -> None:
    """Both gets succeed, standard error is empty, and nothing is written through a symlink."""
    machine.login()
    SET_UPS[name](machine)

    for _ in range(2):
        assert machine.get().secret in machine.aws.issued
    if (machine.root / "elsewhere").exists():
        assert list((machine.root / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("value", ["1", "true", "0", "no"])
def test_the_cache_can_be_disabled(machine: Machine, value: str) -> None:
    """Any value disables the cache, as in the Go helper: each get calls AWS and writes no file."""
    machine.login()
    first, second = (machine.get(AWS_ECR_DISABLE_CACHE=value).secret for _ in range(2))

    assert first != second
    assert not machine.cache.exists()


def test_a_missing_home_is_not_created(machine: Machine) -> None:
    """A home such as /nonexistent, which services without a home have, is not created."""
    machine.login()
    credential_sources.assumed_role(machine)
    machine.environ["AWS_CONFIG_FILE"] = str(machine.home / ".aws" / "config")
    machine.environ["HOME"] = str(machine.root / "nonexistent" / "home")

    assert machine.get().secret in machine.aws.issued
    assert not (machine.root / "nonexistent").exists()


def test_an_unwritable_list_does_not_prevent_a_login(machine: Machine) -> None:
    """A login is stored and erased without the list of registries."""
    machine.cache.mkdir()
    (machine.cache / "registries").touch()
    login = {"ServerURL": HOST, "Username": "AWS", "Secret": "a password"}

    assert machine.run("store", stdin=json.dumps(login).encode()).code == 0
    assert machine.get().secret == "a password"
    assert machine.run("erase", stdin=HOST.encode()).code == 0
    assert machine.entries("logins") == []


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="needs root")
def test_root_by_sudo_creates_no_file_in_a_users_home(machine: Machine) -> None:
    """The user could not write such a file: neither ours nor the AWS CLI's is created."""
    credential_sources.assumed_role(machine)
    for path in (machine.home, machine.home / ".aws", machine.home / ".aws" / "config"):
        os.chown(path, 12345, -1)
    before = sorted(machine.home.rglob("*"))

    assert machine.get(SUDO_UID="12345").secret in machine.aws.issued
    assert sorted(machine.home.rglob("*")) == before
    folder = machine.home / ".aws" / "cli" / "cache"
    folder.mkdir(parents=True)
    os.chown(folder, 12345, 12345)
    assert machine.get(SUDO_UID="12345").secret in machine.aws.issued
    (written,) = folder.iterdir()
    assert (written.stat().st_uid, written.stat().st_mode & 0o777) == (12345, 0o600)
    assert machine.get().secret in machine.aws.issued
    assert sorted(machine.home.rglob("*")) != before


def test_the_cache_can_be_elsewhere(machine: Machine) -> None:
    """AWS_ECR_CACHE_DIR is created where it is missing, and expands ~ to the home."""
    machine.login()
    first = machine.get(AWS_ECR_CACHE_DIR="~/deep/down").secret
    second = machine.get(AWS_ECR_CACHE_DIR=str(machine.home / "deep" / "down")).secret

    assert first == second
    assert not machine.cache.exists()
    assert (machine.home / "deep" / "down" / "tokens").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("both", [False, True], ids=["the host's", "the host's and the endpoint's"])
def test_an_entry_may_be_damaged_in_every_byte(tmp_path: Path, both: bool) -> None:
    """With any byte damaged, the token comes from a sound entry or from AWS; it is never wrong."""
    fetched: list[str] = []

    def fetch(_choice: Choice, _seconds: float) -> Token:
        fetched.append(f"token-{len(fetched):06}-{'x' * 500}")
        return Token("AWS", fetched[-1], time.time_ns() + 12 * 3600 * cache.SECOND)

    helper = Helper(
        {"HOME": str(tmp_path)}, fetch, lambda c: c, no_fallback, time.time_ns, lambda _: None
    )
    helper.get(GetRequest(HOST.encode()))
    entries = list_files(tmp_path / ".ecr" / "tokens")
    damaged = [path for path in entries if both or path.name.startswith(HOST)]
    length = min(len(path.read_bytes()) for path in damaged)

    for at in range(length):
        for path in damaged:
            data = path.read_bytes()
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert json.loads(helper.get(GetRequest(HOST.encode()))[1])["Secret"] == fetched[-1]
    assert len(fetched) == (length + 1 if both else 1)


def test_many_stale_files_do_not_slow_a_get_and_go_away(machine: Machine) -> None:
    """A cached get does not list the ten thousand files; writes remove them, in limited time."""
    machine.login()
    machine.get()
    tokens = machine.cache / "tokens"
    dead = machine.entries()[0].read_bytes()
    for number in range(10_000):
        path = tokens / f"{HOST}~{number:032x}"
        path.write_bytes(dead[:-1])
        path.chmod(0o600)
        os.utime(path, (1, 1))
    calls = machine.aws.count()

    machine.get()
    assert len(machine.entries()) == 10_002
    assert machine.aws.count() == calls

    elsewhere = HOST.replace("us-east-1", "eu-west-1")
    machine.get(elsewhere)
    gone = 10_004 - len(machine.entries())
    assert gone >= 60  # the sweep examines 64 files; a few of them may be live
    for _ in range(99):
        if len(machine.entries()) <= 2004:
            break
        machine.run("erase", stdin=elsewhere.encode())
        machine.get(elsewhere)
    assert len(machine.entries()) <= 2004


def test_a_short_lived_token_is_replaced_in_time(machine: Machine) -> None:
    """A token that expires between two gets is replaced by the second."""
    machine.login()
    machine.aws.token_life = 2
    first = machine.get().secret
    time.sleep(2.1)

    assert machine.get().secret != first


def test_a_live_token_is_used_while_aws_fails(machine: Machine) -> None:
    """Past half its life a token is renewed if AWS can, and otherwise used until it expires."""
    machine.login()
    machine.aws.token_life = 20
    first = machine.get().secret
    machine.aws.faults["ecr"] = world.say(b"", 503)
    time.sleep(10.2)
    assert machine.get().secret == first
    calls = machine.aws.count()["ecr"]
    assert machine.get().secret == first
    assert machine.aws.count()["ecr"] == calls > 1

    time.sleep(10)
    assert "ECR failed with HTTP 503" in machine.get().error
    machine.aws.faults.clear()
    assert machine.get().secret != first
