"""The short way of store, erase and list gives the same answers as the long one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from docker_credential_ecrpy.helper import fast_path
from docker_credential_ecrpy.hot import paths, protocol, watchdog
from docker_credential_ecrpy.tokens import recent
from tests.world.machine import HOST, Machine

OTHER = HOST.replace("123456789012", "210987654321")
LONG_WAY = {"AWS_ECR_DEBUG": "no"}
"""A log that may be on is looked at by the long way; this one is off."""


def _login(**fields: object) -> bytes:
    return json.dumps({"ServerURL": HOST, "Username": "AWS", "Secret": "x"} | fields).encode()


PRIVATE = "images.example.com"
RULES = f"""
[[registry]]
match = "210987654321.dkr.ecr.*.amazonaws.com"
profile = "auto"
region = "eu-west-1"

[[registry]]
match = "*.example.com"
registry = "{OTHER}"
role_arn = "arn:aws:iam::210987654321:role/puller"
external_id = "partner-7"
"""
SETTINGS = {"rules": RULES, "none": "", "a fallback": 'fallback = "x"\n' + RULES}
CASES: dict[str, tuple[str, bytes]] = {
    "list": ("list", b""),
    "a login": ("store", _login()),
    "a login by URL": ("store", _login(ServerURL=f" https://{OTHER.upper()}/v2/ ")),
    "a login for another registry": ("store", _login(ServerURL="ghcr.io")),
    "a login without a secret": ("store", _login(Secret="")),
    "a login without a user name": ("store", _login(Username="")),
    "a login without an address": ("store", _login(ServerURL=" ")),
    "a login that is a number": ("store", _login(Secret=1)),
    "no login": ("store", b"{"),
    "nothing to store": ("store", b" \n"),
    "an address": ("erase", HOST.encode()),
    "an address by URL": ("erase", f"https://{HOST}:443/app".encode()),
    "an unknown address": ("erase", OTHER.encode()),
    "another registry": ("erase", b"ghcr.io"),
    "no address": ("erase", b"\0"),
    "nothing to erase": ("erase", b""),
    "a login for a private name": ("store", _login(ServerURL=f"https://{PRIVATE}/")),
    "a private name": ("erase", PRIVATE.encode()),
}


def _make_file(cache: Path) -> None:
    shutil.rmtree(cache)
    cache.touch()


def _make_link(cache: Path) -> None:
    shutil.rmtree(cache / "logins")
    (cache / "logins").symlink_to("locks")


SPOILT: dict[str, Callable[[Path], None]] = {
    "an open folder": lambda cache: (cache / "logins").chmod(0o777),
    "an open cache": lambda cache: cache.chmod(0o777),
    "a file": _make_file,
    "a symlink": _make_link,
    "a file of the user's": lambda cache: (cache / "logins" / "notes").touch(),
    "no home": lambda cache: shutil.rmtree(cache.parent),
}


def _run(machine: Machine, case: str, environ: Mapping[str, str]) -> tuple[object, object]:
    shutil.rmtree(machine.cache, ignore_errors=True)
    machine.cache.mkdir(mode=0o700)
    for host in (OTHER, PRIVATE, "todo"):
        recent.remember(str(machine.cache), host)
    if "AWS_ECR_CONFIG" in machine.environ:
        machine.get("ghcr.io")
        assert machine.rules()
    machine.run("store", stdin=_login(Secret="before"))
    machine.run("store", stdin=_login(ServerURL=PRIVATE, Secret="before"), environ=LONG_WAY)
    action, data = CASES[case]
    return machine.run(action, stdin=data, environ=environ), machine.cached()


@pytest.mark.parametrize("case", CASES)
def test_both_ways_give_the_same(machine: Machine, case: str) -> None:
    """The same exit code, output, and files."""
    assert _run(machine, case, {}) == _run(machine, case, LONG_WAY)


@pytest.mark.parametrize(
    "name", ["AWS_ECR_IGNORE_CREDS_STORAGE", "AWS_ECR_PROFILE_1", "AWS_ECR_ROLE_ARN_1"]
)
def test_variables_that_change_the_answer_take_the_long_way(name: str) -> None:
    """Also one whose value means nothing: that is for the long way to say."""
    assert not fast_path._is_plain({name: "x", "HOME": "/nonexistent"})
    assert fast_path._is_plain({"HOME": "/nonexistent"})


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("case", CASES)
def test_both_ways_give_the_same_with_settings(machine: Machine, case: str, settings: str) -> None:
    """The same exit code, output, and files, where the rules are in the cache."""
    path = machine.file("config.toml", SETTINGS[settings])
    machine.environ["AWS_ECR_CONFIG"] = str(path)

    assert _run(machine, case, {}) == _run(machine, case, LONG_WAY)


def test_settings_take_the_long_way_once(machine: Machine) -> None:
    """Until a `get` has checked them; and a file that does not exist always."""
    elsewhere = {**machine.environ, "AWS_ECR_CONFIG": "/nonexistent"}
    assert fast_path._reply("list", None, elsewhere) is None
    assert fast_path._reply("list", None, machine.environ) == b"{}\n"
    machine.settings("")
    assert fast_path._reply("list", None, machine.environ) is None

    machine.get("ghcr.io")
    assert fast_path._reply("list", None, machine.environ) == b"{}\n"
    without_cache = {**machine.environ, "AWS_ECR_DISABLE_CACHE": "1"}
    assert fast_path._reply("list", None, without_cache) is None
    machine.settings('fallback = "pass"')
    assert fast_path._reply("list", None, machine.environ) is None
    machine.get()
    assert machine.rules()
    assert fast_path._reply("list", None, machine.environ) is None  # the fallback lists, too


@pytest.fixture(name="looked")
def _looked(monkeypatch: pytest.MonkeyPatch) -> "list[bool]":
    """Whether the watchdog was on at each look for the settings, which raises an error."""
    looked: list[bool] = []

    def has_settings(_: object) -> bool:
        looked.append(watchdog._running is not None)
        raise RuntimeError

    monkeypatch.setattr(protocol, "read_input", lambda: b"x")
    monkeypatch.setattr(paths, "has_settings", has_settings)
    return looked


@pytest.mark.parametrize("action", ["store", "erase", "list"])
def test_any_error_takes_the_long_way(action: str, looked: "list[bool]") -> None:
    """It has the input that was read; the watchdog is on before the first look at a file."""
    try:
        found = fast_path.answer(action, {}, lambda _: None)
    finally:
        watchdog.stop()

    assert found == (None, None if action == "list" else b"x")
    assert looked == [True]


def test_an_interrupt_while_a_module_loads_takes_no_other_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python 3.10 and 3.11 make it an error of another kind."""

    def interrupt(*_: object) -> bytes:
        raise RuntimeError from KeyboardInterrupt()

    monkeypatch.setattr(fast_path, "_reply", interrupt)
    try:
        with pytest.raises(RuntimeError):
            fast_path.answer("list", {}, lambda _: None)
    finally:
        watchdog.stop()


