"""Facts about the AWS identities of pull secrets: of a pod, by endpoints and by rules."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")

from tests.world import credential_sources as sources
from tests.world.accounts import EU, US, A, B, rule
from tests.world.hosts import HOST
from tests.world.kube.controller import Controller
from tests.world.kube.discovery import CUSTOM
from tests.world.kube.server import KubeApi
from tests.world.machine import Machine
from tests.world.pull_secrets import auths

pytestmark = pytest.mark.tree  # the standalone programs have no Kubernetes client

ONE, MANY = CUSTOM
MERGE = "application/merge-patch+json"
Start = Callable[..., Controller]
SOURCES = (
    sources.web_identity,
    sources.pod_identity,
    sources.instance,
    sources.named_profile,
    sources.assumed_role,
    sources.credential_process,  # as of IAM Roles Anywhere
)


@pytest.fixture(name="api")
def _api(open_api: Callable[..., KubeApi]) -> Iterator[KubeApi]:
    with open_api(custom=True) as api:
        for name in ("shop", "team-a"):
            api.store.add_namespace(name)
        yield api


@pytest.fixture(name="start")
def _start(api: KubeApi, machine: Machine, tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(Controller(api, machine, tmp_path, *arguments))


def logins(api: KubeApi, namespace: str = "shop") -> dict[str, str]:
    """Return the passwords in a Secret by registry."""
    found = api.store.get("secrets", namespace, "ecr")
    return {key: each["password"] for key, each in auths(found).items()} if found else {}


def run(machine: Machine, api: KubeApi, root: Path, *registries: str) -> dict[str, str]:
    """Run `pull-secret`, and `pull-secrets` once; return the passwords of the latter."""
    printed = machine.run("pull-secret", "--name", "ecr", *registries)
    assert printed.code == 0, printed
    data = yaml.safe_load(printed.stdout)["data"][".dockerconfigjson"]
    first = json.loads(base64.b64decode(data))["auths"]
    words = ("--kubeconfig", str(api.kubeconfig(root / "kubeconfig")), "--namespace", "shop")
    done = machine.run("pull-secrets", *words, "--name", "ecr", "--once", *registries)
    assert done.code == 0, done
    found = logins(api)
    issued = machine.aws.issued
    assert {key: issued[at["password"]].arn for key, at in first.items()} == {
        key: issued[password].arn for key, password in found.items()
    }
    return found


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.__name__)
def test_the_sources_of_a_pod(
    api: KubeApi, machine: Machine, tmp_path: Path, source: Callable[[Machine], None]
) -> None:
    """Both commands get the token of the identity that the source gives."""
    source(machine)
    found = run(machine, api, tmp_path, HOST)

    assert machine.aws.issued[found[HOST]].arn == sources.CREDENTIAL_SOURCES[source][0]


def test_the_endpoints(api: KubeApi, machine: Machine, tmp_path: Path) -> None:
    """FIPS, dual-stack, ECR Public, and a private name with an endpoint of PrivateLink."""
    machine.login()
    endpoint = "https://vpce-1.api.ecr.us-west-2.vpce.amazonaws.com"
    west = f"{B}.dkr.ecr.us-west-2.amazonaws.com"
    machine.settings(rule("images.example.com", registry=west, endpoint_url=endpoint))
    hosts = {
        HOST: "api.ecr.us-east-1.amazonaws.com",
        f"{A}.dkr.ecr-fips.us-east-2.amazonaws.com": "api.ecr-fips.us-east-2.amazonaws.com",
        f"{A}.dkr-ecr.eu-west-1.on.aws": "ecr.eu-west-1.api.aws",
        "public.ecr.aws": "api.ecr-public.us-east-1.amazonaws.com",
        "images.example.com": endpoint.partition("://")[2],
    }
    found = run(machine, api, tmp_path, *hosts)

    assert set(found) == set(hosts)
    assert {call.host for call in machine.aws.calls} == set(hosts.values())


def test_a_token_of_the_pod_that_rotates(api: KubeApi, machine: Machine, start: Start) -> None:
    """Kubelet replaces the files of IRSA and of Pod Identity while the controller runs."""
    machine.aws.token_life = 4
    sources.web_identity(machine)
    controller = start("--namespace", "shop")
    first = controller.wait(lambda: logins(api))
    machine.aws.web_identity_tokens.clear()
    machine.aws.web_identity_tokens.add("another-token-of-the-pod")
    Path(machine.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).write_text("another-token-of-the-pod")
    second = controller.wait(lambda: (now := logins(api)) != first and now)
    controller.wait(lambda: logins(api) != second)
    controller.end()
    for name in ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        del machine.environ[name]
    sources.pod_identity(machine)
    controller = start("--namespace", "shop")

    def arn() -> str:
        return machine.aws.issued[logins(api)[HOST]].arn

    controller.wait(lambda: arn().endswith("/task/session"))
    machine.aws.container_authorization = "rotated"
    Path(machine.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).write_text("rotated")
    first = logins(api)
    second = controller.wait(lambda: (now := logins(api)) != first and now)
    controller.wait(lambda: logins(api) != second)


# --- rules of the operator ------------------------------------------------------------------------


def create(api: KubeApi, namespace: str, **spec: Any) -> None:
    spec = {"registries": [HOST], "secretName": "ecr"} | spec
    resource = ONE if namespace else MANY
    api.store.create(resource, namespace, {"metadata": {"name": "r"}, "spec": spec})


def shown(api: KubeApi, namespace: str) -> str:
    """Return the status of a resource; "" for none."""
    found = api.store.get((ONE if namespace else MANY).plural, namespace, "r") or {}
    return json.dumps(found.get("status") or "")[1:]


def test_rules_choose_the_identity(
    api: KubeApi, machine: Machine, start: Start, tmp_path: Path
) -> None:
    """A role for each account; of the cluster's own files, and of the namespace's own."""
    machine.login()
    roles = {name: machine.aws.role(name).arn for name in ("prod", "shop", "later")}
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "prod.toml").write_text(rule("*.dkr.ecr.*", role_arn=roles["prod"]))
    (folder / "shop.main.toml").write_text(
        rule(A, role_arn=roles["shop"]) + rule(B, role_arn=roles["prod"])
    )
    create(api, "", rules="prod", namespaces={"include": ["team-a"]}, registries=[EU.format(A)])
    create(api, "shop", rules="main", registries=[US.format(A), US.format(B)])
    controller = start("--resources", "--rules", str(folder))

    def names(namespace: str) -> set[str]:
        issued = machine.aws.issued
        return {issued[one].arn.split("/")[1] for one in logins(api, namespace).values()}

    controller.wait(lambda: (names("shop"), names("team-a")) == ({"shop", "prod"}, {"prod"}))
    (folder / "prod.toml").write_text(rule("*.dkr.ecr.*", role_arn=roles["later"]))
    controller.wait(lambda: names("team-a") == {"later"}, 30)


def test_a_namespace_gets_no_more_than_its_rules(
    api: KubeApi, machine: Machine, start: Start, tmp_path: Path
) -> None:
    """Neither the controller's own identity, nor rules of the cluster or of another namespace."""
    machine.login()
    arn = machine.aws.role("prod").arn
    folder = tmp_path / "rules"
    folder.mkdir()
    for name in ("prod", "team-a.prod", "shop.other"):
        (folder / f"{name}.toml").write_text(rule(B, role_arn=arn))
    create(api, "shop")
    controller = start("--resources", "--rules", str(folder))
    controller.wait(lambda: "lends nobody its own AWS identity" in shown(api, "shop"))
    tries = {
        "prod": "the rules 'prod' do not exist for the namespace shop; the operator can add"
        " shop.prod.toml to the folder of --rules",
        "other": f"no rule chooses an AWS identity for {HOST}",
    }
    for name, says in tries.items():
        api.store.patch(ONE, ("shop", "r"), {"spec": {"rules": name}}, MERGE)
        controller.wait(lambda says=says: says in shown(api, "shop"))  # type: ignore[misc]  # a default value

    assert not logins(api)
    assert machine.aws.count() == {}


def test_without_a_folder_rules_are_an_error(api: KubeApi, machine: Machine, start: Start) -> None:
    """Whoever names some does not get the controller's identity in their place."""
    machine.login()
    create(api, "shop", rules="main")
    controller = start("--resources")
    controller.wait(lambda: "the rules 'main' do not exist" in shown(api, "shop"))

    assert not logins(api)
