"""Attacks by the environment: PATH, variables, umask; and that SECURITY.md names real tests.

Attacks that other tests cover are not repeated: SECURITY.md names those tests.
"""

import ast
import itertools
import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import cache, identity
from tests.security.attacks import ACTIONS, HOSTILE, HUGE, check_form, launched
from tests.world import credential_sources
from tests.world.aws import ACCOUNT
from tests.world.machine import HOST, Machine
from tests.world.tree import REPOSITORY

posix = pytest.mark.skipif(sys.platform == "win32", reason="umask, limits and descriptors of POSIX")


@posix
class TestPath:
    """Programs and modules that are first on PATH, or in the current directory."""

    @pytest.mark.parametrize("element", ["bin", "./bin", "bin/../bin", "~/bin"])
    def test_a_relative_element_is_not_searched(self, machine: Machine, element: str) -> None:
        """The fallback is not searched there, since it may be a stranger's checkout."""
        machine.file("bin/docker-credential-other", "#!/bin/sh\necho stolen\n", mode=0o777)
        machine.settings('fallback = "other"')
        path = f"{element}{os.pathsep}{machine.environ['PATH']}"

        assert "is not on PATH" in machine.get("ghcr.io", PATH=path).error

    def test_no_action_runs_a_program(self, machine: Machine) -> None:
        """Without a fallback and a credential_process, no aws, docker or shell runs."""
        script = f"#!/bin/sh\n: >{machine.root}/ran-$(basename $0)\n"
        for name in ("aws", "docker", "sh", "env", "ps", "id", "uname", "python3", "ldconfig"):
            machine.file(f"bin/{name}", script, mode=0o777)
        (machine.root / "bin").chmod(0o777)
        machine.environ["PATH"] = str(machine.root / "bin")
        machine.login()
        for action, request in (*ACTIONS.items(), ("get", b"public.ecr.aws"), ("get", b"ghcr.io")):
            machine.run(action, stdin=request)

        assert list(machine.root.glob("ran-*")) == []

    def test_modules_in_the_current_directory_are_not_loaded(
        self, machine: Machine, scripts: Path
    ) -> None:
        """Neither a hit nor a miss imports from it: a stranger's checkout may hold a boto3.py."""
        for name in ("boto3", "json", "os", "docker_credential_ecrpy", "sitecustomize"):
            machine.file(f"{name}.py", "import sys\nsys.exit('stolen')\n")
        machine.login()
        command = [str(scripts / "docker-credential-ecr-login")]
        for _ in range(2):
            assert (
                machine.run("get", stdin=HOST.encode(), command=command).secret
                in machine.aws.issued
            )


