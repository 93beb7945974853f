"""Facts about the checks on the programs on PATH, other helpers and the settings."""

import sys
import time

import pytest

from tests.world.accounts import rule
from tests.world.docker_host import IMAGE, DockerHost
from tests.world.machine import HOST

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")


def test_programs_that_hang_leave_the_network_its_time(docker_host: DockerHost) -> None:
    """They run at the same time as each other and as the network calls."""
    docker_host.client()  # with an engine
    names = "docker", "docker-credential-ecr-login", "docker-credential-ecrpy"
    for name in names:
        docker_host.program(name, "exec /bin/sleep 60", "first")
    before = time.monotonic()
    found = docker_host.doctor(IMAGE, AWS_ECR_TIMEOUT="8", DOCKER_AUTH_CONFIG="{}")

    assert time.monotonic() - before < 30  # and not 60
    assert "no answer within" in found.failed["seen"]
    assert found.of("image")["status"] == "pass"


def test_a_registry_that_is_not_ecr(docker_host: DockerHost) -> None:
    """It is a warning, or the fallback that answers is named."""
    docker_host.configure(credsStore="desktop")
    found = docker_host.doctor("ghcr.io/team/app:1")

    assert found.done.code == 0
    assert "'desktop'" in found.of("credential-helper")["seen"]
    assert "needs a rule with" in found.cause["seen"]
    assert found.cause["seen"].startswith("Docker Hub and other registries need nothing from")
    assert "name its registry too" in found.cause["fix"]


def test_a_program_that_docker_does_not_run_is_no_problem(docker_host: DockerHost) -> None:
    """For Docker Hub it may be missing; for a misspelt ECR host, and for ECR, it may not."""
    docker_host.configure()
    nothing = str(docker_host.machine.root / "nothing")
    found = docker_host.doctor("team/app:1", PATH=nothing)

    assert (found.done.code, found.cause["id"]) == (0, "rules")
    assert found.of("program")["status"] == "skip"
    for host in (HOST, HOST[1:]):
        assert docker_host.doctor(host, PATH=nothing).of("program")["status"] == "fail"


def test_a_registry_that_is_not_ecr_and_runs_this_program(docker_host: DockerHost) -> None:
    """The fix is a fallback, or another entry in Docker's file."""
    docker_host.configure(credHelpers={"ghcr.io": "ecr-login"})
    found = docker_host.doctor("ghcr.io/team/app:1")

    assert found.cause["id"] == "rules"
    assert found.cause["seen"].startswith(
        "docker runs this program for ghcr.io, which has no login"
    )
    assert found.cause["fix"].startswith("set fallback in config.toml")


@pytest.mark.parametrize(("count", "says"), [(0, "none"), (1, ": 1 rule"), (2, ": 2 rules")])
def test_the_rules_are_counted(docker_host: DockerHost, count: int, says: str) -> None:
    """Without a registry, their number is all there is to say."""
    docker_host.configure()
    docker_host.machine.settings("".join(rule(f"{n}*", profile="x") for n in range(count)))

    assert docker_host.doctor().of("rules")["seen"].endswith(says)


def test_another_version_first_on_path(docker_host: DockerHost) -> None:
    """The fix names the directory of this program, which has to come first."""
    script = "echo 'docker-credential-ecr-login (docker-credential-ecrpy) 0.0.9'"
    docker_host.program("docker-credential-ecr-login", script, "first")
    found = docker_host.doctor(HOST).of("program")

    assert found["status"] == "warn"
    assert "is version 0.0.9, and this program is" in found["seen"]
    assert found["fix"].startswith("remove it from PATH, or put ")
    assert found["fix"].endswith(" before its directory")


