"""A canary in every place where a secret can stand: no text, file name or child shows one."""

import json
import sys
from pathlib import Path

import pytest

from tests.security.canaries import FAILURES, PLACES, forms, plant
from tests.world.machine import HOST, Machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")
LOGIN = json.dumps({"ServerURL": HOST, "Username": "AWS", "Secret": PLACES["login"]})
ELSEWHERE = json.dumps(
    {
        "ServerURL": f"https://u:{PLACES['login']}@ghcr.io",
        "Username": "u",
        "Secret": PLACES["login"],
    }
)
RUNS: list[tuple[str, str]] = [
    ("get", HOST),
    ("get", HOST),
    ("get", f"https://u:{PLACES['login']}@ghcr.io/"),
    ("get", f"https://u:{PLACES['login']}@{HOST}/"),
    ("store", ELSEWHERE),
    ("store", '{"Secret": "' + PLACES["store-key"]),
    ("store", json.dumps({"ServerURL": HOST, "Username": 1, "Secret": PLACES["fields"]})),
    ("explain " + HOST, ""),
    ("explain --check --json " + HOST, ""),
    ("explain other.example.com", ""),
    ("password other.example.com", ""),
    (f"doctor {HOST}/a:1", ""),
    (f"doctor --json {HOST}", ""),
    ("configure --dry-run --profile role " + HOST, ""),
    ("configure --json --profile role " + HOST, ""),
    ("configure --undo", ""),
    ("cache list", ""),
    ("cache list --json", ""),
    ("store", LOGIN),
    ("list", ""),
    ("erase", HOST),
    ("", ""),  # a shell asks for completions
]
"""A command and its standard input, in this order."""
FEW: list[tuple[str, str]] = [
    ("get", HOST),
    ("explain --check --json " + HOST, ""),
    (f"doctor --json {HOST}", ""),
    ("configure --dry-run --all-profiles", ""),
]
BY_PURPOSE = (".ecr/tokens/", ".ecr/logins/", ".aws/", ".docker/config.json", "config.toml")
"""Files that hold a secret by purpose, and backups of them."""


def _collect(machine: Machine, runs: list[tuple[str, str]]) -> dict[str, str]:
    """Run commands and return every text that was written: its place -> the text."""
    log = machine.root / "helper.log"
    machine.environ |= {"AWS_ECR_DEBUG": "1", "AWS_ECR_LOG": str(log), "AWS_ECR_TIMEOUT": "10"}
    environ = machine.root / "environ"
    for name in ("docker", "docker-credential-ecr-login", "docker-credential-ecrpy"):
        script = f'#!/bin/sh\nexport -p >>{environ}\necho "$0 $*" >>{environ}\necho 1.0\n'
        machine.file(f"bin/{name}", script, mode=0o755)
    machine.environ["PATH"] = str(machine.root / "bin")
    before = {path: path.read_bytes() for path in _files(machine)}
    texts = {}
    for number, (command, stdin) in enumerate(runs):
        more = {} if command else {"_DOCKER_CREDENTIAL_ECRPY_COMPLETE": "bash"}
        done = machine.run(*command.split(), stdin=stdin.encode(), environ=more)
        texts[f"{number} {command}: stderr"] = done.stderr
        if not (command == "get" and done.code == 0):
            texts[f"{number} {command}: stdout"] = done.stdout
    assert log.stat().st_size
    for path in _files(machine):
        name, data = str(path.relative_to(machine.root)), path.read_bytes()
        texts[f"the name of {name}"] = name.encode()
        if "/.ecr/tokens/" in str(path) or "/.ecr/logins/" in str(path):
            texts[f"the head of {name}"] = data.partition(b'"Secret"')[0]
        if before.get(path) != data and not any(part in str(path) for part in BY_PURPOSE):
            texts[name] = data
    return {place: text.decode("utf-8", "replace") for place, text in texts.items()}


def _find_leaks(machine: Machine, texts: dict[str, str]) -> dict[str, str]:
    """Return each canary and key that is in a text, with the text around it."""
    secrets = PLACES | {
        f"key {number}": keys.secret_key for number, keys in enumerate(machine.aws.keys.values())
    }
    return {
        f"{name} in {place}": text[max(text.index(form) - 200, 0) :][:400]
        for name, secret in secrets.items()
        for form in forms(secret)
        for place, text in texts.items()
        if form in text
    }


def _files(machine: Machine) -> list[Path]:
    return [path for path in machine.root.rglob("*") if path.is_file()]


def test_every_command(machine: Machine) -> None:
    """With working AWS, each action and command, logged, shows no canary anywhere."""
    plant(machine)

    texts = _collect(machine, RUNS)

    assert _find_leaks(machine, texts) == {}
    assert len(machine.aws.issued) >= 1
    assert "PATH" in texts["environ"]


@pytest.mark.parametrize("failure", FAILURES, ids=FAILURES)
def test_every_error(machine: Machine, failure: str) -> None:
    """Errors that name a setting, or quote another program or AWS, show none either."""
    plant(machine)
    set_up, said = FAILURES[failure]
    set_up(machine)
    texts = _collect(machine, FEW)

    assert _find_leaks(machine, texts) == {}
    assert any(said in text for text in texts.values()), texts


def test_the_search_finds_them(machine: Machine) -> None:
    """The search is able to fail: it finds the canaries of files that were written in between."""
    plant(machine)
    text = "".join(f'{name}="{value}"\n' for name, value in PLACES.items())
    machine.settings('fallback = "leak"\n')
    machine.file(
        "bin/docker-credential-leak",
        f"#!/bin/sh\nPATH=/bin:/usr/bin\ncat >{machine.root}/leak <<'E'\n{text}E\n",
        mode=0o755,
    )

    found = _find_leaks(machine, _collect(machine, [("get", "ghcr.io")]))
    assert {name.partition(" in ")[0] for name in found} == set(PLACES)
