"""Which programs the commands for users start: those that Docker would run, for their version."""

import json
import os
import sys

import pytest

from tests.world.machine import HOST, Machine

OTHERS = ("aws", "sh", "env", "ps", "id", "uname", "python3", "docker-credential-desktop", "podman")
HELPERS = ("docker-credential-ecr-login", "docker-credential-ecrpy")
AWSLABS = f"{HELPERS[0]} -v"
VERSIONS = {*(f"{name} version" for name in HELPERS), AWSLABS}
RECORD = '#!/bin/sh\necho "${{0##*/}} $*" >>{log}\n'


@pytest.fixture(name="recorded")
def _recorded(machine: Machine) -> Machine:
    """A machine whose PATH has only programs that record their arguments in `ran`."""
    if sys.platform == "win32":
        pytest.skip("the programs are shell scripts")
    for name in (*OTHERS, *HELPERS, "docker"):
        machine.file(f"bin/{name}", RECORD.format(log=machine.root / "ran"), mode=0o777)
    (machine.root / "bin").chmod(0o777)
    machine.environ["PATH"] = str(machine.root / "bin")
    machine.file("home/.docker/config.json", '{"credsStore": "desktop", "auths": {}}')
    machine.login()
    return machine


def _read_record(machine: Machine) -> set[str]:
    path = machine.root / "ran"
    return set(path.read_text(encoding="utf-8").splitlines()) if path.exists() else set()


def test_doctor_runs_docker_and_our_helpers_for_their_version(recorded: Machine) -> None:
    """`docker --version` and `<helper> version`; no other program, and none with a request.

    One that is not this program is asked with `-v`, too, as awslabs' helper wants it.
    """
    recorded.environ["DOCKER_AUTH_CONFIG"] = '{"auths": {}}'
    recorded.run("doctor", HOST)

    assert _read_record(recorded) == {"docker --version", *VERSIONS}


def test_doctor_runs_docker_only_where_its_version_matters(recorded: Machine) -> None:
    """Without DOCKER_AUTH_CONFIG every version of docker reads the same files."""
    recorded.run("doctor", HOST)

    assert _read_record(recorded) == VERSIONS


@pytest.mark.parametrize(("host", "is_asked"), [(HOST, True), ("ghcr.io", False)])
def test_doctor_asks_awslabs_helper_for_a_login(
    recorded: Machine, host: str, *, is_asked: bool
) -> None:
    """It alone is run with `get`, for an ECR registry, and keeps neither a cache nor a log."""
    script = RECORD.format(log=recorded.root / "ran")
    script += '[ "$1" = get ] && echo "$(cat) $AWS_ECR_CACHE_DIR $AWS_ECR_DISABLE_CACHE" '
    script += f">>{recorded.root / 'ran'}\n"
    script += '[ "$1" = -v ] && printf "amazon-ecr-credential-helper\\nVersion: 0.10.1\\n"\n'
    recorded.environ["PATH"] += ":/bin"
    recorded.file(f"bin/{HELPERS[0]}", script, mode=0o777)
    recorded.run("doctor", host)

    get = {f"{HELPERS[0]} get", f"{host} {os.devnull} true"}
    assert _read_record(recorded) == (VERSIONS | get if is_asked else VERSIONS - {AWSLABS})


@pytest.mark.parametrize(
    "arguments",
    [("explain", HOST), ("password", HOST), ("cache", "list"), ("completion", "bash")],
    ids=lambda arguments: arguments[0],
)
def test_a_command_runs_no_other_program(recorded: Machine, arguments: tuple[str, ...]) -> None:
    """Neither the AWS CLI nor docker nor a shell, if no credential_process is set."""
    recorded.run(*arguments)

    assert _read_record(recorded) == set()


