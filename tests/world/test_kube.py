"""Facts about the loopback API server, told by the real kubectl and by plain requests."""

import base64
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from docker_credential_ecrpy.kubernetes.pull_secrets import service_accounts
from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP
from docker_credential_ecrpy.kubernetes.pull_secrets.secret import change, make
from docker_credential_ecrpy.kubernetes.pull_secrets.yaml_text import to_yaml
from tests.world.hosts import HOST
from tests.world.kube.access import Rule
from tests.world.kube.kubectl import Kubectl, find_kubectl
from tests.world.kube.server import KubeApi
from tests.world.pull_secrets import FOREIGN, LOGIN, NEW_LOGIN, NOW, TARGET, docker_secret

pytestmark = pytest.mark.tree
SECRETS = "/api/v1/namespaces/shop/secrets"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
RESOURCE = {
    "apiVersion": f"{GROUP}/v1alpha1",
    "kind": "ECRPullSecret",
    "spec": {"registries": [HOST], "secretName": "ecr"},
}


@pytest.fixture(name="api")
def _api(open_api: Callable[..., KubeApi]) -> Iterator[KubeApi]:
    with open_api(custom=True) as api:
        api.store.add_namespace("shop")
        yield api


@pytest.fixture(name="kubectl")
def _kubectl(api: KubeApi, tmp_path: Path) -> Kubectl:
    return Kubectl(find_kubectl(), api.kubeconfig(tmp_path / "kubeconfig"))


