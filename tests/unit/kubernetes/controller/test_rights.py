"""Facts about the rbac.yaml of deploy/kubernetes: the rights suffice, and each of them is used."""

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")

from tests.world.hosts import HOST
from tests.world.kube.access import Rule
from tests.world.kube.controller import Controller
from tests.world.kube.discovery import CUSTOM
from tests.world.kube.server import KubeApi
from tests.world.kube.store import Resource
from tests.world.machine import Machine
from tests.world.pull_secrets import auths
from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.tree  # the standalone programs have no Kubernetes client

SECRETS = Resource("secrets", "Secret")
ONE, MANY = CUSTOM
SPEC = {"registries": [HOST], "secretName": "ecr", "serviceAccounts": ["def*"]}
MERGE = "application/merge-patch+json"

Rights = set[tuple[str, str]]


@pytest.fixture(name="api")
def _api(open_api: Callable[..., KubeApi]) -> Iterator[KubeApi]:
    with open_api(custom=True) as api:
        for name in ("shop", "team-a"):
            api.store.add_namespace(name)
        yield api


def load(name: str, namespace: str = "") -> list[Rule]:
    """Return the rules of a base."""
    text = (REPOSITORY / "deploy" / "kubernetes" / "pull-secrets" / name / "rbac.yaml").read_text()
    roles = [each for each in yaml.safe_load_all(text) if each["kind"].endswith("Role")]
    assert len(roles) == 1
    return [
        Rule(rule["verbs"], rule["resources"], namespace, rule.get("resourceNames") or ())
        for rule in roles[0]["rules"]
    ]


def rights(rules: list[Rule]) -> Rights:
    return {(verb, each) for rule in rules for verb in rule.verbs for each in rule.resources}


def used(api: KubeApi) -> Rights:
    """Return the rights that the requests have needed."""
    return {
        (call.verb, call.resource + ("/status" if "/status" in call.target else ""))
        for call in api.calls
        if call.resource
    }


def run(
    api: KubeApi, machine: Machine, root: Path, rules: list[Rule], *arguments: str
) -> Controller:
    token = api.access.add_user("u", *rules)
    api.kubeconfig(root / "kubeconfig", token)
    machine.login()
    return Controller(api, machine, root, *arguments)


def password(api: KubeApi, namespace: str) -> str:
    found = api.store.get("secrets", namespace, "ecr")
    return str(auths(found).get(HOST, {}).get("password", "")) if found else ""


def spoil(api: KubeApi, namespace: str) -> None:
    """Edit a Secret, so that it is written again."""
    value = base64.b64encode(b'{"auths":{}}').decode()
    api.store.patch(SECRETS, (namespace, "ecr"), {"data": {".dockerconfigjson": value}}, MERGE)


def test_the_rights_in_one_namespace(api: KubeApi, machine: Machine, tmp_path: Path) -> None:
    """One name, and creation without a name."""
    rules = load("namespaced", "shop")
    with run(api, machine, tmp_path, rules, "--namespace", "shop") as controller:
        controller.wait(lambda: password(api, "shop"))
        spoil(api, "shop")
        controller.wait(lambda: password(api, "shop"))
        said = list(controller.said)

    assert not [line for line in said if "forbidden" in line]
    assert used(api) == rights(rules)


def test_the_rights_in_the_cluster(api: KubeApi, machine: Machine, tmp_path: Path) -> None:
    """Resources of both kinds, from their first Secret to their end."""
    rules = load("cluster")
    spec: dict[str, Any] = SPEC | {"namespaces": {"include": ["team-*"]}}
    api.store.create(ONE, "shop", {"metadata": {"name": "r"}, "spec": SPEC})
    api.store.create(MANY, "", {"metadata": {"name": "r"}, "spec": spec})
    with ExitStack() as stack:
        controller = stack.enter_context(run(api, machine, tmp_path, rules, "--resources"))
        controller.wait(lambda: password(api, "shop") and password(api, "team-a"))
        spoil(api, "shop")
        controller.wait(lambda: password(api, "shop"))
        for resource, namespace in ((ONE, "shop"), (MANY, "")):
            place = (resource.plural, namespace, "r")
            controller.wait(lambda place=place: "status" in (api.store.get(*place) or {}))  # type: ignore[misc]  # a default value
        for resource, namespace in ((ONE, "shop"), (MANY, "")):
            api.store.delete(resource, (namespace, "r"), {})
            place = (resource.plural, namespace, "r")
            controller.wait(lambda place=place: api.store.get(*place) is None)  # type: ignore[misc]  # a default value
        said = list(controller.said)

    assert not [line for line in said if "forbidden" in line]
    assert used(api) == rights(rules)


def test_the_rights_of_one_round(api: KubeApi, machine: Machine, tmp_path: Path) -> None:
    """Of the CronJob: nothing is watched."""
    rules = load("once", "shop")
    token = api.access.add_user("u", *rules)
    words = ("--kubeconfig", str(api.kubeconfig(tmp_path / "kubeconfig", token)), "--once")
    machine.login()
    for _ in range(2):
        done = machine.run("pull-secrets", *words, "--namespace", "shop", "--name", "ecr", HOST)
        assert (done.code, done.stderr) == (0, b"")
        spoil(api, "shop")

    assert used(api) == rights(rules)
