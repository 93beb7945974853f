"""Facts about the controller with custom resources: what they get, show and leave behind."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")

from docker_credential_ecrpy.kubernetes.controller.resources import FINALIZER, expand
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Refusal
from tests.world.aws import Fault, refuse
from tests.world.hosts import HOST
from tests.world.kube.access import Rule
from tests.world.kube.controller import Controller
from tests.world.kube.discovery import CUSTOM
from tests.world.kube.server import KubeApi
from tests.world.kube.store import Resource
from tests.world.machine import Machine
from tests.world.pull_secrets import FOREIGN, auths, docker_secret
from tests.world.web import Request

pytestmark = pytest.mark.tree  # the standalone programs have no Kubernetes client

SECRETS = Resource("secrets", "Secret")
ONE, MANY = CUSTOM
MERGE = "application/merge-patch+json"
Start = Callable[..., Controller]


@pytest.fixture(name="api")
def _api(open_api: Callable[..., KubeApi]) -> Iterator[KubeApi]:
    with open_api(custom=True) as api:
        for name in ("shop", "team-a", "team-b"):
            api.store.add_namespace(name)
        yield api


@pytest.fixture(name="start")
def _start(api: KubeApi, machine: Machine, tmp_path: Path) -> Iterator[Start]:
    machine.login()
    with ExitStack() as stack:
        yield lambda *arguments: stack.enter_context(
            Controller(api, machine, tmp_path, "--resources", *arguments)
        )


def create(api: KubeApi, namespace: str = "shop", **spec: Any) -> dict[str, Any]:
    spec = {"registries": ["123456789012@us-east-1"], "secretName": "ecr"} | spec
    resource = ONE if namespace else MANY
    return api.store.create(resource, namespace, {"metadata": {"name": "r"}, "spec": spec})


def read(api: KubeApi, namespace: str = "shop") -> dict[str, Any]:
    plural = (ONE if namespace else MANY).plural
    return api.store.get(plural, namespace, "r") or {}


def ready(api: KubeApi, namespace: str = "shop") -> str:
    conditions = read(api, namespace).get("status", {}).get("conditions") or [{}]
    return str(conditions[0].get("status", ""))


def password(api: KubeApi, namespace: str = "shop") -> str:
    found = api.store.get("secrets", namespace, "ecr")
    return str(auths(found).get(HOST, {}).get("password", "")) if found else ""


def test_a_resource_gets_its_secret_and_its_status(api: KubeApi, start: Start) -> None:
    """Before the start, or during the run; with an Event."""
    create(api)
    controller = start()
    controller.wait(lambda: ready(api) == "True")
    create(api, "team-a", serviceAccounts=["default"])
    controller.wait(lambda: ready(api, "team-a") == "True", 5)
    status = read(api)["status"]
    account = api.store.get("serviceaccounts", "team-a", "default")

    assert password(api)
    assert password(api, "team-a")
    assert account
    assert account["imagePullSecrets"] == [{"name": "ecr"}]
    assert status["registries"][0]["registry"] == HOST
    assert status["expiresAt"] > status["nextRefreshAt"] > status["lastSuccessAt"]
    assert status["secrets"] == {"ready": 1, "total": 1}
    assert status["observedGeneration"] == 1
    controller.wait(lambda: api.seen("create", "events"))
    assert controller.ask("/readyz")[0] == 200


def test_a_resource_of_the_cluster(api: KubeApi, start: Start) -> None:
    """A namespace that is born during the run gets its Secret, and the status counts it."""
    create(api, "", namespaces={"include": ["team-*"]})
    controller = start()
    controller.wait(lambda: password(api, "team-a") and password(api, "team-b"))
    api.store.add_namespace("team-c")
    controller.wait(lambda: password(api, "team-c"), 5)
    counts = {"ready": 3, "total": 3}
    controller.wait(lambda: read(api, "").get("status", {}).get("secrets") == counts)

    assert not password(api, "shop")


def test_an_end_takes_the_login_out_again(api: KubeApi, start: Start) -> None:
    """The finalizer keeps the resource until then; what others have in the Secret stays."""
    there = docker_secret({"auths": FOREIGN}) | {"metadata": {"name": "ecr"}}
    api.store.create(SECRETS, "shop", there)
    create(api, serviceAccounts=["default"])
    controller = start()
    controller.wait(lambda: ready(api) == "True")
    assert FINALIZER in read(api)["metadata"]["finalizers"]
    api.store.delete(ONE, ("shop", "r"), {})
    controller.wait(lambda: not read(api))
    after = api.store.get("secrets", "shop", "ecr")
    account = api.store.get("serviceaccounts", "shop", "default")

    time.sleep(0.5)
    assert not any("watch of" in line for line in controller.said)  # they were ended, not broken
    assert after
    assert auths(after) == FOREIGN
    assert account
    assert not account.get("imagePullSecrets")


@pytest.mark.parametrize("is_end", [True, False], ids=["deleted", "renamed"])
def test_what_ends_while_aws_hangs_is_not_written(
    api: KubeApi, start: Start, machine: Machine, *, is_end: bool
) -> None:
    """The token comes after the end, or after another name of the Secret."""
    asked, go_on = threading.Event(), threading.Event()

    def hang(_: Request) -> None:
        asked.set()
        go_on.wait(30)

    machine.aws.faults["ecr"] = Fault(hang)
    create(api)
    controller = start()
    controller.wait(asked.is_set)
    if is_end:
        api.store.delete(ONE, ("shop", "r"), {})
        controller.wait(lambda: not read(api))
    else:
        api.store.patch(ONE, ("shop", "r"), {"spec": {"secretName": "other"}}, MERGE)
        time.sleep(1)
    go_on.set()
    if not is_end:
        controller.wait(lambda: api.store.get("secrets", "shop", "other"))
    time.sleep(2)

    assert not [call for call in api.seen("create", "secrets") if b'"ecr"' in call.body]


def test_a_failure_is_in_the_status_with_its_cure(
    api: KubeApi, start: Start, machine: Machine
) -> None:
    """And once more when it works again."""
    machine.aws.faults["ecr"] = refuse("AccessDeniedException", "no", 400)
    create(api)
    controller = start()
    controller.wait(lambda: ready(api) == "False")
    status = read(api)["status"]
    assert status["conditions"][0]["reason"] == "TokenUnavailable"
    assert "ecr:GetAuthorizationToken" in status["conditions"][0]["message"]
    machine.aws.faults.clear()

    controller.wait(lambda: ready(api) == "True", 40)


def test_a_resource_is_ready_only_with_all_its_secrets(api: KubeApi, start: Start) -> None:
    """Not with the first of them; so `kubectl wait` waits for all."""
    for number in range(8):
        api.store.add_namespace(f"slow-{number}")
    api.latency = lambda call: 0.5 if call.verb == "create" and call.resource == "secrets" else 0
    create(api, "", namespaces={"include": ["slow-*"]})
    controller = start()
    controller.wait(lambda: ready(api, "") == "True")

    assert all(password(api, f"slow-{number}") for number in range(8))
    assert read(api, "")["status"]["secrets"] == {"ready": 8, "total": 8}


def test_a_status_that_could_not_be_written_is_written_later(api: KubeApi, start: Start) -> None:
    """Its Secret is not due for hours, and the API answers again."""
    api.fail(500, verb="patch", resource="ecrpullsecrets", times=2)
    create(api)
    controller = start()
    controller.wait_for_line("statuses of resources: the Kubernetes API: ")
    controller.wait(lambda: ready(api) == "True")
    controller.wait(lambda: FINALIZER in read(api)["metadata"].get("finalizers", ()))


def test_an_invalid_spec_is_in_the_status(api: KubeApi, start: Start) -> None:
    """Where the API has an older definition; and a change of the spec is followed."""
    create(api, registries=["docker.io"])
    controller = start()
    controller.wait(lambda: ready(api) == "False")
    assert "docker.io is not an ECR registry" in str(read(api)["status"])
    spec = {"spec": {"registries": [HOST], "secretName": "other"}}
    api.store.patch(ONE, ("shop", "r"), spec, MERGE)

    controller.wait(lambda: api.store.get("secrets", "shop", "other"))
    controller.wait(lambda: ready(api) == "True")


def test_one_namespace_with_its_own_rights(api: KubeApi, start: Start, tmp_path: Path) -> None:
    """A Role is enough; resources elsewhere are neither read nor served."""
    token = api.access.add_user(
        "u",
        Rule(["get", "list", "watch", "patch"], ["ecrpullsecrets"], "shop"),
        Rule(["patch"], ["ecrpullsecrets/status"], "shop"),
        Rule(["get", "list", "watch", "patch"], ["secrets"], "shop", ["ecr"]),
        Rule(["create"], ["secrets", "events"], "shop"),
    )
    api.kubeconfig(tmp_path / "kubeconfig", token)
    create(api)
    create(api, "team-a")
    controller = start("--namespace", "shop")
    controller.wait(lambda: ready(api) == "True")

    assert password(api)
    assert not password(api, "team-a")
    assert not [line for line in controller.said if "cannot" in line]


def test_an_account_that_comes_later_names_the_secret(api: KubeApi, start: Start) -> None:
    """That of a new namespace comes a moment after it; and an edit by others is undone."""
    create(api, "", namespaces={"include": ["team-*"]}, serviceAccounts=["default"])
    controller = start()
    controller.wait(lambda: ready(api, "") == "True")
    api.store.account_delay = 2
    api.store.add_namespace("team-late")
    controller.wait(lambda: password(api, "team-late"), 5)

    def named() -> list[Any]:
        found = api.store.get("serviceaccounts", "team-late", "default") or {}
        return list(found.get("imagePullSecrets") or ())

    controller.wait(lambda: named() == [{"name": "ecr"}], 7)
    accounts = Resource("serviceaccounts", "ServiceAccount")
    api.store.patch(accounts, ("team-late", "default"), {"imagePullSecrets": None}, MERGE)
    controller.wait(lambda: named() == [{"name": "ecr"}], 7)


def test_an_account_that_is_no_longer_wanted_is_left(api: KubeApi, start: Start) -> None:
    """It loses what was appended, and the others keep it."""
    accounts = Resource("serviceaccounts", "ServiceAccount")
    api.store.create(accounts, "shop", {"metadata": {"name": "build"}})
    create(api, serviceAccounts=["default", "build"])
    controller = start()

    def named(account: str) -> list[Any]:
        found = api.store.get("serviceaccounts", "shop", account) or {}
        return list(found.get("imagePullSecrets") or ())

    controller.wait(lambda: named("default") and named("build"))
    api.store.patch(ONE, ("shop", "r"), {"spec": {"serviceAccounts": ["default"]}}, MERGE)
    controller.wait(lambda: not named("build"))

    assert named("default") == [{"name": "ecr"}]


def test_two_resources_share_a_secret(api: KubeApi, start: Start) -> None:
    """Each has its own registries; of one that both want, the second one says whose it is."""
    other = HOST.replace("us-east-1", "eu-west-1")
    create(api)
    controller = start()
    controller.wait(lambda: ready(api) == "True")
    create(api, "", namespaces={"include": ["shop"]}, registries=["123456789012@eu-west-1"])
    controller.wait(lambda: ready(api, "") == "True")
    found = api.store.get("secrets", "shop", "ecr")
    assert found
    assert set(auths(found)) == {HOST, other}
    api.store.patch(MANY, ("", "r"), {"spec": {"registries": [HOST, other]}}, MERGE)
    controller.wait(lambda: ready(api, "") == "False")
    assert "is kept fresh by ECRPullSecret/r" in str(read(api, "")["status"])
    api.store.delete(MANY, ("", "r"), {})
    controller.wait(lambda: not read(api, ""))
    found = api.store.get("secrets", "shop", "ecr")

    assert found
    assert set(auths(found)) == {HOST}


def test_what_is_no_longer_wanted_is_taken_out(api: KubeApi, start: Start) -> None:
    """A namespace that is no longer selected, and a Secret under its old name."""
    create(api, "", namespaces={"include": ["team-*"]})
    controller = start()
    controller.wait(lambda: ready(api, "") == "True")
    spec: dict[str, Any] = {"spec": {"namespaces": {"include": ["team-a"]}}}
    api.store.patch(MANY, ("", "r"), spec, MERGE)
    controller.wait(lambda: api.store.get("secrets", "team-b", "ecr") is None)
    assert password(api, "team-a")
    api.store.patch(MANY, ("", "r"), {"spec": {"secretName": "new"}}, MERGE)

    controller.wait(lambda: api.store.get("secrets", "team-a", "new"))
    controller.wait(lambda: api.store.get("secrets", "team-a", "ecr") is None)


def test_without_the_definitions_that_is_said_once(
    machine: Machine, open_api: Callable[..., KubeApi], tmp_path: Path
) -> None:
    """With the command that installs them; it goes on when they are there."""
    machine.login()
    with (
        open_api() as api,
        Controller(api, machine, tmp_path, "--resources") as controller,
    ):
        controller.wait(lambda: len(controller.said) >= 3)
        time.sleep(3)
        said = controller.said[1:]
        assert len(said) == 2
        assert all("the cluster has no definition of" in line for line in said)
        assert "kubectl apply -k deploy/kubernetes/pull-secrets/crds" in said[0]
        unread = "clusterecrpullsecrets, ecrpullsecrets are not read\n"
        assert controller.ask("/readyz") == (503, unread)
        assert controller.ask("/healthz")[0] == 200


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("123456789012@us-east-1", HOST),
        (HOST, HOST),
        (f"https://{HOST}/app", HOST),
        (f"{HOST}:443", HOST),
        ("images.example.com:8443", "images.example.com:8443"),
        ("public.ecr.aws", "public.ecr.aws"),
    ],
)
def test_how_a_registry_is_named(text: str, host: str) -> None:
    """As on the command line."""
    assert expand(text) == host


@pytest.mark.parametrize("text", ["", "a b", "123456789012@nowhere", "[::1]"])
def test_what_names_no_registry(text: str) -> None:
    """It is an error of the spec."""
    with pytest.raises(Refusal):
        expand(text)