class Client:
    """A plain client of the API."""

    def __init__(self, api: KubeApi, token: str = "") -> None:
        self._context = ssl.create_default_context(cadata=api._authority.pem().decode())
        self._port = api.port
        self._headers = {"Authorization": f"Bearer {token or api.admin}"}

    @contextmanager
    def _ask(
        self, method: str, path: str, body: str | None = None, kind: str = "application/json"
    ) -> Iterator[http.client.HTTPResponse]:
        connection = http.client.HTTPSConnection(
            "localhost", self._port, context=self._context, timeout=10
        )
        with closing(connection):
            connection.request(method, path, body, {**self._headers, "Content-Type": kind})
            with connection.getresponse() as answer:
                yield answer

    def __call__(
        self, method: str, path: str, body: Any = None, kind: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        data = None if body is None else json.dumps(body)
        with self._ask(method, path, data, kind) as answer:
            found = json.loads(answer.read())
            assert isinstance(found, dict)
            return answer.status, found

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a watch."""
        with self._ask("GET", path) as answer:
            for line in answer:
                yield json.loads(line)


@pytest.fixture(name="client")
def _client(api: KubeApi) -> Client:
    return Client(api)


# --- with kubectl -----------------------------------------------------------------------------


def test_kubectl_applies_what_the_command_prints(api: KubeApi, kubectl: Kubectl) -> None:
    """The YAML of a secret is created, and applied again without a change."""
    text = to_yaml(make(TARGET, [LOGIN]))

    assert kubectl("apply", "--validate=false", "-f", "-", stdin=text) == "secret/ecr created\n"
    assert "unchanged" in kubectl("apply", "--validate=false", "-f", "-", stdin=text)
    shown = json.loads(kubectl("get", "secret", "ecr", "-n", "shop", "-o", "json"))
    assert shown["type"] == "kubernetes.io/dockerconfigjson"
    assert HOST in base64.b64decode(shown["data"][".dockerconfigjson"]).decode()
    stored = api.store.get("secrets", "shop", "ecr")
    assert stored
    assert stored["metadata"]["uid"] == shown["metadata"]["uid"]


def test_kubectl_patches_with_our_patches(kubectl: Kubectl) -> None:
    """A secret made by kubectl keeps its UID and its other login through our merge patch."""
    theirs = docker_secret({"auths": FOREIGN}) | {"apiVersion": "v1", "kind": "Secret"}
    theirs["metadata"] = {"name": "ecr", "namespace": "shop"}
    kubectl("create", "--validate=false", "-f", "-", stdin=json.dumps(theirs))
    get = ("get", "secret", "ecr", "-n", "shop", "-o", "json")
    before = json.loads(kubectl(*get))
    patch = change(before, TARGET, [LOGIN], NOW)
    write = ("patch", "secret", "ecr", "-n", "shop", "--type", "merge", "-p")
    kubectl(*write, json.dumps(patch))
    after = json.loads(kubectl(*get))

    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    written = json.loads(base64.b64decode(after["data"][".dockerconfigjson"]))["auths"]
    assert set(written) == {"docker.io", HOST}
    refused = kubectl.run(*write, json.dumps(patch))
    assert "the object has been modified" in refused.stderr


def test_kubectl_patches_the_secrets_of_an_account(kubectl: Kubectl) -> None:
    """Any patch replaces the list: those of this program have it whole."""
    get = ("get", "serviceaccount", "default", "-n", "shop", "-o", "json")
    write = ("patch", "serviceaccount", "default", "-n", "shop")

    def named() -> list[str]:
        return [each["name"] for each in json.loads(kubectl(*get)).get("imagePullSecrets") or ()]

    kubectl(*write, "-p", json.dumps({"imagePullSecrets": [{"name": "gone"}]}))
    kubectl(*write, "-p", json.dumps({"imagePullSecrets": [{"name": "theirs"}]}))
    assert named() == ["theirs"]
    for change_list, expected in (
        (service_accounts.append, ["theirs", "ecr"]),
        (service_accounts.remove, ["theirs"]),
    ):
        patch = change_list(json.loads(kubectl(*get)), "ecr")
        kubectl(*write, "--type", "merge", "-p", json.dumps(patch))
        assert named() == expected


def test_kubectl_creates_our_resources(kubectl: Kubectl) -> None:
    """It finds them by their short names, and their status is not written with the rest."""
    resource = RESOURCE | {
        "metadata": {"name": "ecr", "namespace": "shop"},
        "status": {"observedGeneration": 9},
    }
    kubectl("create", "--validate=false", "-f", "-", stdin=yaml.safe_dump(resource))
    shown = json.loads(kubectl("get", "ecrpullsecrets", "ecr", "-n", "shop", "-o", "json"))

    assert shown["metadata"]["generation"] == 1
    assert "status" not in shown
    assert "ecr" in kubectl("get", "ecrpullsecrets", "-n", "shop", "-o", "name")


def test_kubectl_sees_a_denial(api: KubeApi, tmp_path: Path) -> None:
    """A Role with one name allows that name alone, and nothing in another namespace."""
    api.store.add_namespace("other")
    user = "system:serviceaccount:shop:ecr"
    token = api.access.add_user(user, Rule(["get", "patch"], ["secrets"], "shop", ["ecr"]))
    kubectl = Kubectl(find_kubectl(), api.kubeconfig(tmp_path / "config", token))

    assert "not found" in kubectl.run("get", "secret", "ecr", "-n", "shop").stderr
    for arguments, verb, name, where in (
        (("get", "secret", "more", "-n", "shop"), "get", ' "more"', "shop"),
        (("get", "secrets", "-n", "shop"), "list", "", "shop"),
        (("get", "secret", "ecr", "-n", "other"), "get", ' "ecr"', "other"),
    ):
        assert kubectl.run(*arguments).stderr == (
            f'Error from server (Forbidden): secrets{name} is forbidden: User "{user}" cannot'
            f' {verb} resource "secrets" in API group "" in the namespace "{where}"\n'
        )


def test_kubectl_watches(api: KubeApi, kubectl: Kubectl, client: Client) -> None:
    """It lists, and then prints what changes."""
    client("POST", SECRETS, {"metadata": {"name": "one"}})
    timer = threading.Timer(1, client, ("POST", SECRETS, {"metadata": {"name": "two"}}))
    timer.start()
    watch = ("get", "secrets", "-n", "shop", "-o", "name", "-w", "--request-timeout=4s")
    shown = kubectl.run(*watch).stdout
    timer.join()

    assert shown.split() == ["secret/one", "secret/two"]
    assert api.seen("watch", "secrets")


# --- with plain requests ----------------------------------------------------------------------


def secret(**members: Any) -> dict[str, Any]:
    return {"metadata": {"name": "ecr"}} | members


def test_a_stale_version_is_a_conflict(client: Client) -> None:
    """And an equal object is not written: its version stays."""
    _, made = client("POST", SECRETS, secret())
    path = f"{SECRETS}/ecr"
    patch: dict[str, Any] = {"metadata": {"labels": {"a": "b"}, "resourceVersion": "1"}}
    assert client("PATCH", path, patch, MERGE)[0] == 409
    del patch["metadata"]["resourceVersion"]
    _, changed = client("PATCH", path, patch, MERGE)
    _, again = client("PATCH", path, patch, MERGE)

    assert changed["metadata"]["resourceVersion"] > made["metadata"]["resourceVersion"]
    assert again == changed
    assert client("POST", SECRETS, secret())[1]["reason"] == "AlreadyExists"


INVALID: dict[str, tuple[Mapping[str, Any], Mapping[str, Any], str]] = {
    "no value": ({"type": "kubernetes.io/dockerconfigjson"}, {}, "Required value"),
    "no JSON": (
        {"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "hunter2"}},
        {},
        "<secret contents redacted>",
    ),
    "type": ({}, {"type": "kubernetes.io/basic-auth"}, "field is immutable"),
    "immutable": ({"immutable": True}, {"data": {"a": "YQ=="}}, "field is immutable when"),
    "mutable again": ({"immutable": True}, {"immutable": None}, "field is immutable when"),
    "too large": ({"stringData": {"a": "a" * (1024 * 1024 + 1)}}, {}, "Too long"),
}


@pytest.mark.parametrize(("made", "patch", "says"), INVALID.values(), ids=INVALID)
def test_what_a_secret_must_not_be(
    client: Client, made: Mapping[str, Any], patch: Mapping[str, Any], says: str
) -> None:
    """Values that do not fit the type, and changes of what cannot change, are answered with 422."""
    code, answer = client("POST", SECRETS, secret(**made))
    if patch:
        assert code == 201
        code, answer = client("PATCH", f"{SECRETS}/ecr", patch, MERGE)

    assert (code, answer["reason"]) == (422, "Invalid")
    assert says in answer["message"]
    assert "hunter2" not in answer["message"]


@pytest.mark.parametrize(("text", "code"), [("{}", 201), ("null", 201), ("[]", 422), ("1", 422)])
def test_what_the_api_takes_for_logins(client: Client, text: str, code: int) -> None:
    """An object, or null; what is in it is not looked at."""
    config = secret(type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": text})

    assert client("POST", SECRETS, config)[0] == code


def test_a_deletion_of_what_has_changed_is_a_conflict(client: Client) -> None:
    """With a precondition, which the UID of an object made again does not meet either."""
    path = f"{SECRETS}/ecr"
    _, made = client("POST", SECRETS, secret())
    client("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, MERGE)
    seen = {key: made["metadata"][key] for key in ("uid", "resourceVersion")}

    def delete(**wanted: str) -> int:
        return client("DELETE", path, {"preconditions": wanted})[0]

    assert delete(**seen) == 409
    assert delete(uid="0f7a5a2e-0000-4000-8000-000000000000") == 409
    assert delete(uid=seen["uid"]) == 200
    assert delete(**seen) == 404


def test_nothing_is_created_in_a_namespace_that_ends(api: KubeApi, client: Client) -> None:
    """It is Terminating until all that is in it is gone."""
    client("POST", SECRETS, secret())
    client("DELETE", "/api/v1/namespaces/shop")
    code, answer = client("POST", SECRETS, {"metadata": {"name": "more"}})
    api.store.finish_namespace("shop")

    assert code == 403
    assert "because it is being terminated" in answer["message"]
    assert client("GET", f"{SECRETS}/ecr")[0] == 404
    assert client("POST", SECRETS, secret())[1]["message"] == 'namespaces "shop" not found'


def test_a_watch_goes_on_from_a_version(client: Client, api: KubeApi) -> None:
    """Its events come after a list without a gap; bookmarks come when nothing else does."""
    api.bookmark_seconds = 0.3
    client("POST", SECRETS, secret())
    version = client("GET", SECRETS)[1]["metadata"]["resourceVersion"]
    client("POST", SECRETS, {"metadata": {"name": "two"}})
    client("DELETE", f"{SECRETS}/ecr")
    timer = threading.Timer(1, client, ("POST", SECRETS, {"metadata": {"name": "three"}}))
    timer.start()
    query = f"watch=true&resourceVersion={version}&timeoutSeconds=4&allowWatchBookmarks=true"
    events = list(Client(api).watch(f"{SECRETS}?{query}"))
    timer.join()
    changes = [one for one in events if one["type"] != "BOOKMARK"]

    assert [(one["type"], one["object"]["metadata"]["name"]) for one in changes] == [
        ("ADDED", "two"),
        ("DELETED", "ecr"),
        ("ADDED", "three"),
    ]
    assert events[-1]["type"] == "BOOKMARK"
    last, mark = (one["object"]["metadata"] for one in (changes[-1], events[-1]))
    assert mark["resourceVersion"] == last["resourceVersion"]


def test_a_watch_from_a_forgotten_version_is_gone(client: Client, api: KubeApi) -> None:
    """The server answers 200, and then with an event of the code 410."""
    client("POST", SECRETS, secret())
    api.store.compact()
    events = list(Client(api).watch(f"{SECRETS}?watch=true&resourceVersion=1"))

    assert [(one["type"], one["object"]["code"]) for one in events] == [("ERROR", 410)]


def test_a_watch_of_one_name(client: Client, api: KubeApi) -> None:
    """A field selector of a name is what RBAC takes for the name."""
    token = api.access.add_user("u", Rule(["watch", "list"], ["secrets"], "shop", ["ecr"]))
    limited = Client(api, token)
    only = "fieldSelector=metadata.name%3Decr"
    client("POST", SECRETS, {"metadata": {"name": "other"}})
    client("POST", SECRETS, secret())

    assert limited("GET", SECRETS)[0] == 403
    code, listed = limited("GET", f"{SECRETS}?{only}")
    assert (code, [one["metadata"]["name"] for one in listed["items"]]) == (200, ["ecr"])


def test_a_rotated_token_is_refused(api: KubeApi, tmp_path: Path) -> None:
    """The new one is in the file of the pod."""
    folder = api.service_account(
        tmp_path, "ecr", Rule(["get"], ["secrets"], "shop"), namespace="shop"
    )
    old = Client(api, (folder / "token").read_text())
    assert old("GET", f"{SECRETS}/ecr")[0] == 404
    api.access.rotate(folder / "token")
    assert Client(api, (folder / "token").read_text())("GET", f"{SECRETS}/ecr")[0] == 404
    old = Client(api, (folder / "token").read_text())
    api.access.rotate(folder / "token")

    end = time.monotonic() + 30  # the real API remembers for ten seconds that it was valid
    while (code := old("GET", f"{SECRETS}/ecr")[0]) != 401:
        assert (code, time.monotonic() < end) == (404, True)
        time.sleep(0.5)
    assert Client(api, (folder / "token").read_text())("GET", f"{SECRETS}/ecr")[0] == 404


def test_an_object_with_a_finalizer_ends_later(client: Client) -> None:
    """It is deleted when its last finalizer is removed."""
    path = f"/apis/{GROUP}/v1alpha1/namespaces/shop/ecrpullsecrets"
    client("POST", path, RESOURCE | {"metadata": {"name": "a", "finalizers": ["x/y"]}})
    _, ending = client("DELETE", f"{path}/a")
    patch = {"status": {"observedGeneration": 2}, "spec": {"secretName": "b"}}
    client("PATCH", f"{path}/a/status", patch, MERGE)
    _, after = client("GET", f"{path}/a")
    client("PATCH", f"{path}/a", {"metadata": {"finalizers": None}}, MERGE)

    assert ending["metadata"]["deletionTimestamp"]
    assert (after["spec"]["secretName"], after["status"]) == ("ecr", {"observedGeneration": 2})
    assert client("GET", f"{path}/a")[0] == 404


def test_our_resources_have_no_strategic_merge(client: Client) -> None:
    """The API answers 415 for custom resources, and for a patch of an unknown kind."""
    path = f"/apis/{GROUP}/v1alpha1/namespaces/shop/ecrpullsecrets"
    client("POST", path, RESOURCE | {"metadata": {"name": "a"}})

    assert client("PATCH", f"{path}/a", {}, STRATEGIC)[0] == 415
    assert client("PATCH", f"{path}/a", {}, "text/plain")[0] == 415


def test_faults_on_demand(client: Client, api: KubeApi) -> None:
    """The next requests that fit are answered with an error, and then no more."""
    api.fail(429, verb="list", resource="secrets", times=2, headers={"Retry-After": "1"})
    codes = [client("GET", SECRETS)[0] for _ in range(3)]
    assert codes == [429, 429, 200]
    api.fail(0, verb="list")
    with pytest.raises((ConnectionError, http.client.HTTPException, OSError)):
        client("GET", SECRETS)


def test_a_new_namespace_gets_its_account(api: KubeApi, client: Client) -> None:
    """A controller makes it, a moment later."""
    api.store.account_delay = 0.2
    api.store.add_namespace("late")
    path = "/api/v1/namespaces/late/serviceaccounts/default"
    first = client("GET", path)[0]
    time.sleep(0.5)

    assert (first, client("GET", path)[0]) == (404, 200)


def test_a_token_refresh_through_the_api(api: KubeApi, client: Client) -> None:
    """Make, store, refresh: the UID stays, and an equal value is no write."""
    _, made = client("POST", SECRETS, make(TARGET, [LOGIN]))
    assert change(made, TARGET, [LOGIN], NOW) is None
    _, after = client("PATCH", f"{SECRETS}/ecr", change(made, TARGET, [NEW_LOGIN], NOW), MERGE)

    assert after["metadata"]["uid"] == made["metadata"]["uid"]
    assert change(after, TARGET, [NEW_LOGIN], NOW) is None
    assert api.store.writes["secrets", "shop", "ecr"] == 2
