"""Facts about `doctor --podman`, and about what podman does differently from docker."""

import base64
import json
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.docker.config import DockerConfig
from docker_credential_ecrpy.docker.credential_lookup import (
    PODMANS_FILES,
    PodmanConf,
    lookup_in_podman,
    read_podmans_conf,
)
from tests.world.accounts import EU, A
from tests.world.docker_host import IMAGE, DockerHost
from tests.world.field_reports import names
from tests.world.machine import HOST

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="podman's paths on Linux")
LOGIN = {"auths": {HOST: {"auth": base64.b64encode(b"me:secret").decode()}}}
OURS = {"credHelpers": {HOST: "ecr-login"}}
FILES = (PODMANS_FILES,)


def auth_file(docker_host: DockerHost, settings: object) -> Path:
    path = docker_host.machine.home / ".config" / "containers" / "auth.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings))
    return path


@pytest.mark.parametrize(
    ("contents", "helpers", "kind", "name"),
    [
        ([OURS], FILES, "HELPER", "ecr-login"),
        ([{"credsStore": "ecr-login"}], FILES, "NOTHING", ""),
        ([LOGIN, OURS], FILES, "FILE", ""),
        ([{"auths": {HOST: {}}}, OURS], FILES, "HELPER", "ecr-login"),
        ([OURS | LOGIN], FILES, "HELPER", "ecr-login"),
        ([{"credHelpers": {"*.amazonaws.com": "ecr-login"}}], FILES, "NOTHING", ""),
        ([], ("ecr-login",), "STORE", "ecr-login"),
        ([LOGIN], (PODMANS_FILES, "ecr-login"), "FILE", ""),
        ([{}], (PODMANS_FILES, "ecr-login"), "STORE", "ecr-login"),
        ([OURS], ("pass", PODMANS_FILES), "HELPER", "ecr-login"),
        ([OURS], ("pass",), "STORE", "pass"),
    ],
)
def test_where_podman_gets_the_credentials(
    contents: list[object], helpers: tuple[str, ...], kind: str, name: str
) -> None:
    """As podman 4.3.1 does, file by file; and no credsStore."""
    files = [DockerConfig.parse("auth.json", json.dumps(each).encode()) for each in contents]
    found = lookup_in_podman(HOST, files, PodmanConf(helpers))

    assert (found.kind.name, found.name) == (kind, name)


def test_the_helpers_of_registries_conf(tmp_path: Path) -> None:
    """The user's drop-in file comes last; a file that does not parse is left out."""
    folder = tmp_path / ".config" / "containers" / "registries.conf.d"
    folder.mkdir(parents=True)
    environ = {"HOME": str(tmp_path), "CONTAINERS_REGISTRIES_CONF": str(tmp_path / "r.conf")}
    assert read_podmans_conf(environ) == PodmanConf()

    (tmp_path / "r.conf").write_text('credential-helpers = ["pass"]')
    assert read_podmans_conf(environ).helpers == ("pass",)
    (folder / "a.conf").write_text('credential-helpers = ["ecr-login"]')
    (folder / "b.conf").write_text("= broken")
    found = read_podmans_conf(environ)
    assert (found.helpers, found.file) == (("ecr-login",), str(folder / "a.conf"))


@pytest.mark.parametrize(
    ("keys", "repository", "key"),
    [
        ([f"{HOST}/team/app", HOST], "team/app", f"{HOST}/team/app"),
        ([HOST, f"{HOST}/team"], "team/app", f"{HOST}/team"),
        ([f"{HOST}/other", HOST], "team/app", HOST),
        ([f"{HOST}/team"], "", None),
        ([f"{HOST}/team"], "teams", None),
        ([f"https://{HOST}/v2/"], "team/app", f"https://{HOST}/v2/"),
    ],
)
def test_the_login_of_a_namespace(keys: list[str], repository: str, key: str | None) -> None:
    """The most specific one counts, as skopeo says."""
    settings = {"auths": dict.fromkeys(keys, LOGIN["auths"][HOST])}
    config = DockerConfig.parse("auth.json", json.dumps(settings).encode())
    found = lookup_in_podman(HOST, [config], PodmanConf(), repository)

    assert (found.login.key if found.login else None) == key


def test_a_login_of_a_namespace_that_is_refused(docker_host: DockerHost) -> None:
    """It is the cause, although the login for the host is accepted."""
    (old,), (good,) = docker_host.old_login().values(), docker_host.old_login(life=9999).values()
    auth_file(docker_host, {"auths": {f"{HOST}/team": old, HOST: good}})
    cause = docker_host.doctor("--podman", IMAGE).failed

    assert cause["id"] == "old-login"
    assert f"podman sends the login for {HOST}/team in " in cause["seen"]


