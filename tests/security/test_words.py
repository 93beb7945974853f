"""Secrets that are words of our own texts: no message, document or decision changes."""

import json
import re
import sys

import pytest

from tests.world import schemas
from tests.world.aws import refuse
from tests.world.machine import HOST, Machine

WORDS = (
    *("docker", "root", "config", "pass", "fail", "admin", "us-east-1", "123456789012", "profile"),
    *("registry", "AccessDenied", "Expired", "true", "explicit", "role", "token", HOST),
)
COMMANDS = (
    f"explain {HOST}",
    f"explain --json --check {HOST}",
    f"doctor {HOST}",
    f"doctor --json {HOST}",
    f"configure --dry-run {HOST}",
    f"configure --json --dry-run {HOST}",
    "configure --undo",
    "cache list",
    "cache list --json",
    "completion bash",
    "help",
    "nonsense",
    "explain nonsense:tag",
    "configure --dry-run --profile nobody " + HOST,
)
_CHANGES = re.compile(
    r"\d+(?:\.\d+)? ?(?:ms|s)\b|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\dZ?|\d+ h \d+ min"
)


def _plant(*words: str) -> dict[str, str]:
    """Return variables that each hold a word as a secret, or once were taken for one."""
    return {f"AWS_BEARER_TOKEN_{number}": word for number, word in enumerate(words)} | {
        "FTP_PROXY": f"http://{words[0]}:{words[-1]}@127.0.0.1:9",
        "DOCKER_HOST": "tcp://127.0.0.1:9/?" + "&".join(f"key={word}" for word in words),
        "DB_PASSWORD": words[0],
        "AUTH_DOMAIN": words[-1],
    }


def _run_all(machine: Machine, variables: dict[str, str]) -> dict[str, str]:
    seen = {}
    for command in COMMANDS:
        done = machine.run(*command.split(), environ={"AWS_ECR_TIMEOUT": "10", **variables})
        seen[command] = f"{done.code} {done.stdout.decode()} {done.stderr.decode()}"
        if "--json" in command:
            document = json.loads(done.stdout)
            schemas.check(document, document["command"].replace(" ", "-"))
    return {command: _CHANGES.sub("#", text) for command, text in seen.items()}


@pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")
def test_no_text_changes(machine: Machine) -> None:
    """Each command prints the same, byte for byte, with secrets that are words of ours."""
    machine.login()
    machine.file("home/.docker/config.json", '{"credsStore": "pass"}')
    machine.get()

    assert _run_all(machine, _plant(*WORDS)) == _run_all(machine, _plant("Kanarie"))


@pytest.mark.parametrize("code", ["AccessDeniedException", "ExpiredTokenException"])
@pytest.mark.parametrize("kind", ["whole", "part"])
def test_no_decision_changes(machine: Machine, code: str, kind: str) -> None:
    """A refusal is the same one if its code, of any length, is a secret."""
    machine.login()
    text = "User: arn:aws:iam::1:user/x is not authorized to perform: ecr:GetAuthorizationToken"
    machine.aws.faults["ecr"] = refuse(code, text)
    word = code if kind == "whole" else code.removesuffix("Exception")

    assert machine.get(**_plant(word)).stdout == machine.get().stdout


def test_scripts_are_not_redacted(machine: Machine) -> None:
    """The completion script stays whole, whatever is secret."""
    expected = machine.run("completion", "bash").stdout

    assert machine.run("completion", "bash", environ=_plant("docker-credential-ecrpy")).stdout == (
        expected
    )


@pytest.mark.parametrize(
    "command",
    [
        "explain #",
        "password #",
        "password x #",
        "doctor #",
        "#",
        "explain --#",
        "cache clear #",
        "cache #",
        "help #",
        "configure --dry-run #",
        "configure --dry-run --profile #",
        "configure --dry-run --profile=# " + HOST,
        "configure --dry-run --fallback # " + HOST,
        "configure --dry-run --role-arn # " + HOST,
    ],
)
def test_an_argument_with_a_password(machine: Machine, command: str) -> None:
    """It is not echoed, with or without a scheme."""
    machine.login()
    for address in ("me:hunter2@host", "https://me:hunter2@host/x", "me:hunter2@host/a:1"):
        done = machine.run(*command.replace("#", address).split())

        assert done.stdout + done.stderr
        assert b"hunter2" not in done.stdout + done.stderr
