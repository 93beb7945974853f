"""Attacks by the environment: PATH, variables, umask; and that SECURITY.md names real tests.

What is tested elsewhere is not here again: SECURITY.md says where.
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

from docker_credential_ecrpy.hot import identity
from tests import sources
from tests.attacks import ACTIONS, HOSTILE, HUGE, check_form, launched
from tests.stage import HOST, Stage
from tests.world.aws import ACCOUNT

REPOSITORY = Path(__file__).parent.parent
posix = pytest.mark.skipif(sys.platform == "win32", reason="umask, limits and descriptors of POSIX")


@posix
class TestPath:
    """What is first on PATH, or in the current directory."""

    @pytest.mark.parametrize("element", ["bin", "./bin", "bin/../bin", "~/bin"])
    def test_a_relative_element_is_not_searched(self, stage: Stage, element: str) -> None:
        """For the fallback: the current directory may be a stranger's checkout."""
        stage.file("bin/docker-credential-other", "#!/bin/sh\necho stolen\n", mode=0o777)
        stage.settings('fallback = "other"')
        path = f"{element}{os.pathsep}{stage.environ['PATH']}"

        assert "is not on PATH" in stage.get("ghcr.io", PATH=path).error

    def test_no_action_runs_a_program(self, stage: Stage) -> None:
        """Without a fallback and a credential_process: not aws, not docker, not a shell."""
        script = f"#!/bin/sh\n: >{stage.root}/ran-$(basename $0)\n"
        for name in ("aws", "docker", "sh", "env", "ps", "id", "uname", "python3", "ldconfig"):
            stage.file(f"bin/{name}", script, mode=0o777)
        (stage.root / "bin").chmod(0o777)
        stage.environ["PATH"] = str(stage.root / "bin")
        stage.login()
        for action, request in (*ACTIONS.items(), ("get", b"public.ecr.aws"), ("get", b"ghcr.io")):
            stage.run(action, stdin=request)

        assert list(stage.root.glob("ran-*")) == []

    def test_modules_in_the_current_directory_are_not_loaded(
        self, stage: Stage, scripts: Path
    ) -> None:
        """A stranger's checkout may hold a boto3.py: neither a hit nor a miss looks there."""
        for name in ("boto3", "json", "os", "docker_credential_ecrpy", "sitecustomize"):
            stage.file(f"{name}.py", "import sys\nsys.exit('stolen')\n")
        stage.login()
        command = [str(scripts / "docker-credential-ecr-login")]
        for _ in range(2):
            assert stage.run("get", stdin=HOST.encode(), command=command).secret in stage.aws.issued