# Variables that an error may repeat. All other deciding variables are set at once.
REPEATED = (
    *("AWS_PROFILE", "AWS_ECR_CONFIG", "AWS_ECR_TIMEOUT", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"),
    *("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", f"AWS_ECR_ROLE_ARN_{ACCOUNT}", "HTTPS_PROXY"),
)
LONG, DEEP = "/" + "A" * 100_000, "/nowhere" + "/a" * 50_000
OURS = ("AWS_ECR_LOG", "AWS_ECR_IGNORE_CREDS_STORAGE", "AWS_ECR_FALLBACK_OF", "SUDO_UID")


@posix
class TestVariables:
    """Variables that are huge, or that contain line breaks or terminal commands."""

    @pytest.mark.parametrize("name", REPEATED)
    def test_a_hostile_value(self, machine: Machine, name: str) -> None:
        """The result is a token, or an error of one printable line."""
        machine.login()

        check_form(machine.get(**{name: HOSTILE}))

    @pytest.mark.parametrize("value", [HOSTILE, HUGE], ids=["hostile", "huge"])
    def test_hostile_values_of_all_the_others(self, machine: Machine, value: str) -> None:
        """As many as a kernel takes are hostile at once, and the output has the protocol's form."""
        names = [n for n in (*identity.DECIDING_VARIABLES, *OURS) if n not in REPEATED]
        most = 16 if value == HUGE else len(names)  # ARG_MAX is mostly 2 MiB
        for start in range(0, len(names), most):
            machine.login()
            chosen = dict.fromkeys(names[start : start + most], value)

            check_form(machine.get(**chosen))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("HOME", DEEP),
            ("AWS_ECR_CACHE_DIR", DEEP),
            ("AWS_ECR_CACHE_DIR", LONG),
            ("AWS_ECR_LOG", LONG),
            ("AWS_ECR_CONFIG", DEEP),
        ],
        ids=range(5),
    )
    def test_a_huge_path(self, machine: Machine, name: str, value: str) -> None:
        """A path may have one long name or many; only the settings' path makes the get fail."""
        machine.login()
        result = machine.get(**{name: value})

        check_form(result)
        assert result.code == (1 if name == "AWS_ECR_CONFIG" else 0)

    @pytest.mark.parametrize("action", ["store", "erase"])
    def test_a_directory_that_an_error_names(self, machine: Machine, action: str) -> None:
        """Of a login that cannot be kept, or erased: one line, for any terminal."""
        path = machine.file(f"{HOSTILE}/x", "")
        machine.environ["AWS_ECR_CACHE_DIR"] = str(path if action == "store" else path.parent)
        if action == "erase":
            (path.parent / "logins" / f"{HOST}~{'0' * 32}" / "x").mkdir(parents=True)
        result = machine.run(action, stdin=ACTIONS[action])

        assert result.code == 1
        check_form(result)

    def test_a_log_has_a_line_for_each_record(self, machine: Machine) -> None:
        """No text in a record looks like another record, or moves the cursor."""
        machine.login()
        log = machine.root / "helper.log"
        machine.environ |= {"AWS_ECR_LOG": str(log), "AWS_ECR_DEBUG": "1"}
        machine.environ["AWS_ECR_CACHE_DIR"] = str(machine.root / HOSTILE)
        stderr = machine.get().stderr
        lines = log.read_text().splitlines()

        assert lines == stderr.decode().splitlines()
        assert len(lines) > 3
        for line in lines:
            assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z \[\d+\] +[\d.]+ ms  \S", line)
            assert line.isprintable()

    def test_an_entry_of_a_hostile_identity(self, machine: Machine) -> None:
        """The entry is written and found; no value adds to its header line or ends it."""
        machine.login()
        hostile = {"AWS_ROLE_SESSION_NAME": f"{HOSTILE} 1 2 3\n", "AWS_ROLE_ARN": HOSTILE}
        secret = machine.get(**hostile).secret

        assert machine.get(**hostile).secret == secret
        for path in machine.entries():
            entry, subject = cache.read_any(str(path))
            assert path.read_text().isascii()
            assert ascii(f"{HOSTILE} 1 2 3\n") in subject
            refers = entry.reply.startswith(b">ecr@us-east-1.amazonaws.com~")
            assert refers == path.name.startswith(HOST)
            assert refers or json.loads(b"{" + entry.reply)["Username"] == "AWS"


@posix
@pytest.mark.parametrize("umask", [0o000, 0o777], ids=["000", "777"])
def test_whatever_the_umask(machine: Machine, umask: int) -> None:
    """Every file is private to its owner: entries, locks, logs, settings, backups."""
    credential_sources.assumed_role(machine)
    machine.file("home/.docker/config.json", '{"auths": {}}')
    before = set(machine.home.rglob("*"))
    machine.program = launched(machine.program, umask=umask)
    machine.environ["AWS_ECR_LOG"] = str(machine.home / "helper.log")
    for action in ("list", "get", "store"):
        machine.run(action, stdin=ACTIONS[action])
    assert machine.run("configure", HOST, "--profile", "work").code == 0
    made = set(machine.home.rglob("*")) - before
    # `configure` runs the helper on PATH with `version`; the Go helper then creates a log.
    made = {path for path in made if not path.is_relative_to(machine.cache / "log")}

    parts = {"tokens", "logins", "locks", "registries", "helper.log", "config.toml", "cli"}
    assert {path.name for path in made} >= parts
    assert sum(path.suffix == ".bak" for path in made) == 2
    for path in made:
        wider = stat.S_IMODE(path.stat().st_mode) & (0o077 if path.is_dir() else 0o177)
        assert not wider, path


def _read_tests(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield from (
                f"{node.name}::{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)
            )
        elif isinstance(node, ast.FunctionDef):
            yield node.name


def test_every_test_that_security_names_exists() -> None:
    """Each threat in SECURITY.md has at least one test, by path and name."""
    text = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
    _, _, table = text.partition("| asset |")
    rows = [line for line in table.splitlines()[2:] if line.startswith("|")]
    named = [re.findall(r"`([\w/]+\.py)::([\w:]+)`", row) for row in rows]

    assert len(rows) > 20
    assert all(named), [row for row, tests in zip(rows, named, strict=True) if not tests]
    for path, name in itertools.chain.from_iterable(named):
        assert name in set(_read_tests(REPOSITORY / "tests" / path)), (path, name)
