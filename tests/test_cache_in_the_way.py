"""The cache is never in the way: whatever is wrong with it, the right token comes."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_ecrpy import cache
from docker_credential_ecrpy.authorization import Token
from docker_credential_ecrpy.helper import Helper
from docker_credential_ecrpy.registry import Registry
from tests.stage import HOST, Stage

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, modes and FIFOs of Unix")


def _no_home(stage: Stage) -> None:
    del stage.environ["HOME"]


def _empty_home(stage: Stage) -> None:
    stage.environ["HOME"] = ""


def _home_missing(stage: Stage) -> None:
    stage.environ["HOME"] = "/proc/nowhere"


def _home_is_a_file(stage: Stage) -> None:
    stage.environ["HOME"] = str(stage.file("a file", ""))


def _cache_is_a_file(stage: Stage) -> None:
    stage.cache.touch()


def _tokens_is_a_file(stage: Stage) -> None:
    stage.cache.mkdir()
    (stage.cache / "tokens").touch()


def _tokens_is_a_link(stage: Stage) -> None:
    stage.cache.mkdir()
    (stage.root / "elsewhere").mkdir()
    (stage.cache / "tokens").symlink_to(stage.root / "elsewhere")


def _locks_is_a_file(stage: Stage) -> None:
    stage.cache.mkdir()
    (stage.cache / "locks").touch()


def _entries_become(make: Callable[[Path], object]) -> Callable[[Stage], None]:
    def set_up(stage: Stage) -> None:
        stage.get()
        for path in stage.entries():
            path.unlink()
            make(path)

    return set_up


SET_UPS: dict[str, Callable[[Stage], None]] = {
    "no HOME": _no_home,
    "an empty HOME": _empty_home,
    "a HOME that is not there": _home_missing,
    "a HOME that is a file": _home_is_a_file,
    "a cache that is a file": _cache_is_a_file,
    "tokens that are a file": _tokens_is_a_file,
    "tokens that are a link": _tokens_is_a_link,
    "locks that are a file": _locks_is_a_file,
    "entries that are directories": _entries_become(Path.mkdir),
    "entries that are FIFOs": _entries_become(lambda path: os.mkfifo(path, 0o600)),
    "entries that are links": _entries_become(lambda path: path.symlink_to("/etc/passwd")),
    "entries that are empty": _entries_become(lambda path: path.touch(0o600)),
    "entries of a later version": _entries_become(lambda path: path.write_bytes(b"ecrpy-2 x")),
}


@pytest.mark.parametrize("name", SET_UPS, ids=SET_UPS)
def test_the_token_comes_all_the_same(stage: Stage, name: str) -> None:
    """Twice, without a word on standard error, and nothing is written through a link."""
    stage.login()
    SET_UPS[name](stage)

    for _ in range(2):
        assert stage.get().secret in stage.aws.issued
    if (stage.root / "elsewhere").exists():
        assert list((stage.root / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("value", ["1", "true", "0", "no"])
def test_the_cache_can_be_disabled(stage: Stage, value: str) -> None:
    """Any value disables it, as with the Go helper: each get asks, and nothing is on disk."""
    stage.login()
    first, second = (stage.get(AWS_ECR_DISABLE_CACHE=value).secret for _ in range(2))

    assert first != second
    assert not stage.cache.exists()


def test_the_cache_can_be_elsewhere(stage: Stage) -> None:
    """AWS_ECR_CACHE_DIR, also one that has to be made; ~ is the home."""
    stage.login()
    first = stage.get(AWS_ECR_CACHE_DIR="~/deep/down").secret
    second = stage.get(AWS_ECR_CACHE_DIR=str(stage.home / "deep" / "down")).secret

    assert first == second
    assert not stage.cache.exists()
    assert (stage.home / "deep" / "down" / "tokens").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("both", [False, True], ids=["the host's", "the host's and the endpoint's"])
def test_an_entry_may_be_damaged_in_every_byte(tmp_path: Path, both: bool) -> None:
    """Each byte in turn: the token comes from where it is sound, or else from AWS, never wrong."""
    fetched: list[str] = []

    def fetch(_registry: Registry, _seconds: float) -> Token:
        fetched.append(f"token-{len(fetched):06}-{'x' * 500}")
        return Token("AWS", fetched[-1], time.time_ns() + 12 * 3600 * cache.SECOND)

    helper = Helper({"HOME": str(tmp_path)}, "me", fetch, time.time_ns, lambda _: None)
    helper.get(HOST.encode())
    entries = sorted((tmp_path / ".ecr" / "tokens").iterdir())
    damaged = [path for path in entries if both or path.name.startswith(HOST)]
    length = min(len(path.read_bytes()) for path in damaged)

    for at in range(length):
        for path in damaged:
            data = path.read_bytes()
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert json.loads(helper.get(HOST.encode()))["Secret"] == fetched[-1]
    assert len(fetched) == (length + 1 if both else 1)


def test_many_stale_files_do_not_slow_a_get_and_go_away(stage: Stage) -> None:
    """Ten thousand: a cached get never lists them, and each write clears a bounded number."""
    stage.login()
    stage.get()
    tokens = stage.cache / "tokens"
    dead = stage.entries()[0].read_bytes()
    for number in range(10_000):
        path = tokens / f"{HOST}~{number:032x}"
        path.write_bytes(dead[:-1])
        os.utime(path, (1, 1))
    calls = stage.aws.count()

    stage.get()
    assert len(list(tokens.iterdir())) == 10_002
    assert stage.aws.count() == calls

    stage.get(HOST.replace("us-east-1", "eu-west-1"))
    assert len(list(tokens.iterdir())) == 10_002 + 2 - 500


def test_a_token_of_seconds_is_replaced_in_time(stage: Stage) -> None:
    """It expires between two gets: the second brings a new one."""
    stage.login()
    stage.aws.token_life = 2
    first = stage.get().secret
    time.sleep(2.1)

    assert stage.get().secret != first


def test_aws_may_fail_while_the_token_in_hand_lives(stage: Stage) -> None:
    """Past half its life a token is renewed if AWS can, and used on if not; until it expires."""
    stage.login()
    stage.aws.token_life = 8
    first = stage.get().secret
    keys = dict(stage.aws.keys)
    stage.aws.keys.clear()
    time.sleep(4.2)
    assert stage.get().secret == first
    assert stage.get().secret == first
    assert stage.aws.count() == {"ecr": 2}

    time.sleep(4)
    assert "does not know the AWS access key" in stage.get().error
    stage.aws.keys.update(keys)
    assert stage.get().secret != first