# Those that an error may repeat. All the others that decide are set at once.
REPEATED = (
    *("AWS_PROFILE", "AWS_ECR_CONFIG", "AWS_ECR_TIMEOUT", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE"),
    *("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", f"AWS_ECR_ROLE_ARN_{ACCOUNT}", "HTTPS_PROXY"),
)
LONG, DEEP = "/" + "A" * 100_000, "/nowhere" + "/a" * 50_000
OURS = ("AWS_ECR_LOG", "AWS_ECR_IGNORE_CREDS_STORAGE", "AWS_ECR_FALLBACK_OF", "SUDO_UID")


@posix
class TestVariables:
    """Variables that are huge, or hold what breaks lines and terminals."""

    @pytest.mark.parametrize("name", REPEATED)
    def test_one_that_is_hostile(self, stage: Stage, name: str) -> None:
        """A token, or an error of one line that a terminal shows as it is."""
        stage.login()

        check_form(stage.get(**{name: HOSTILE}))

    @pytest.mark.parametrize("value", [HOSTILE, HUGE], ids=["hostile", "huge"])
    def test_all_the_others_at_once(self, stage: Stage, value: str) -> None:
        """As many as a kernel takes; each get says the same, whatever the last one kept."""
        names = [n for n in (*identity.DECIDING_VARIABLES, *OURS) if n not in REPEATED]
        most = 16 if value == HUGE else len(names)  # ARG_MAX is 2 MiB mostly
        for start in range(0, len(names), most):
            stage.login()
            chosen = dict.fromkeys(names[start : start + most], value)

            check_form(stage.get(**chosen))

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
    def test_a_huge_path(self, stage: Stage, name: str, value: str) -> None:
        """Of one name, and of many: where it is not about whom to be, the token comes."""
        stage.login()
        result = stage.get(**{name: value})

        check_form(result)
        assert result.code == (1 if name == "AWS_ECR_CONFIG" else 0)

    @pytest.mark.parametrize("action", ["store", "erase"])
    def test_a_directory_that_an_error_names(self, stage: Stage, action: str) -> None:
        """Of a login that cannot be kept, or erased: one line, for any terminal."""
        path = stage.file(f"{HOSTILE}/x", "")
        stage.environ["AWS_ECR_CACHE_DIR"] = str(path if action == "store" else path.parent)
        if action == "erase":
            (path.parent / "logins" / f"{HOST}~{'0' * 32}" / "x").mkdir(parents=True)
        result = stage.run(action, stdin=ACTIONS[action])

        assert result.code == 1
        check_form(result)

    def test_a_log_has_a_line_for_each_record(self, stage: Stage) -> None:
        """Whatever a record repeats, nothing in it looks like another one, nor moves a cursor."""
        stage.login()
        log = stage.root / "helper.log"
        stage.environ |= {"AWS_ECR_LOG": str(log), "AWS_ECR_DEBUG": "1"}
        stage.environ["AWS_ECR_CACHE_DIR"] = str(stage.root / HOSTILE)
        stderr = stage.get().stderr
        lines = log.read_text().splitlines()

        assert lines == stderr.decode().splitlines()
        assert len(lines) > 3
        for line in lines:
            assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z \[\d+\] +[\d.]+ ms  \S", line)
            assert line.isprintable()

    def test_an_entry_of_a_hostile_identity(self, stage: Stage) -> None:
        """It is kept and found, and its header is one line: no value adds to it or ends it."""
        stage.login()
        hostile = {"AWS_ROLE_SESSION_NAME": f"{HOSTILE} 1 2 3\n", "AWS_ROLE_ARN": HOSTILE}
        secret = stage.get(**hostile).secret

        assert stage.get(**hostile).secret == secret
        for path in stage.entries():
            header, _, reply = path.read_text().partition("\n")
            assert header.isascii()
            assert json.loads("{" + reply)["Username"] == "AWS"


@posix
@pytest.mark.parametrize("umask", [0o000, 0o777], ids=["000", "777"])
def test_whatever_the_umask(stage: Stage, umask: int) -> None:
    """All that is made is for its owner alone: entries, locks, logs, settings, backups."""
    sources.assumed_role(stage)
    stage.file("home/.docker/config.json", '{"auths": {}}')
    before = set(stage.home.rglob("*"))
    stage.program = launched(stage.program, umask=umask)
    stage.environ["AWS_ECR_LOG"] = str(stage.home / "helper.log")
    for action in ("list", "get", "store"):
        stage.run(action, stdin=ACTIONS[action])
    assert stage.run("configure", HOST, "--profile", "work").code == 0
    made = set(stage.home.rglob("*")) - before
    # `configure` asks the helper on PATH for its version; the Go helper then begins a log.
    made = {path for path in made if not path.is_relative_to(stage.cache / "log")}

    parts = {"tokens", "logins", "locks", "registries", "helper.log", "config.toml", "cli"}
    assert {path.name for path in made} >= parts
    assert sum(path.suffix == ".bak" for path in made) == 1
    for path in made:
        wider = stat.S_IMODE(path.stat().st_mode) & (0o077 if path.is_dir() else 0o177)
        assert not wider, path


def _tests_of(path: Path) -> Iterator[str]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            yield from (
                f"{node.name}::{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)
            )
        elif isinstance(node, ast.FunctionDef):
            yield node.name


def test_every_test_that_security_names_exists() -> None:
    """A threat's row in SECURITY.md has at least one test, by file and name."""
    text = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
    _, _, table = text.partition("| asset |")
    rows = [line for line in table.splitlines()[2:] if line.startswith("|")]
    named = [re.findall(r"`((?:binary/)?test_\w+)\.py::([\w:]+)`", row) for row in rows]

    assert len(rows) > 20
    assert all(named), [row for row, tests in zip(rows, named, strict=True) if not tests]
    for module, name in itertools.chain.from_iterable(named):
        assert name in set(_tests_of(REPOSITORY / "tests" / f"{module}.py")), (module, name)
