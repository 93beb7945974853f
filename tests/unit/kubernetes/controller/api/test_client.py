"""Facts about the client of the API in a pod: its files, its addresses, and its errors."""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.controller.api.client import Cluster, connect
from docker_credential_ecrpy.kubernetes.controller.api.failure import ApiFailure
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason
from tests.world.kube.access import Rule
from tests.world.kube.server import LOOPBACK_ALONE, KubeApi
from tests.world.kube.store import Resource

SECRETS = Resource("secrets", "Secret")
RULE = Rule(["get", "create", "patch", "delete"], ["secrets"], "shop")


@pytest.fixture(name="api", params=["127.0.0.1", "::1"])
def _api(request: pytest.FixtureRequest, open_api: Callable[..., KubeApi]) -> Iterator[KubeApi]:
    with open_api(address=request.param) as api:
        api.store.add_namespace("shop")
        yield api


@pytest.fixture(name="folder")
def _folder(api: KubeApi, tmp_path: Path) -> Path:
    return api.service_account(tmp_path, "ecr", RULE, namespace="shop")


@pytest.fixture(name="cluster")
def _cluster(api: KubeApi, folder: Path) -> Iterator[Cluster]:
    environ = {"KUBERNETES_SERVICE_HOST": api.host, "KUBERNETES_SERVICE_PORT": str(api.port)}
    cluster = connect(environ, str(folder), "", "")
    yield cluster
    cluster.client.close()


def test_a_pod_reaches_the_api_by_its_files(cluster: Cluster) -> None:
    """By an address of either family, with the certificate and the token of its folder."""
    assert cluster.namespace == "shop"
    assert cluster.read("secret", "shop", "ecr") is None
    made = cluster.create("secret", "shop", {"metadata": {"name": "ecr"}, "data": {"a": "YQ=="}})
    assert cluster.read("secret", "shop", "ecr") == made
    cluster.delete("secret", made)
    assert cluster.read("secret", "shop", "ecr") is None


def test_a_rotated_token_is_read_for_each_request(
    api: KubeApi, cluster: Cluster, folder: Path
) -> None:
    """The old one is refused at once here, and no request fails."""
    assert cluster.read("secret", "shop", "ecr") is None
    for _ in range(3):
        api.access.rotate(folder / "token")
        assert cluster.read("secret", "shop", "ecr") is None


@LOOPBACK_ALONE  # a real API knows all its members
def test_what_the_client_does_not_know_stays(api: KubeApi, cluster: Cluster) -> None:
    """An object is read as the API says it, with members of later versions."""
    given = {"metadata": {"name": "ecr", "later": {"a": 1}}, "more": [1]}
    api.store.create(SECRETS, "shop", given)
    found = cluster.read("secret", "shop", "ecr")

    assert found
    assert (found["more"], found["metadata"]["later"]) == ([1], {"a": 1})


def answer_with(body: Any, code: int = 200) -> Callable[[Any, bytes], None]:
    """Return a relay that answers with JSON."""
    return lambda handler, _: handler._send(code, json.dumps(body).encode())


def fails(cluster: Cluster, namespace: str = "shop") -> ApiFailure:
    with pytest.raises(ApiFailure) as failed:
        cluster.create("secret", namespace, {"metadata": {"name": "ecr"}})
    return failed.value


def test_a_denial_names_the_right(cluster: Cluster) -> None:
    """With what to do."""
    failure = fails(cluster, "other")

    assert failure.code == 403
    assert 'cannot create resource "secrets" in API group "" in the namespace "other"' in str(
        failure
    )
    assert "in a Role or a ClusterRole" in str(failure)


@LOOPBACK_ALONE
@pytest.mark.parametrize(
    "said", ["exceeded quota: secrets=1", 'admission webhook "a.b" denied the request: no']
)
def test_what_refuses_with_403_is_not_always_rbac(
    api: KubeApi, cluster: Cluster, said: str
) -> None:
    """A right would be the wrong cure; and a webhook may quote the Secret."""
    login = "QVdTOg" * 99
    api.relay = answer_with({"message": f'{said} {{"data": {{"password": "{login}"}}}}'}, 403)
    failure = fails(cluster)

    assert "look for a quota, a policy or an admission webhook" in str(failure)
    assert "Role" not in str(failure)
    assert login[:20] not in str(failure)


def test_a_namespace_that_ends_is_told_from_a_denial(api: KubeApi, cluster: Cluster) -> None:
    """Both are answered with 403."""
    api.store.delete(Resource("namespaces", "Namespace"), ("", "shop"), {})

    assert fails(cluster).reason is Reason.TERMINATING


@pytest.mark.parametrize(
    ("code", "more", "expected"),
    [
        (429, {"headers": {"Retry-After": "7"}}, (429, 7)),
        (500, {}, (500, 0)),
        (503, {"headers": {"Retry-After": "soon"}}, (503, 0)),
        (401, {}, (401, 0)),
    ],
    ids=str,
)
def test_an_error_of_the_api(
    api: KubeApi,
    cluster: Cluster,
    code: int,
    more: Mapping[str, Any],
    expected: tuple[int, float],
) -> None:
    """Its code, its message, and when to try again."""
    api.fail(code, verb="create", times=9, **more)
    failure = fails(cluster)

    assert (failure.code, failure.retry_after) == expected
    assert "a fault of the test" in str(failure)