@pytest.fixture(name="processed")
def _processed(recorded: Machine) -> Machine:
    """The same machine, with its AWS credentials from a credential_process."""
    keys = recorded.aws.user().environ
    for name in keys:
        del recorded.environ[name]
    reply = {"Version": 1, "AccessKeyId": keys["AWS_ACCESS_KEY_ID"]}
    reply["SecretAccessKey"] = keys["AWS_SECRET_ACCESS_KEY"]
    text = RECORD.format(log=recorded.root / "ran") + f"echo '{json.dumps(reply)}'\n"
    process = recorded.file("bin/keys", text, mode=0o777)
    recorded.config(f"[default]\ncredential_process = {process}\n")
    return recorded


@pytest.mark.parametrize(
    "arguments",
    [("explain", "--check", HOST), ("password", HOST), ("doctor", HOST)],
    ids=lambda arguments: arguments[0],
)
def test_a_credential_process_is_run_to_call_aws(
    processed: Machine, arguments: tuple[str, ...]
) -> None:
    """Beside what doctor runs for its version, it is the only program."""
    processed.run(*arguments)

    assert _read_record(processed) - VERSIONS == {"keys "}
    assert processed.aws.calls


@pytest.mark.parametrize(
    "arguments",
    [("explain", HOST), ("cache", "list"), ("cache", "clear"), ("completion", "bash")],
    ids=" ".join,
)
def test_a_command_runs_no_program_and_calls_no_aws(
    processed: Machine, arguments: tuple[str, ...]
) -> None:
    """Not even the credential_process that the AWS config names."""
    assert processed.run(*arguments).code == 0
    assert (_read_record(processed), processed.aws.calls) == (set(), [])


def test_configure_runs_our_helpers_for_their_version(recorded: Machine) -> None:
    """It warns of another program under a name of ours, which only the version tells."""
    recorded.run("configure", HOST)

    assert _read_record(recorded)
    assert _read_record(recorded) <= {f"{name} version" for name in HELPERS}


def test_a_program_gets_no_secret(recorded: Machine) -> None:
    """Docker and the helpers that print their version get neither AWS keys nor other secrets."""
    script = f"#!/bin/sh\nexport -p >>{recorded.root / 'environ'}\necho 1.0\n"
    for name in ("docker", *HELPERS):
        recorded.file(f"bin/{name}", script, mode=0o777)
    planted = {
        "AWS_SESSION_TOKEN": "canary-session",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "canary-container",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/canary-uri",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/canary-web",
        "aws_bearer_token_bedrock": "canary-bearer",
        "GITHUB_TOKEN": "canary-github",
        "MYSQL_PWD": "canary-mysql",
        "DATABASE_URL": "postgres://me:canary-database@h/d",
        "AWS_ECR_OTHER": "canary-ours",
        "DOCKER_AUTH_CONFIG": '{"auths": {"ghcr.io": {"auth": "canary-auth"}}}',
        "ALL_PROXY": "http://me:canary-proxy@127.0.0.1:1",
    }
    key = recorded.environ["AWS_SECRET_ACCESS_KEY"]
    recorded.run("doctor", HOST, environ=planted | {"AWS_ECR_TIMEOUT": "5", "LANG": "C"})
    seen = (recorded.root / "environ").read_text()

    assert seen.count("LANG") == 1 + len(VERSIONS)
    assert "canary" not in seen
    assert key not in seen


def test_a_program_in_the_current_directory_is_not_run(recorded: Machine) -> None:
    """Neither by an empty nor by a relative element of PATH; not by those after it either."""
    for name in ("docker", *HELPERS):
        recorded.file(name, RECORD.format(log=recorded.root / "planted"), mode=0o777)
    planted = {"PATH": f":.:bin/..:{recorded.root / 'bin'}:", "DOCKER_AUTH_CONFIG": "{}"}
    recorded.run("doctor", HOST, environ=planted)
    recorded.run("configure", "--dry-run", HOST, environ=planted)

    assert not (recorded.root / "planted").exists()
    assert "docker --version" in _read_record(recorded)
