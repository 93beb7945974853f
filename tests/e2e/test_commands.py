"""Facts about `configure` and `password`, with their clients."""

import base64
import json
from pathlib import Path

import pytest

from tests.world import engines
from tests.world.engine_host import APP, ECR, ECR_2, PUBLIC, EngineHost

pytestmark = pytest.mark.usefixtures("app")
ECRPY = "docker-credential-ecrpy"


def old_login(engine_host: EngineHost) -> dict[str, dict[str, str]]:
    """Return the `auths` that `docker login` wrote yesterday."""
    password = engine_host.aws.password("arn:aws:iam::123456789012:user/dev", "us-east-1", life=-60)
    return {ECR: {"auth": base64.b64encode(f"AWS:{password}".encode()).decode()}}


def test_configure_makes_docker_pull(engine_host: EngineHost, docker: str) -> None:
    """A second run changes nothing; the first fixes Docker Desktop's file with an old login."""
    engine_host.login_to_aws()
    engine_host.configure(
        auths={**old_login(engine_host), "https://index.docker.io/v1/": {}},
        credsStore="desktop",
        currentContext="default",
        plugins={"debug": {"hooks": "exec"}},
    )
    engine_host.run(docker, "pull", f"{ECR}/{APP}").failed()
    said = engine_host.run(ECRPY, "configure", "123456789012@us-east-1").ok()
    engine_host.run(docker, "pull", f"{ECR}/{APP}").ok()
    again = engine_host.run(ECRPY, "configure", "123456789012@us-east-1").ok()

    assert "403 Forbidden" in said.stdout
    assert "nothing to change" in again.stdout
    settings = json.loads(engine_host.config.read_text())
    assert settings["credHelpers"] == {ECR: "ecr-login"}
    assert settings["credsStore"] == "desktop"
    engine_host.forget_image(f"{ECR}/{APP}")


def test_configure_with_a_profile_for_each_account(engine_host: EngineHost, docker: str) -> None:
    """Each registry is read by its own profile."""
    aws = engine_host.home / ".aws"
    aws.mkdir()
    for name, host in (("one", ECR), ("two", ECR_2)):
        keys = engine_host.aws.user(name)
        lines = [f"{key.lower()} = {value}" for key, value in keys.environ.items()]
        with (aws / "credentials").open("a") as file:
            file.write("\n".join([f"[{name}]", *lines, ""]))
        engine_host.universe.front.readers[host] = {keys.arn}
    engine_host.run(ECRPY, "configure", ECR, "--profile", "one").ok()
    engine_host.run(ECRPY, "configure", "210987654321@us-east-1", "--profile", "two").ok()

    for host in (ECR, ECR_2):
        engine_host.run(docker, "pull", f"{host}/{APP}").ok()
        engine_host.forget_image(f"{host}/{APP}")


def test_configure_for_all_registries(engine_host: EngineHost, docker: str) -> None:
    """As credsStore, the helper serves ECR and ECR Public."""
    engine_host.login_to_aws()
    engine_host.run(ECRPY, "configure", "--creds-store").ok()
    for host in (ECR, PUBLIC):
        engine_host.run(docker, "pull", f"{host}/{APP}").ok()
        engine_host.forget_image(f"{host}/{APP}")

    engine_host.run(ECRPY, "configure", "--creds-store", "--remove").ok()
    assert json.loads(engine_host.config.read_text()) == {}


def test_configure_podman(engine_host: EngineHost) -> None:
    """It writes podman's own file, and removes an old login from podman's first file."""
    podman = engines.find("podman")
    engine_host.login_to_aws()
    first = Path(engine_host.environ["XDG_RUNTIME_DIR"], "containers", "auth.json")
    first.parent.mkdir()
    first.write_text(json.dumps({"auths": old_login(engine_host)}))
    pull = (podman, *engine_host.storage(), "pull", f"{ECR}/{APP}")
    engine_host.run(*pull).failed()
    engine_host.run(ECRPY, "configure", "--podman", ECR).ok()
    engine_host.run(*pull).ok()

    own = engine_host.home / ".config" / "containers" / "auth.json"
    assert json.loads(own.read_text())["credHelpers"] == {ECR: "ecr-login"}
    assert not engine_host.config.exists()


def test_password_logs_in(engine_host: EngineHost, docker: str) -> None:
    """The password of a registry, and of a region, works through standard input."""
    engine_host.login_to_aws()
    engine_host.configure(credHelpers={"registry.example.com": "desktop"})
    for host, arguments in ((ECR, (ECR,)), (ECR_2, ("--region", "us-east-1"))):
        token = engine_host.run(ECRPY, "password", *arguments).ok().stdout.encode()
        engine_host.run(
            docker, "login", "--username", "AWS", "--password-stdin", host, stdin=token
        ).ok()
        engine_host.run(docker, "pull", f"{host}/{APP}").ok()
        engine_host.forget_image(f"{host}/{APP}")

    assert engine_host.aws.count() == {"ecr": 1}


def test_a_login_as_docker_stores_it(engine_host: EngineHost) -> None:
    """skopeo accepts the output of `password --docker-config-json`."""
    engine_host.login_to_aws()
    printed = (
        engine_host.run(ECRPY, "password", "--docker-config-json", f"https://{ECR}").ok().stdout
    )
    file = engine_host.root / "login.json"
    file.write_text(printed)
    auth = json.loads(printed)["auths"][ECR]["auth"]

    assert base64.b64decode(auth).startswith(b"AWS:")
    skopeo = engines.find("skopeo")
    engine_host.run(skopeo, "inspect", "--authfile", str(file), f"docker://{ECR}/{APP}").ok()
