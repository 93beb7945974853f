"""What `configure` prints with --json and --quiet."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from docker_credential_ecrpy.docker.message import MessageId
from tests.world.configure import AUTH, DESKTOP, OTHER, WHERE, configure, read, write
from tests.world.machine import HOST, Machine
from tests.world.terminal import run_on_terminal
from tests.world.tree import REPOSITORY

tree = pytest.mark.tree
SCHEMA = json.loads((REPOSITORY / "docs/schemas/configure.schema.json").read_text())


def configure_json(machine: Machine, *arguments: str) -> dict[str, Any]:
    """Run `configure --json`; return its document, which the schema allows."""
    done = configure(machine, *arguments, "--json")
    assert done.stderr == b""
    found: dict[str, Any] = json.loads(done.stdout)
    Draft202012Validator(SCHEMA).validate(found)
    return found


@tree
def test_the_schema_is_valid() -> None:
    """It is a schema of draft 2020-12, and forbids unknown members."""
    Draft202012Validator.check_schema(SCHEMA)
    errors = Draft202012Validator(SCHEMA).iter_errors({"schema_version": 1, "x": 1})

    assert {error.validator for error in errors} == {"required", "additionalProperties"}


@tree
def test_every_id_is_in_the_schema() -> None:
    """The schema lists the ids of the program, notes and warnings."""
    found = [SCHEMA["properties"][name]["items"]["properties"] for name in ("notes", "warnings")]
    listed = [text for each in found for text in each["id"]["enum"]]

    assert listed == [each.value for each in MessageId]


@tree
def test_a_change(machine: Machine, docker: Path) -> None:
    """Each file has its backup and its diff, with secrets redacted; notes and warnings follow."""
    machine.config("[profile a]\nregion = us-east-1\n")
    write(docker, {"auths": {HOST: {"auth": AUTH}}})
    found = configure_json(machine, WHERE, "--profile", "a")

    assert list(found)[:4] == ["schema_version", "command", "action", "dry_run"]
    assert [found[key] for key in list(found)[:4]] == [1, "configure", "configure", False]
    first, second = found["files"]
    assert (first["file"], second["file"]) == (str(docker), str(machine.cache / "config.toml"))
    assert Path(first["backup"]).parent == docker.parent
    assert second["backup"] is None
    assert f'+        "{HOST}": "ecr-login"' in first["diff"].split("\n")
    assert '+profile = "a"' in second["diff"].split("\n")
    assert [note["id"] for note in found["notes"]] == ["login-removed"]
    assert found["notes"][0]["text"].startswith(f"the old login for {HOST} under auths is removed")
    assert found["notes"][0]["command"] is None
    assert [each["id"] for each in found["warnings"]] == ["no-credentials"]
    assert "AWS profile 'a' has no credentials" in found["warnings"][0]["text"]
    assert found["warnings"][0]["command"] == "aws configure sso --profile a"
    assert read(docker) == {"auths": {}, "credHelpers": {HOST: "ecr-login"}}


@tree
def test_a_dry_run(machine: Machine, docker: Path) -> None:
    """The document has the diff and no backup, and nothing is written."""
    before = write(docker, DESKTOP)
    found = configure_json(machine, WHERE, "--dry-run")

    assert found["dry_run"] is True
    assert [each["backup"] for each in found["files"]] == [None]
    assert docker.read_bytes() == before


@tree
def test_nothing_to_change(machine: Machine, docker: Path) -> None:
    """No file is listed."""
    configure(machine, WHERE)

    assert configure_json(machine, WHERE)["files"] == []
    assert configure_json(machine, "--remove", OTHER)["files"] == []


@tree
def test_undo_and_remove(machine: Machine, docker: Path) -> None:
    """Both print the same document."""
    write(docker, DESKTOP)
    configure(machine, WHERE)

    undone = configure_json(machine, "--undo")
    (restored,) = undone["files"]
    assert undone["action"] == "undo"
    assert [note["id"] for note in undone["notes"]] == ["file-restored"]
    assert f'-\t\t"{HOST}": "ecr-login"' in restored["diff"].split("\n")
    assert Path(restored["backup"]).exists()
    configure_json(machine, WHERE)
    found = configure_json(machine, "--remove", WHERE)
    assert found["action"] == "remove"
    (removed,) = found["files"]
    assert removed["file"] == str(docker)


@tree
@pytest.mark.parametrize("arguments", [(), ("12345@us-east-1",), ("--profile", "nope")], ids=str)
def test_an_error(machine: Machine, docker: Path, arguments: tuple[str, ...]) -> None:
    """Standard output stays empty."""
    configure(machine, *arguments, "--json", code=2)

    assert not docker.exists()


@tree
def test_json_asks_nothing(machine: Machine, docker: Path) -> None:
    """On a terminal, the commands to type are an error, too."""
    before = write(docker, {"auths": {HOST: {"auth": AUTH}}})
    code, shown = run_on_terminal(machine, "configure", "--json")

    assert code == 2
    assert "run one of:" in shown
    assert docker.read_bytes() == before


@tree
@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet(machine: Machine, docker: Path, option: str) -> None:
    """Warnings and errors alone are printed."""
    done = configure(machine, WHERE, option)

    assert read(docker) == {"credHelpers": {HOST: "ecr-login"}}
    assert done.stdout == b""
    assert done.stderr.startswith(b"warning: no AWS credentials in the environment or ~/.aws;")
    assert done.stderr.count(b"\n") == 1
    machine.login()
    for arguments in ((WHERE,), (OTHER, "--dry-run"), ("--remove", WHERE), ("--undo",)):
        done = configure(machine, *arguments, option)
        assert done.stdout + done.stderr == b""
    assert list(read(docker)["credHelpers"]) == [HOST]


full_device = pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")


def run_on_full_disk(machine: Machine, *arguments: str) -> tuple[int, str]:
    """Run `configure` with a standard output that is full; return its exit code and errors."""
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*machine.program, "configure", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            env=machine.environ,
            cwd=machine.root,
            check=False,
        )
    return done.returncode, done.stderr.decode()


ERROR = (
    "the output cannot be written: no space left on device; free some space, or write it elsewhere"
)


@full_device
@tree
def test_an_output_that_is_full(machine: Machine, docker: Path) -> None:
    """The diff comes before the change: nothing is written, and the error says what is full."""
    write(docker, {"auths": {}})
    before = docker.read_bytes()
    code, errors = run_on_full_disk(machine, WHERE)

    assert code == 1
    assert errors.splitlines()[-1].endswith(f": {ERROR}")
    assert docker.read_bytes() == before


@full_device
@tree
def test_a_document_that_cannot_be_written(machine: Machine, docker: Path) -> None:
    """The document comes after the change: standard error has the files and their backups."""
    write(docker, {"auths": {}})
    code, errors = run_on_full_disk(machine, WHERE, "--json")
    (backup,) = docker.parent.glob("*.bak")

    assert code == 1
    assert f"written: {docker}; the previous content: {backup}" in errors.splitlines()
    assert errors.splitlines()[-1].endswith(f": {ERROR}")
