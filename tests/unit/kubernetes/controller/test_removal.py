"""Facts about what is taken out at the start: what nobody wants since a controller ran before."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")

from docker_credential_ecrpy.kubernetes.controller import round as rounds
from docker_credential_ecrpy.kubernetes.controller.removal import Removal, Remove, Search
from docker_credential_ecrpy.kubernetes.pull_secrets import names
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import PullSecret
from tests.world.hosts import HOST
from tests.world.kube.access import Rule
from tests.world.kube.controller import Controller
from tests.world.kube.discovery import CUSTOM
from tests.world.kube.server import KubeApi
from tests.world.kube.store import Resource
from tests.world.machine import Machine
from tests.world.pull_secrets import FOREIGN, auths, docker_secret

pytestmark = pytest.mark.tree  # the standalone programs have no Kubernetes client

SECRETS = Resource("secrets", "Secret")
NAMESPACES = Resource("namespaces", "Namespace", namespaced=False)
ACCOUNTS = Resource("serviceaccounts", "ServiceAccount")
ONE, MANY = CUSTOM
MERGE = "application/merge-patch+json"
BY_LABEL = {"labelSelector": {"matchLabels": {"env": "prod"}}, "exclude": ["none"]}
Start = Callable[..., Controller]


@pytest.fixture(name="api")
def _api(open_api: Callable[..., KubeApi]) -> Iterator[KubeApi]:
    with open_api(custom=True) as api:
        for name in ("team-a", "team-b", "team-c"):
            api.store.add_namespace(name, labels={"env": "prod"})
        yield api


@pytest.fixture(name="start")
def _start(api: KubeApi, machine: Machine, tmp_path: Path) -> Iterator[Start]:
    machine.login()
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(Controller(api, machine, tmp_path, *arguments))


def logins(api: KubeApi, namespace: str, name: str = "ecr") -> set[str]:
    """Return the registries in a Secret; none without it."""
    found = api.store.get("secrets", namespace, name)
    return set(auths(found)) if found else set()


def relabel(api: KubeApi, namespace: str) -> None:
    patch = {"metadata": {"labels": {"env": None}}}
    api.store.patch(NAMESPACES, ("", namespace), patch, MERGE)


def create(api: KubeApi, namespace: str, **spec: Any) -> None:
    spec = {"registries": [HOST], "secretName": "ecr"} | spec
    resource = ONE if namespace else MANY
    api.store.create(resource, namespace, {"metadata": {"name": "r"}, "spec": spec})


def run(start: Start, api: KubeApi, *arguments: str, until: Callable[[], Any]) -> list[str]:
    """Run a controller until something is so; return what it has said."""
    controller = start(*arguments)
    controller.wait(until)
    controller.end()
    return list(controller.said)


def test_what_the_resources_no_longer_want(api: KubeApi, start: Start) -> None:
    """A label that is gone, an exclusion, another name, and an account; nobody watched it."""
    theirs = docker_secret({"auths": FOREIGN | {HOST: {"auth": "eDp5"}}})
    api.store.create(SECRETS, "team-b", theirs | {"metadata": {"name": "theirs"}})
    mine = docker_secret({"auths": FOREIGN}) | {"metadata": {"name": "ecr"}}
    api.store.create(SECRETS, "team-a", mine)
    create(api, "", namespaces=BY_LABEL, serviceAccounts=["default"])
    create(api, "team-c", secretName="own", serviceAccounts=["default"])

    def is_done() -> bool:
        return all(
            logins(api, *place) for place in (("team-a",), ("team-b",), ("team-c", "own"))
        ) and all(named(api, each) for each in ("team-a", "team-b", "team-c"))

    run(start, api, "--resources", until=is_done)
    relabel(api, "team-a")
    exclude = {"spec": {"namespaces": BY_LABEL | {"exclude": ["team-b"]}}}
    api.store.patch(MANY, ("", "r"), exclude, MERGE)
    api.store.patch(ONE, ("team-c", "r"), {"spec": {"secretName": "new"}}, MERGE)

    def is_clean() -> bool:
        gone = logins(api, "team-b"), logins(api, "team-c", "own"), named(api, "team-b")
        return not any(gone) and not named(api, "team-a") and HOST not in logins(api, "team-a")

    def is_moved() -> bool:
        return bool(logins(api, "team-c", "new")) and "new" in named(api, "team-c")

    run(start, api, "--resources", until=lambda: is_clean() and is_moved())
    assert logins(api, "team-a") == set(FOREIGN)
    assert api.store.get("secrets", "team-b", "ecr") is None
    assert not named(api, "team-a")
    assert set(named(api, "team-c")) == {"ecr", "new"}
    assert logins(api, "team-c") == {HOST}
    assert api.store.writes["secrets", "team-b", "theirs"] == 1


def test_an_invalid_resource_keeps_what_it_has(api: KubeApi, start: Start) -> None:
    """A mistake in its spec takes nothing out, and what others have left is found all the same."""
    create(api, "team-a")
    create(api, "", namespaces=BY_LABEL, secretName="many")
    run(
        start,
        api,
        "--resources",
        until=lambda: logins(api, "team-a") and logins(api, "team-b", "many"),
    )
    api.store.patch(ONE, ("team-a", "r"), {"spec": {"registries": ["docker.io"]}}, MERGE)
    relabel(api, "team-b")
    run(start, api, "--resources", until=lambda: not logins(api, "team-b", "many"))

    assert logins(api, "team-a") == {HOST}


def named(api: KubeApi, namespace: str) -> list[str]:
    """Return the Secrets that the default account names."""
    found = api.store.get("serviceaccounts", namespace, "default") or {}
    return [each["name"] for each in found.get("imagePullSecrets") or ()]


def test_an_account_that_is_no_longer_wanted(api: KubeApi, start: Start) -> None:
    """The Secret stays, and so does what others have appended."""
    api.store.create(ACCOUNTS, "team-a", {"metadata": {"name": "build"}})
    theirs = {"imagePullSecrets": [{"name": "theirs"}]}
    api.store.patch(ACCOUNTS, ("team-a", "default"), theirs, MERGE)
    create(api, "team-a", serviceAccounts=["*"])
    run(start, api, "--resources", until=lambda: "ecr" in named(api, "team-a"))
    api.store.patch(ONE, ("team-a", "r"), {"spec": {"serviceAccounts": ["build"]}}, MERGE)
    run(start, api, "--resources", until=lambda: "ecr" not in named(api, "team-a"))

    assert named(api, "team-a") == ["theirs"]
    assert logins(api, "team-a") == {HOST}


def test_what_options_no_longer_select(api: KubeApi, start: Start) -> None:
    """Only what the same options have left; those of another process may be in use."""
    selected = ("--label", "env=prod", "--exclude", "team-c")
    run(start, api, *selected, until=lambda: logins(api, "team-a") and logins(api, "team-b"))
    run(start, api, "--namespace", "team-c", until=lambda: logins(api, "team-c"))
    relabel(api, "team-b")
    run(start, api, *selected, until=lambda: not logins(api, "team-b"))

    assert logins(api, "team-a") == logins(api, "team-c") == {HOST}


def test_what_cannot_be_taken_out_is_a_few_lines(api: KubeApi, start: Start) -> None:
    """Of many Secrets, with the cure; the others are taken out."""
    homes = [f"home-{number}" for number in range(12)]
    for name in homes:
        api.store.add_namespace(name, labels={"env": "test"})
    controller = start("--label", "env=test")
    controller.wait(lambda: all(logins(api, name) for name in homes))
    for name in homes[:-1]:
        patch = {"immutable": True, "metadata": {"annotations": {names.MANAGED_BY: None}}}
        api.store.patch(SECRETS, (name, "ecr"), patch, MERGE)
    for name in homes:
        relabel(api, name)
    controller.wait(lambda: not logins(api, homes[-1]))
    controller.wait_for_line("cannot be removed; delete it")
    time.sleep(1)

    assert sum("cannot be removed" in line for line in controller.said) == 5, controller.said


def test_without_the_right_to_list_nothing_is_looked_for(
    api: KubeApi, start: Start, tmp_path: Path
) -> None:
    """The rights to Secrets of one name are no failure."""
    rule = Rule(["get", "list", "watch", "patch"], ["secrets"], "", ["ecr"])
    more = Rule(["create"], ["secrets", "events"]), Rule(["list", "watch"], ["namespaces"])
    custom = Rule(["list", "watch", "patch"], ["ecrpullsecrets", "clusterecrpullsecrets"])
    status = Rule(["patch"], ["ecrpullsecrets/status", "clusterecrpullsecrets/status"])
    api.kubeconfig(tmp_path / "kubeconfig", api.access.add_user("u", rule, *more, custom, status))
    create(api, "", namespaces=BY_LABEL)
    said = run(start, api, "--resources", until=lambda: logins(api, "team-a"))

    assert not [line for line in said if "cannot" in line]


class FoundByStandIn(Search):
    """A search with what it finds."""

    def find(self) -> Iterator[tuple[PullSecret, Remove]]:
        """Yield the Secrets of two owners in many namespaces, and an account."""
        for number in range(100):
            for owner in ("ECRPullSecret/a", "ECRPullSecret/b"):
                yield PullSecret("", f"n-{number}", "ecr", (), owner=owner), rounds.remove
        yield PullSecret("", "n-1", "ecr", (), accounts=("default",)), rounds.remove_accounts


def test_leftovers_of_an_owner_are_taken_out_by_one_thread() -> None:
    """Thousands of namespaces are no thousands of threads."""
    left: list[tuple[PullSecret, int]] = []

    class Noted(Removal):
        def leave(
            self, wanted: PullSecret, namespaces: Sequence[str], remove: Remove = rounds.remove
        ) -> None:
            left.append((wanted, len(namespaces)))

    def unused(_: object) -> Any:
        raise AssertionError

    search = FoundByStandIn(cast("Any", None), "", list, bool)
    Noted(unused, unused).leave_leftovers(search)
    end = time.monotonic() + 10
    while len(left) < 3 and time.monotonic() < end:
        time.sleep(0.01)

    assert [(wanted.owner, count) for wanted, count in left] == [
        ("ECRPullSecret/a", 100),
        ("ECRPullSecret/b", 100),
        ("", 1),
    ]
