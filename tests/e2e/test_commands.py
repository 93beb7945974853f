"""Facts about `configure` and `password`, with the clients that they are for."""

import base64
import json
from pathlib import Path

import pytest

from tests.e2e import engines
from tests.e2e.conftest import APP, ECR, ECR_2, PUBLIC, Machine

pytestmark = pytest.mark.usefixtures("app")
ECRPY = "docker-credential-ecrpy"


def old_login(machine: Machine) -> dict[str, dict[str, str]]:
    """Return `auths` with what `docker login` left behind yesterday."""
    password = machine.aws.password("arn:aws:iam::123456789012:user/dev", "us-east-1", life=-60)
    return {ECR: {"auth": base64.b64encode(f"AWS:{password}".encode()).decode()}}


def test_configure_makes_docker_pull(machine: Machine, docker: str) -> None:
    """From a file as Docker Desktop leaves it, with the login that has expired; once is enough."""
    machine.login_to_aws()
    machine.configure(
        auths={**old_login(machine), "https://index.docker.io/v1/": {}},
        credsStore="desktop",
        currentContext="default",
        plugins={"debug": {"hooks": "exec"}},
    )
    machine.run(docker, "pull", f"{ECR}/{APP}").failed()
    said = machine.run(ECRPY, "configure", "123456789012@us-east-1").ok()
    machine.run(docker, "pull", f"{ECR}/{APP}").ok()
    again = machine.run(ECRPY, "configure", "123456789012@us-east-1").ok()

    assert "403 Forbidden" in said.stdout
    assert "nothing to change" in again.stdout
    settings = json.loads(machine.config.read_text())
    assert settings["credHelpers"] == {ECR: "ecr-login"}
    assert settings["credsStore"] == "desktop"
    machine.forget_image(f"{ECR}/{APP}")


def test_configure_with_a_profile_for_each_account(machine: Machine, docker: str) -> None:
    """Each registry is then read by its own."""
    aws = machine.home / ".aws"
    aws.mkdir()
    for name, host in (("one", ECR), ("two", ECR_2)):
        keys = machine.aws.user(name)
        lines = [f"{key.lower()} = {value}" for key, value in keys.environ.items()]
        with (aws / "credentials").open("a") as file:
            file.write("\n".join([f"[{name}]", *lines, ""]))
        machine.universe.front.readers[host] = {keys.arn}
    machine.run(ECRPY, "configure", ECR, "--profile", "one").ok()
    machine.run(ECRPY, "configure", "210987654321@us-east-1", "--profile", "two").ok()

    for host in (ECR, ECR_2):
        machine.run(docker, "pull", f"{host}/{APP}").ok()
        machine.forget_image(f"{host}/{APP}")


def test_configure_for_all_registries(machine: Machine, docker: str) -> None:
    """As credsStore: ECR and ECR Public."""
    machine.login_to_aws()
    machine.run(ECRPY, "configure", "--creds-store").ok()
    for host in (ECR, PUBLIC):
        machine.run(docker, "pull", f"{host}/{APP}").ok()
        machine.forget_image(f"{host}/{APP}")

    machine.run(ECRPY, "configure", "--creds-store", "--remove").ok()
    assert json.loads(machine.config.read_text()) == {}


def test_configure_podman(machine: Machine) -> None:
    """In its own file; an old login in the file that it reads first goes."""
    podman = engines.find("podman")
    machine.login_to_aws()
    first = Path(machine.environ["XDG_RUNTIME_DIR"], "containers", "auth.json")
    first.parent.mkdir()
    first.write_text(json.dumps({"auths": old_login(machine)}))
    pull = (podman, *machine.storage(), "pull", f"{ECR}/{APP}")
    machine.run(*pull).failed()
    machine.run(ECRPY, "configure", "--podman", ECR).ok()
    machine.run(*pull).ok()

    own = machine.home / ".config" / "containers" / "auth.json"
    assert json.loads(own.read_text())["credHelpers"] == {ECR: "ecr-login"}
    assert not machine.config.exists()


def test_password_logs_in(machine: Machine, docker: str) -> None:
    """By standard input, as everywhere; of a registry, and of a region."""
    machine.login_to_aws()
    machine.configure(credHelpers={"registry.example.com": "desktop"})
    for host, arguments in ((ECR, (ECR,)), (ECR_2, ("--region", "us-east-1"))):
        token = machine.run(ECRPY, "password", *arguments).ok().stdout.encode()
        machine.run(
            docker, "login", "--username", "AWS", "--password-stdin", host, stdin=token
        ).ok()
        machine.run(docker, "pull", f"{host}/{APP}").ok()
        machine.forget_image(f"{host}/{APP}")

    assert machine.aws.count() == {"ecr": 1}


def test_a_login_as_docker_keeps_it(machine: Machine) -> None:
    """skopeo takes what `password --docker-config-json` prints."""
    machine.login_to_aws()
    printed = machine.run(ECRPY, "password", "--docker-config-json", f"https://{ECR}").ok().stdout
    file = machine.root / "login.json"
    file.write_text(printed)
    auth = json.loads(printed)["auths"][ECR]["auth"]

    assert base64.b64decode(auth).startswith(b"AWS:")
    skopeo = engines.find("skopeo")
    machine.run(skopeo, "inspect", "--authfile", str(file), f"docker://{ECR}/{APP}").ok()