@pytest.mark.parametrize(
    ("after", "seconds"), [("7", 7), ("86400", 300), ("9" * 400, 300), ("\xb2", 0), ("-1", 0)]
)
def test_a_read_is_not_held_up_by_an_answer(
    api: KubeApi, cluster: Cluster, after: str, seconds: float
) -> None:
    """The client's own retries would sleep for up to six hours; a wait has an end."""
    api.fail(429, verb="get", times=9, headers={"Retry-After": after})
    with pytest.raises(ApiFailure) as failed:
        cluster.read("secret", "shop", "ecr")

    assert failed.value.retry_after == seconds
    assert len(api.seen("get")) == 1


@LOOPBACK_ALONE
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(api: KubeApi, cluster: Cluster, code: int) -> None:
    """A Secret goes to the API alone."""
    there = f"{api.url}/api/v1/namespaces/shop/secrets"
    api.fail(code, times=1, headers={"Location": there})
    failure = fails(cluster)

    assert failure.code == code
    assert len(api.calls) == 1


GARBAGE = (
    "",
    "<html>",
    "null",
    "[]",
    "7",
    '"a"',
    "{}",
    '{"metadata": 1}',
    "[" * 100_000,
    "\ufeff{",
)


@LOOPBACK_ALONE
@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_an_answer_that_is_no_object_is_an_error(api: KubeApi, cluster: Cluster, body: str) -> None:
    """A proxy's page, with any code: none ends a thread of the controller."""

    def answer(handler: Any, _: bytes, code: int = 200) -> None:
        handler._send(code, body.encode())

    api.relay = answer
    for ask in (cluster.list_namespaces, lambda: cluster.read("secret", "shop", "ecr")):
        with pytest.raises(ApiFailure):
            ask()
    api.relay = lambda handler, given: answer(handler, given, 502)
    assert fails(cluster).code == 502


@LOOPBACK_ALONE
@pytest.mark.parametrize(
    "body",
    [
        {"details": "off"},
        {"details": {"causes": ["off"]}},
        {"details": {"causes": 1}},
        {"message": {"a": 1}, "details": []},
    ],
    ids=str,
)
def test_an_error_of_a_proxy_is_no_status(api: KubeApi, cluster: Cluster, body: Any) -> None:
    """Its JSON has other members, or the same ones with other content."""
    api.relay = answer_with(body, 503)

    assert fails(cluster).code == 503


@LOOPBACK_ALONE
@pytest.mark.parametrize("items", [{}, "a", [1], [{}], [{"metadata": None}]], ids=str)
def test_a_list_without_objects_is_an_error(api: KubeApi, cluster: Cluster, items: Any) -> None:
    """But null stands for none."""
    api.relay = answer_with({"metadata": {}, "items": None})
    assert cluster.list_namespaces() == []
    api.relay = answer_with({"metadata": {}, "items": items})
    with pytest.raises(ApiFailure):
        cluster.list_namespaces()


def test_no_answer_is_an_error_too(api: KubeApi, cluster: Cluster) -> None:
    """The connection is reset."""
    api.fail(0, verb="create", times=9)

    assert fails(cluster).code == 0


@pytest.mark.parametrize("open_api", ["loopback"], indirect=True)
@pytest.mark.parametrize("in_file", [False, True], ids=["token", "tokenFile"])
def test_a_new_token_in_a_kubeconfig_is_used(
    api: KubeApi, tmp_path: Path, *, in_file: bool
) -> None:
    """As after a login of the user, once the old one is refused; with none, that is said.

    The real API accepts an old one for some seconds more, and no administrator's token ends.
    """
    file, token = api.kubeconfig(tmp_path / "kubeconfig"), tmp_path / "token"
    token.write_text(api.admin)
    content = json.loads(file.read_text())
    user = content["users"][0]["user"]
    if in_file:
        user["tokenFile"] = str(user.pop("token") and token)
    host = f"[{api.host}]" if ":" in api.host else api.host
    content["clusters"][0]["cluster"]["server"] = f"https://{host}:{api.port}"
    file.write_text(json.dumps(content))
    cluster = connect({}, "", str(file), "")
    assert cluster.read("secret", "shop", "ecr") is None
    api.access.rotate(token)
    if not in_file:
        user["token"] = token.read_text()
        file.write_text(json.dumps(content))

    assert cluster.read("secret", "shop", "ecr") is None
    asked = len(api.calls)
    api.access.rotate(tmp_path / "token")
    file.write_text("rubbish: [")
    failures = {fails(cluster).code for _ in range(3)}
    cluster.client.close()

    assert failures == {401}
    assert len(api.calls) <= asked + 6


def test_an_api_that_is_down_is_the_same_error_for_each_path(api: KubeApi, folder: Path) -> None:
    """It names the address and the reason, without what the HTTP client says of itself."""
    family = socket.AF_INET6 if ":" in api.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((api.host, 0))
        port = listener.getsockname()[1]  # closed from now on
    environ = {"KUBERNETES_SERVICE_HOST": api.host, "KUBERNETES_SERVICE_PORT": str(port)}
    cluster = connect(environ, str(folder), "", "")
    errors = {str(fails(cluster, namespace)) for namespace in ("shop", "other")}

    assert len(errors) == 1
    assert f":{port}: " in (error := errors.pop())
    assert "refused" in error
    assert "check the network" in error
    assert "Max retries" not in error
    assert "HTTPSConnection" not in error


@pytest.mark.parametrize("gone", ["token", "ca.crt", "namespace"])
def test_a_folder_without_a_file_is_an_error(api: KubeApi, folder: Path, gone: str) -> None:
    """It says what to do outside of a pod."""
    (folder / gone).unlink()
    environ = {"KUBERNETES_SERVICE_HOST": api.host, "KUBERNETES_SERVICE_PORT": str(api.port)}

    with pytest.raises(HelperError, match="no way to the Kubernetes API") as failed:
        connect(environ, str(folder), "", "")
    assert "--kubeconfig" in str(failed.value)
