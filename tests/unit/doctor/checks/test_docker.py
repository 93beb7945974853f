"""Facts about the checks on Docker's and podman's files and their logins."""

import json
import sys

import pytest

from tests.world.accounts import rule
from tests.world.docker_host import DockerHost
from tests.world.machine import HOST

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its programs are shell scripts")


def test_an_old_login_that_docker_does_not_use(docker_host: DockerHost) -> None:
    """It is a warning with exit code 0, and --fix removes it."""
    auths = docker_host.old_login()
    docker_host.configure(auths=auths, credHelpers={HOST: "ecr-login"})
    found = docker_host.doctor(HOST)

    assert (found.done.code, found.cause["id"]) == (0, "old-login")
    assert "docker does not use it, other clients may" in found.cause["seen"]
    assert docker_host.doctor(HOST, "--fix").found["cause"] is None
    assert json.loads(docker_host.config.read_text()) == {
        "auths": {},
        "credHelpers": {HOST: "ecr-login"},
    }


def test_a_login_that_still_works(docker_host: DockerHost) -> None:
    """It is a warning, since it will expire."""
    docker_host.configure(auths=docker_host.old_login(life=3600))
    found = docker_host.doctor(HOST)

    assert found.done.code == 0
    assert found.cause["seen"].startswith(f"docker sends the old login for {HOST} in ")
    assert "; its token expires at" in found.cause["seen"]


@pytest.mark.parametrize(
    ("version", "check"), [("20.10.24", None), ("28.2.2", None), ("28.3.0", "old-login")]
)
def test_whether_docker_reads_the_variable(
    docker_host: DockerHost, version: str, check: str | None
) -> None:
    """Docker reads it from version 28.3 on."""
    variable = json.dumps({"auths": docker_host.old_login()})
    docker_host.client(version)
    found = docker_host.doctor(HOST, DOCKER_AUTH_CONFIG=variable)

    assert (found.found["cause"] or {}).get("id") == check


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"credHelpers": {"a": "b"}}',
        "[]",
        json.dumps({"auths": {HOST: {"auth": "QVdTOng="}}, "credHelpers": {}}),
        json.dumps({"auths": {HOST: {"username": "AWS", "password": "x"}}}),
    ],
    ids=["no JSON", "other fields", "a list", "a login and other fields", "a login in the open"],
)
def test_a_variable_of_another_kind(docker_host: DockerHost, text: str) -> None:
    """Docker ignores a variable that it cannot read, and so does doctor."""
    found = docker_host.doctor(HOST, DOCKER_AUTH_CONFIG=text)

    assert found.done.code == 0
    assert "DOCKER_AUTH_CONFIG" in found.of("credential-helper")["seen"]


def test_of_two_logins_the_one_that_docker_sends(docker_host: DockerHost) -> None:
    """Docker sends the login of the bare host, so the other one is not the cause."""
    stale = docker_host.old_login(key=f"https://{HOST}/v1/")
    docker_host.configure(auths=stale | docker_host.old_login(life=3600))
    found = docker_host.doctor(HOST)

    assert (found.done.code, found.cause["id"]) == (0, "old-login")
    assert "; its token expires at" in found.cause["seen"]


def test_podmans_file(docker_host: DockerHost) -> None:
    """A login for the registry is a warning, with the command that removes it."""
    path = docker_host.machine.file(
        "run/containers/auth.json", json.dumps({"auths": docker_host.old_login()})
    )
    found = docker_host.doctor(HOST)

    assert found.cause["id"] == "podman"
    assert str(path) in found.cause["seen"]
    assert found.cause["command"] == f"podman logout {HOST}"


@pytest.mark.parametrize("port", ["", ":8443"])
def test_a_private_name(docker_host: DockerHost, port: str) -> None:
    """The port is a part of the key in config.json."""
    name = f"docker.example.com{port}"
    docker_host.front.aliases["docker.example.com"] = HOST
    path = docker_host.machine.settings(rule("docker.example.com", registry=HOST))
    docker_host.configure()
    found = docker_host.doctor(f"{name}/team/app:1").failed
    assert found["command"] == f"docker-credential-ecrpy configure {name}"

    docker_host.doctor(f"{name}/team/app:1", "--fix")
    assert json.loads(docker_host.config.read_text()) == {"credHelpers": {name: "ecr-login"}}
    assert docker_host.doctor().found["checks"][0]["registry"] == name

    path.write_text(rule("docker.example.com", registry=HOST.replace("us-east-1", "eu-west-1")))
    assert f"{path}:2: check that registry = " in docker_host.doctor(name).failed["fix"]