@pytest.mark.parametrize("how", ["<&-", ">&-", "2>&-"])
@pytest.mark.parametrize("case", ["list", "a login", "an address"])
def test_a_closed_stream_makes_no_difference(machine: Machine, how: str, case: str) -> None:
    """No file of the cache becomes a standard stream."""
    command = ["sh", "-c", f'exec "$@" {how}', "sh", *machine.program]
    closed = replace(machine, program=command)

    assert _run(closed, case, {}) == _run(closed, case, LONG_WAY)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes are POSIX's")
@pytest.mark.parametrize("how", SPOILT)
@pytest.mark.parametrize("case", ["list", "a login", "an address"])
def test_a_cache_that_cannot_be_used_makes_no_difference(
    machine: Machine, how: str, case: str
) -> None:
    """The same error, or the same answer."""
    found = []
    for environ in ({}, LONG_WAY):
        if not machine.home.exists():
            machine.home.mkdir()
        shutil.rmtree(machine.cache, ignore_errors=True)
        machine.cache.unlink(missing_ok=True)
        machine.run("store", stdin=_login(Secret="before"))
        SPOILT[how](machine.cache)
        action, data = CASES[case]
        found.append(machine.run(action, stdin=data, environ=environ))

    assert found[0] == found[1]


@pytest.mark.parametrize("action", ["get", "store", "erase", "list", "version"])
def test_an_action_ends_without_finalizing_the_interpreter(machine: Machine, action: str) -> None:
    """What a module has written to a buffer is not lost."""
    code = (
        "import atexit, sys\n"
        "atexit.register(print, 'finalized', file=sys.stderr)\n"
        "sys.argv = ['docker-credential-ecr-login', *sys.argv[1:]]\n"
        "print('early', end=' ')\n"
        "from docker_credential_ecrpy.__main__ import start\n"
        "sys.exit(start())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, action],
        input=b"ghcr.io",
        capture_output=True,
        env=machine.environ,
        check=False,
    )

    assert (b"finalized" in done.stderr) == (action == "version")
    assert b"early" in done.stdout
    assert done.returncode == (action in ("get", "store"))
