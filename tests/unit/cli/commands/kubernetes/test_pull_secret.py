"""Facts about `pull-secret`: the YAML that it prints, and its errors."""

import base64
import json
from typing import Any

import pytest
import yaml

from docker_credential_ecrpy.kubernetes.pull_secrets import names
from tests.world.accounts import EU, US, A, B, rule
from tests.world.machine import HOST, Machine


def pull_secret(machine: Machine, *arguments: str) -> dict[str, Any]:
    done = machine.run("pull-secret", "--name", "ecr", *arguments)
    assert (done.code, done.stderr) == (0, b""), done
    printed = yaml.safe_load(done.stdout)
    assert isinstance(printed, dict)
    return printed


def failure(machine: Machine, *arguments: str, code: int = 2) -> str:
    """Return its standard error; standard output has to be empty."""
    done = machine.run("pull-secret", *arguments)
    assert (done.code, done.stdout) == (code, b""), done
    return done.stderr.decode()


def data(printed: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(text).decode() for key, text in printed["data"].items()}


def test_the_secret_has_the_token_of_each_registry(machine: Machine) -> None:
    """Accounts and regions share one secret; one region's registries share one call to AWS."""
    machine.login()
    machine.settings(rule("images.example.com", registry=US.format(B)))
    hosts = [US.format(A), US.format(B), EU.format(A), "images.example.com:8443"]
    printed = pull_secret(machine, "--namespace", "shop", *hosts, hosts[0])
    auths = json.loads(data(printed)[".dockerconfigjson"])["auths"]

    assert printed["apiVersion"] == "v1"
    assert printed["kind"] == "Secret"
    assert printed["type"] == "kubernetes.io/dockerconfigjson"
    assert printed["metadata"]["name"] == "ecr"
    assert printed["metadata"]["namespace"] == "shop"
    assert list(auths) == hosts
    for login in auths.values():
        assert login["username"] == "AWS"
        assert login["password"] in machine.aws.issued
        assert base64.b64decode(login["auth"]).decode() == f"AWS:{login['password']}"
    assert machine.aws.count() == {"ecr": 2}
    assert auths[hosts[0]]["password"] == machine.get(hosts[0]).secret


def test_the_secret_of_argo_cd(machine: Machine) -> None:
    """A Helm chart in ECR is a repository of the type helm, with OCI, and without a scheme."""
    machine.login()
    form = ("--form", "argocd", "--repository", "charts/app")
    printed = pull_secret(machine, *form, "123456789012@us-east-1")

    assert printed["type"] == "Opaque"
    assert printed["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repository"}
    assert data(printed) | {"password": ""} == {
        "type": "helm",
        "enableOCI": "true",
        "url": f"{HOST}/charts/app",
        "username": "AWS",
        "password": "",
    }
    assert data(printed)["password"] in machine.aws.issued


def test_the_secret_of_two_keys(machine: Machine) -> None:
    """User name and password, for what reads these."""
    machine.login()
    printed = data(pull_secret(machine, "--form", "username-password", HOST))

    assert set(printed) == {"username", "password"}
    assert printed["password"] in machine.aws.issued


def test_no_namespace_is_that_of_kubectl(machine: Machine) -> None:
    """The object names none, and the annotations say when it expires."""
    machine.login()
    metadata = pull_secret(machine, HOST)["metadata"]

    assert "namespace" not in metadata
    assert metadata["annotations"][names.EXPIRES_AT] > metadata["annotations"][names.REFRESH_AT]


def test_one_failure_prints_nothing(machine: Machine) -> None:
    """A secret without one of its registries would replace one that has it."""
    machine.login()
    machine.settings(rule(B, profile="absent"))
    error = failure(machine, "--name", "ecr", HOST, US.format(B), code=1)

    assert "absent" in error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--name", "ecr"], "missing argument 'REGISTRY...'"),
        ([HOST], "missing option '--name'"),
        (["--name", "Ecr", HOST], "--name: 'Ecr' is no name in Kubernetes"),
        (["--name", "a" * 254, HOST], "is no name in Kubernetes"),
        (["--name", "a.b", "--namespace", "a.b", HOST], "--namespace: 'a.b' is no name"),
        (["--name", "ecr", "--namespace", "", HOST], "--namespace: '' is no name"),
        (["--name", "ecr", "docker.io"], "not an ECR registry"),
        (["--name", "ecr", "--form", "argo", HOST], "'argo' is not one of"),
        (["--name", "ecr", "--repository", "a", HOST], "--repository needs --form argocd"),
        (
            ["--name", "ecr", "--form", "argocd", "--repository", "oci://a", HOST],
            "'oci://a' is no repository",
        ),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_errors_of_usage(machine: Machine, arguments: list[str], says: str) -> None:
    """Each names the option and what to write."""
    machine.login()

    assert says in failure(machine, *arguments).lower() or says in failure(machine, *arguments)


def test_one_registry_fits_two_keys(machine: Machine) -> None:
    """Two need two secrets."""
    machine.login()
    error = failure(
        machine, "--name", "a", "--form", "username-password", HOST, EU.format(A), code=1
    )

    assert "holds one registry's login, not 2; use a secret for each registry" in error
