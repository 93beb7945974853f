"""Facts about inputs: hostile and wrong ones do nothing, and the error says what to write."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world.accounts import US, A
from tests.world.engine_socket import engine_socket
from tests.world.machine import Machine
from tests.world.runner import ACTION, ROOT, Job, Runner

HOSTILE = [
    text.replace("{A}", A)
    for text in (
        "{A}\nEVIL=1",
        '{A}"',
        "'{A}'",
        "$(touch canary)",
        "`touch canary`",
        "{A};touch canary",
        "{A}|touch canary",
        "--undo",
        "-{A}",
        "-{A}@us-east-1",
        "{A},,{A}",
        "{A},$HOME",
        "../{A}",
        "{A}@us-east-1\r\n::set-output name=registry::evil",
        "::stop-commands::x",
        "https://{A}.dkr.ecr.us-east-1.amazonaws.com/app",
    )
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_hostile_input_does_nothing(
    runner: Runner, machine: Machine, tmp_path: Path, text: str
) -> None:
    """One error; no file, no variable, no call."""
    check_refused(runner, machine, tmp_path, {"registries": text}, ["registries"])


def test_every_input_refuses_hostile_text() -> None:
    """Each by its own name, and before anything is done with it."""
    code = """
import json, sys
from inputs import ActionError, read_inputs
for name, text in json.load(sys.stdin):
    try:
        read_inputs({"AWS_REGION": "us-east-1", "INPUT_" + name.upper().replace("-", "_"): text})
    except ActionError as exc:
        print(str(exc).startswith(name + " ") or str(exc).startswith(name + ":"), name, ascii(text))
"""
    pairs = [(name, text) for name in ACTION["inputs"] for text in HOSTILE]
    done = subprocess.run(
        [sys.executable, "-B", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "action")},
        input=json.dumps(pairs),
        capture_output=True,
        check=True,
        text=True,
    )

    expected = [f"True {name} {text!a}" for name, text in pairs]
    assert done.stdout.splitlines() == expected


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"registries": "12345678901"}, ["11 digits instead of 12", "in quotes"]),
        ({"registry-type": "internal"}, ["private or public"]),
        ({"isolate": "yes"}, ["true or false"]),
        ({"version": "latest"}, ["a version such as 1.2.0"]),
        ({"http-proxy": "http://me:a b@proxy:1"}, ["write special characters", "%25XX"]),
    ],
)
def test_a_wrong_input_is_explained(
    runner: Runner, machine: Machine, tmp_path: Path, inputs: dict[str, str], words: list[str]
) -> None:
    """The error says what to write; a proxy's password is not shown."""
    error = check_refused(runner, machine, tmp_path, inputs, [*inputs, *words])
    assert "a b" not in error


def check_refused(
    runner: Runner, machine: Machine, root: Path, inputs: dict[str, str], words: list[str]
) -> str:
    """Return the one error of the action, which has all of the words; nothing else has changed."""
    job = runner.start(root, machine.aws.user("dev", A))
    before, calls = dict(job.environ), machine.aws.count()
    job.use(inputs)

    (error,) = job.errors
    assert job.code == 1
    assert job.log.count("\n") == 1
    assert [word for word in words if word not in error] == []
    assert job.environ == before
    assert job.outputs == {}
    assert list(job.temporary.iterdir()) == []
    assert sorted(os.listdir(root)) == ["ENV.txt", "OUTPUT.txt", "PATH.txt", "_work", "step.sh"]
    assert machine.aws.count() == calls
    return error


def test_a_region_is_needed_for_an_account(runner: Runner, tmp_path: Path) -> None:
    """The error names the ways to set it; a profile's is not used, and the other variable is."""
    job = runner.start(tmp_path)
    del job.environ["AWS_REGION"]
    job.environ["AWS_CONFIG_FILE"] = str(tmp_path / "config")
    (tmp_path / "config").write_text("[default]\nregion = eu-west-1\n")
    job.use(registries=A)
    assert "no AWS region" in job.errors[0]

    job.environ["AWS_DEFAULT_REGION"] = "nowhere"
    job.use(registries=A)
    assert "AWS_REGION is 'nowhere'" in job.errors[0]


@pytest.mark.parametrize(
    ("registries", "words"),
    [
        ("registry.example.com", "is not an ECR registry"),
        (f"{A}@us-eest-1", "did you mean us-east-1"),
        (f"{A}.dkr.ecr.us-east-1.amazonaws.com.example.com", "is not an ECR registry"),
        ("1234@eu-west-1", "an account id has 12 digits"),
    ],
)
def test_what_the_program_refuses(job: Job, registries: str, words: str) -> None:
    """Its error is that of the step, and later steps get nothing."""
    job.use(registries=registries)

    (error,) = job.errors
    assert words in error
    assert job.outputs == {}
    assert not (job.docker / "config.json").exists()


def test_without_credentials_no_account_is_known(job: Job) -> None:
    """The error says which step is missing."""
    for name in [name for name in job.environ if "ACCESS_KEY" in name]:
        del job.environ[name]
    job.use()

    (error,) = job.errors
    assert "no AWS credentials found" in error
    assert "run aws-actions/configure-aws-credentials before this action" in error


def test_an_old_python_is_not_used(runner: Runner, tmp_path: Path) -> None:
    """The error says how to get another one."""
    job = runner.start(tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "bash").symlink_to(shutil.which("bash") or "")
    (programs / "python3").write_text("#!/bin/sh\nexit 1\n")
    (programs / "python3").chmod(0o755)
    job.environ["PATH"] = str(programs)
    job.use()

    assert job.code == 1
    assert "no Python 3.10 or later" in job.errors[0]
    assert "actions/setup-python" in job.errors[0]


def test_check_fails_with_the_cause(job: Job, machine: Machine) -> None:
    """It is doctor's; a workflow of the page has a check that passes."""
    denied = machine.aws.user("denied", A)
    job.environ |= denied.environ
    machine.aws.denied.add((denied.arn, "ecr:GetAuthorizationToken"))
    with engine_socket() as path:
        job.environ["DOCKER_HOST"] = f"unix://{path}"
        job.use(registries=A, check="true")

    (error,) = job.errors
    assert job.code == 1
    assert error.startswith(f"{US.format(A)}: ")
    assert "ecr:GetAuthorizationToken" in error
    assert "FAIL  token" in job.log
