"""What `doctor` says of the programs on PATH, of other helpers and of the settings."""

import sys
import time

import pytest

from tests.world.docker_host import IMAGE, DockerHost
from tests.world.machine import HOST

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")


def test_programs_that_hang_leave_the_network_its_time(docker_host: DockerHost) -> None:
    """They are asked all at once, and meanwhile."""
    names = "docker", "docker-credential-ecr-login", "docker-credential-ecrpy"
    for name in names:
        docker_host.program(name, "exec /bin/sleep 60", "first")
    before = time.monotonic()
    found = docker_host.doctor(IMAGE, AWS_ECR_TIMEOUT="4", DOCKER_AUTH_CONFIG="{}")

    assert time.monotonic() - before < 30  # and not 60
    assert "no answer within" in found.failed["seen"]
    assert found.of("image")["status"] == "pass"


def test_a_registry_that_is_not_ecr(docker_host: DockerHost) -> None:
    """Is none of ours: it says who is asked for it."""
    docker_host.configure(credsStore="desktop")
    found = docker_host.doctor("ghcr.io/team/app:1")

    assert found.done.code == 0
    assert "'desktop'" in found.of("credential-helper")["seen"]
    assert "needs a rule with" in found.cause["seen"]


def test_a_helper_that_is_not_there(docker_host: DockerHost) -> None:
    """Such as Docker Desktop's in WSL: docker fails for the registries that it is for."""
    docker_host.configure(credsStore="desktop.exe", credHelpers={HOST: "ecr-login"})
    found = docker_host.doctor(HOST)

    assert (found.done.code, found.cause["id"]) == (0, "other-helpers")
    assert "docker-credential-desktop.exe is not on PATH" in found.cause["seen"]


def test_a_fallback_that_is_not_there(docker_host: DockerHost) -> None:
    """A warning for ECR, and what is wrong elsewhere."""
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
    """It says why the program is not found, though it may be there."""
    for folder in (".", "relative"):
        docker_host.program("docker-credential-ecr-login", "exit 1", folder)
    (docker_host.machine.root / "folder" / "docker-credential-ecr-login").mkdir(parents=True)
    found = docker_host.doctor(HOST, PATH=path.format(root=docker_host.machine.root)).failed

    assert found["id"] == "program"
    assert seen in found["seen"]
    assert found["command"] is None


def test_only_the_other_name_is_there(docker_host: DockerHost) -> None:
    """Docker is then told of that one."""
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