def test_a_helper_that_is_not_there(docker_host: DockerHost) -> None:
    """It is a warning, such as for Docker Desktop's helper in WSL."""
    docker_host.configure(credsStore="desktop.exe", credHelpers={HOST: "ecr-login"})
    found = docker_host.doctor(HOST)

    assert (found.done.code, found.cause["id"]) == (0, "other-helpers")
    assert "docker-credential-desktop.exe is not on PATH" in found.cause["seen"]


def test_a_fallback_that_is_not_there(docker_host: DockerHost) -> None:
    """It is a warning for ECR, and a failure for another registry."""
    docker_host.configure(credsStore="ecr-login")
    path = docker_host.machine.settings('fallback = "pass"\n')

    assert docker_host.doctor(HOST).cause["id"] == "other-helpers"
    assert (
        f"{path}:1: fallback = 'pass', and docker-"
        in docker_host.doctor("ghcr.io/a/b").failed["seen"]
    )
    docker_host.program("docker-credential-pass", "exit 1")
    assert docker_host.doctor("ghcr.io/a/b").found["cause"] is None


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        (".", "./docker-credential-ecr-login is in a relative directory of PATH"),
        ("relative", "relative/docker-credential-ecr-login is in a relative directory of PATH"),
        ("{root}/folder", "folder/docker-credential-ecr-login is not a file"),
        ("", "docker-credential-ecr-login is not on PATH"),
    ],
)
def test_a_path_that_docker_does_not_follow(docker_host: DockerHost, path: str, seen: str) -> None:
    """The check says why a program that may exist is not found."""
    for folder in (".", "relative"):
        docker_host.program("docker-credential-ecr-login", "exit 1", folder)
    (docker_host.machine.root / "folder" / "docker-credential-ecr-login").mkdir(parents=True)
    found = docker_host.doctor(HOST, PATH=path.format(root=docker_host.machine.root)).failed

    assert found["id"] == "program"
    assert seen in found["seen"]
    assert found["command"] is None


def test_only_the_other_name_is_there(docker_host: DockerHost) -> None:
    """The fix configures the installed name."""
    docker_host.configure(credHelpers={HOST: "ecrpy"})
    only = docker_host.machine.root / "only"
    only.mkdir()
    (only / "docker-credential-ecr-login").symlink_to(
        docker_host.scripts / "docker-credential-ecr-login"
    )
    found = docker_host.doctor(HOST, PATH=str(only)).failed
    assert "docker-credential-ecrpy is not on PATH" in found["seen"]
    assert found["command"] == f"docker-credential-ecrpy configure {HOST}"

    assert docker_host.doctor(HOST, "--fix", PATH=str(only)).found["cause"] is None


def test_a_program_that_every_user_can_replace(docker_host: DockerHost) -> None:
    """It is a warning that names the directory, and how to close it."""
    docker_host.scripts.chmod(0o777)
    try:
        found = docker_host.doctor(HOST).of("program")
    finally:
        docker_host.scripts.chmod(0o755)  # other tests use the same programs

    assert found["status"] == "warn"
    assert f"can replace it: other users can write in {docker_host.scripts}" in found["seen"]
    assert found["command"] == f"chmod go-w {docker_host.scripts}"


def test_awslabs_helper_that_works(docker_host: DockerHost) -> None:
    """It is a warning with its version while it has a login, and a failure once it has none."""
    said = "amazon-ecr-credential-helper\\nVersion: 0.6.0\\n"
    reply = '{"Username": "AWS", "Secret": "x"}'
    cases = f"-v) printf '{said}';; get) echo '{reply}';; *) echo 0.6.4;;"
    path = docker_host.program("docker-credential-ecr-login", f"case $1 in {cases} esac", "first")
    found = docker_host.doctor(HOST)

    assert (found.done.code, found.cause["id"]) == (0, "program")
    seen = f"{path} is another program (amazon-ecr-credential-helper 0.6.0)"
    assert found.cause["seen"].startswith(seen)
    path.write_text(path.read_text().replace(reply, "credentials not found"))
    assert docker_host.doctor(HOST).failed["seen"].startswith(seen)
