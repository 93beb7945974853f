"""Facts about the rights of options: the controller gets by with them, and uses each of them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")

from docker_credential_ecrpy.kubernetes.manifests.options import Options
from docker_credential_ecrpy.kubernetes.manifests.rights import list_rules
from tests.world.hosts import HOST
from tests.world.kube.access import Rule
from tests.world.kube.controller import Controller
from tests.world.kube.server import KubeApi
from tests.world.kube.store import Resource
from tests.world.machine import Machine

pytestmark = pytest.mark.tree  # the standalone programs have no Kubernetes client
NAMESPACES = Resource("namespaces", "Namespace", namespaced=False)
MERGE = "application/merge-patch+json"


@pytest.fixture(name="api")
def _api(open_api: Callable[..., KubeApi]) -> Iterator[KubeApi]:
    with open_api() as api:
        for name in ("team-a", "team-b", "other"):
            api.store.add_namespace(name, labels={"env": "prod"})
        yield api


def allow(api: KubeApi, options: Options, root: Path) -> None:
    """Give the user of the tests the rights of the options, and no others."""
    rules = [
        Rule(one["verbs"], one["resources"], place, one.get("resourceNames") or ())
        for one in list_rules(options)
        for place in (options.served or ("",))
    ]
    api.kubeconfig(root / "kubeconfig", api.access.add_user("u", *rules))


def rights(options: Options) -> set[tuple[str, str]]:
    rules = list_rules(options)
    return {(verb, each) for rule in rules for verb in rule["verbs"] for each in rule["resources"]}


def used(api: KubeApi) -> set[tuple[str, str]]:
    return {(call.verb, call.resource) for call in api.calls if call.resource}


def words(options: Options) -> list[str]:
    """Return what the options add to the arguments of `Controller`."""
    return [
        word
        for word in options.arguments
        if word.startswith("--") and not word.startswith("--name=")
    ]


FOLLOWED = {
    "a label": Options("i", name="ecr", registries=[HOST], labels={"env": "prod"}),
    "globs": Options("i", name="ecr", registries=[HOST], namespaces=["team-*"], accounts=["def*"]),
    "one account": Options(
        "i", name="ecr", registries=[HOST], namespaces=["team-a"], accounts=["default"]
    ),
    "accounts": Options(
        *("i", "infra"),
        name="ecr",
        registries=[HOST],
        namespaces=["team-a", "team-b"],
        accounts=["default", "build"],
    ),
}


@pytest.mark.parametrize("options", FOLLOWED.values(), ids=FOLLOWED)
def test_the_rights_of_the_controller(
    api: KubeApi, machine: Machine, tmp_path: Path, options: Options
) -> None:
    """A Secret is created, edited by others, restored, and taken out where it is deselected."""
    allow(api, options, tmp_path)
    machine.login()
    place = [] if any("--namespace" in word for word in words(options)) else ["--namespace=team-a"]
    is_selected = options.lists_namespaces
    with Controller(
        api, machine, tmp_path, *words(options), *(() if is_selected else place)
    ) as controller:
        controller.wait(lambda: api.store.get("secrets", "team-a", "ecr"))
        if options.accounts:
            controller.wait(lambda: api.seen("patch", "serviceaccounts"))
        secret = Resource("secrets", "Secret")
        data = {"data": {".dockerconfigjson": "e30="}}
        api.store.patch(secret, ("team-a", "ecr"), data, MERGE)
        controller.wait(lambda: api.seen("patch", "secrets"))
        if is_selected:
            off = {"annotations": {"docker-credential-ecrpy.github.io/pull-secrets": "false"}}
            api.store.patch(NAMESPACES, ("", "team-a"), {"metadata": off}, MERGE)
            controller.wait(lambda: api.store.get("secrets", "team-a", "ecr") is None)
        said = list(controller.said)

    assert not [line for line in said if "forbidden" in line]
    assert used(api) == rights(options)


ONCE = {
    "globs": ("--namespace", "team-*", "--service-account", "def*"),
    "accounts": ("--namespace", "team-a", "--service-account", "default"),
}


@pytest.mark.parametrize("arguments", ONCE.values(), ids=ONCE)
def test_the_rights_of_one_round(
    api: KubeApi, machine: Machine, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Nothing is watched."""
    _, namespace, _, account = arguments
    options = Options(
        "i",
        name="ecr",
        registries=[HOST],
        is_once=True,
        namespaces=[namespace],
        accounts=[account],
    )
    allow(api, options, tmp_path)
    machine.login()
    command = ("pull-secrets", "--kubeconfig", str(tmp_path / "kubeconfig"), "--name", "ecr", HOST)
    for _ in range(2):
        done = machine.run(*command, "--once", *arguments)
        assert (done.code, done.stderr) == (0, b"")
        data = {"data": {".dockerconfigjson": "e30="}}
        api.store.patch(Resource("secrets", "Secret"), ("team-a", "ecr"), data, MERGE)
    if options.lists_namespaces:
        off = {"annotations": {"docker-credential-ecrpy.github.io/pull-secrets": "false"}}
        api.store.patch(NAMESPACES, ("", "team-a"), {"metadata": off}, MERGE)
        machine.run(*command, "--once", *arguments)
        assert api.store.get("secrets", "team-a", "ecr") is None

    assert used(api) == rights(options)