def test_what_registries_conf_is_in_the_way_with(docker_host: DockerHost) -> None:
    """`configure` cannot cure it: files that podman does not read, and a blocked registry."""
    auth_file(docker_host, OURS)
    conf = docker_host.machine.file(
        "home/.config/containers/registries.conf", 'credential-helpers = ["secretservice"]'
    )
    cause = docker_host.doctor("--podman", IMAGE).failed
    assert cause["seen"].startswith(f"{conf} names 'secretservice' alone: podman reads no auth")
    assert cause["fix"] == 'write there: credential-helpers = ["ecr-login", "secretservice"]'
    assert cause["command"] is None

    conf.write_text(cause["fix"].removeprefix("write there: "))
    assert docker_host.doctor("--podman", IMAGE).done.code == 0
    conf.write_text(f'[[registry]]\nlocation = "{HOST}/team"\nblocked = true')
    cause = docker_host.doctor("--podman", IMAGE).failed
    assert cause["seen"] == f"{conf} has blocked = true for {HOST}/team"


def test_the_store_that_podman_does_not_read(docker_host: DockerHost) -> None:
    """Docker pulls with it, and podman does not: the command configures podman's file."""
    docker_host.configure(credsStore="ecr-login")
    docker_host.program("podman", "exit 0")
    seen = f"podman does not read credsStore, which is 'ecr-login' in {docker_host.config}"

    assert docker_host.doctor(IMAGE).failed["seen"].startswith(seen)
    cause = docker_host.doctor("--podman", IMAGE).failed
    assert cause["seen"].startswith(seen)
    assert cause["command"] == f"docker-credential-ecrpy configure --podman {HOST}"
    docker_host.client()
    assert docker_host.doctor(IMAGE).cause["status"] == "warn"

    assert docker_host.doctor("--podman", "--fix", IMAGE).done.code == 0
    assert docker_host.doctor(IMAGE).found["cause"] is None


def test_the_cures_are_for_podman(docker_host: DockerHost) -> None:
    """The host that podman has no entry for, the profile, the name and the tag: its commands."""
    auth_file(docker_host, OURS)
    docker_host.configure(credsStore="ecr-login")  # which is docker's alone
    machine = docker_host.machine
    found = docker_host.doctor("--podman", f"{HOST}/team/app:9")
    assert found.failed["command"] == f"podman pull {IMAGE}"

    named = docker_host.doctor("--podman", f"{HOST.upper()}/team/app:1").failed
    assert named["seen"].startswith(f"podman looks for credentials of {HOST.upper()!r}, and not")
    assert named["command"] == f"podman pull {IMAGE}"
    hub = docker_host.doctor("--podman", "team/app:1").failed
    assert hub["seen"] == "team/app:1 names no registry, so podman takes one of registries.conf"
    assert hub["command"] == f"podman pull {IMAGE}"

    machine.config("[profile europe]\nregion = eu-west-1\n")
    docker_host.instead = names.answer_only_in_europe
    other = docker_host.doctor("--podman", IMAGE).failed
    assert other["fix"] == f"configure podman for {EU.format(A)}, then pull it from {EU.format(A)}"
    assert other["command"] == f"docker-credential-ecrpy configure --podman {EU.format(A)}"

    names.user_of_another_account(docker_host)
    docker_host.instead = lambda _: None
    profile = docker_host.doctor("--podman", IMAGE).failed
    command = f"docker-credential-ecrpy configure --podman {HOST} --profile prod"
    assert profile["command"] == command


def test_what_podman_sends(docker_host: DockerHost) -> None:
    """A login in a file that podman reads before Docker's is the cause, once it is refused."""
    path = auth_file(docker_host, {"auths": docker_host.old_login()})
    cause = docker_host.doctor("--podman", IMAGE).failed

    assert cause["id"] == "old-login"
    assert f"podman sends the login for {HOST} in {path}; its token expired at" in cause["seen"]
    assert cause["command"] == f"docker-credential-ecrpy configure --podman {HOST}"


def test_podman_needs_no_engine(docker_host: DockerHost) -> None:
    """Docker's client without an engine is no failure of podman's."""
    auth_file(docker_host, OURS)
    docker_host.client(engine="unix:///nowhere/docker.sock")
    found = docker_host.doctor("--podman", IMAGE)

    assert found.done.code == 0
    assert found.of("credential-helper")["seen"].endswith(f"auth.json says 'ecr-login' for {HOST}")
    assert docker_host.doctor(IMAGE).cause["status"] == "warn"
