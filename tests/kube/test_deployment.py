"""Facts about the bases of deploy/kubernetes in a real cluster: kubectl applies them, and the
service account of each suffices for its controller."""

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP
from tests.world.hosts import HOST
from tests.world.kube.controller import Controller
from tests.world.kube.kubectl import Kubectl
from tests.world.kube.real.access import request_token
from tests.world.kube.real.api import RealApi
from tests.world.pull_secrets import FOREIGN, auths, docker_secret
from tests.world.tree import REPOSITORY

BASES = REPOSITORY / "deploy" / "kubernetes" / "pull-secrets"
ACCOUNT = "ecr-pull-secrets"
ELSEWHERE = ("CustomResourceDefinition", "CronJob", "PodDisruptionBudget")
"""The first is in test_definitions.py; this API server has older versions of the others."""
Start = Callable[..., Controller]


def apply(kubectl: Kubectl, root: Path, base: str, namespace: str = "") -> None:
    """Apply a base, as an overlay that sets its namespace does."""
    folder = BASES / base
    if namespace:
        folder = root / "overlay"
        folder.mkdir()
        content = {"resources": [os.path.relpath(BASES / base, folder)], "namespace": namespace}
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
    text = kubectl("kustomize", str(folder))
    objects = [each for each in yaml.safe_load_all(text) if each["kind"] not in ELSEWHERE]
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))


def put(kubectl: Kubectl, kind: str, namespace: str, **spec: Any) -> None:
    metadata = {"name": "r"} | ({"namespace": namespace} if namespace else {})
    spec = {"registries": ["123456789012@us-east-1"], "secretName": "ecr"} | spec
    made = {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(made))


def password(api: RealApi, namespace: str) -> str:
    found = api.store.get("secrets", namespace, "ecr")
    return str(auths(found).get(HOST, {}).get("password", "")) if found else ""


@pytest.fixture(name="cluster_base")
def _cluster_base(kubectl: Kubectl, tmp_path: Path) -> Iterator[None]:
    apply(kubectl, tmp_path, "cluster")
    yield
    kubectl("delete", "clusterrole,clusterrolebinding", ACCOUNT)


@pytest.mark.parametrize("base", ["namespaced", "once"])
def test_the_account_of_one_namespace(
    kubectl: Kubectl, api: RealApi, tmp_path: Path, base: str
) -> None:
    """It reaches the Secret of one name, in one namespace."""
    apply(kubectl, tmp_path, base, "shop")
    token = request_token(api.real, "shop", ACCOUNT)
    own = Kubectl(kubectl.program, api.kubeconfig(tmp_path / "own", token))

    assert "not found" in own.run("get", "secret", "ecr", "-n", "shop").stderr
    for words in (
        ("get", "secret", "other", "-n", "shop"),
        ("get", "secrets", "-n", "shop"),
        ("get", "secret", "ecr", "-n", "team-a"),
        ("delete", "secret", "ecr", "-n", "shop"),
        ("get", "serviceaccount", "default", "-n", "shop"),
        ("get", "namespaces"),
    ):
        assert "is forbidden" in own.run(*words).stderr, words


def test_the_rights_in_one_namespace_suffice(
    kubectl: Kubectl, api: RealApi, start: Start, tmp_path: Path
) -> None:
    """The Secret is created, and restored within seconds: nothing is denied."""
    apply(kubectl, tmp_path, "namespaced", "shop")
    controller = start("shop", ACCOUNT, "--namespace", "shop")
    token = controller.wait(lambda: password(api, "shop"))
    kubectl("delete", "secret", "ecr", "-n", "shop")
    assert controller.wait(lambda: password(api, "shop"), 5) == token
    theirs = docker_secret({"auths": FOREIGN})["data"]
    kubectl("patch", "secret", "ecr", "-n", "shop", "-p", json.dumps({"data": theirs}))
    assert controller.wait(lambda: password(api, "shop"), 5) == token
    found = api.store.get("secrets", "shop", "ecr")

    assert found
    assert set(auths(found)) == {"docker.io", HOST}
    assert not [line for line in controller.said if "forbidden" in line]


@pytest.mark.usefixtures("cluster_base")
def test_the_rights_in_the_cluster_suffice(kubectl: Kubectl, api: RealApi, start: Start) -> None:
    """Resources of both kinds, a namespace that comes later, service accounts, Events, the end."""
    put(kubectl, "ECRPullSecret", "shop", serviceAccounts=["default"])
    put(kubectl, "ClusterECRPullSecret", "", namespaces={"include": ["team-*"]})
    controller = start(ACCOUNT, ACCOUNT, "--resources")
    wait = ("wait", "--for=condition=Ready", "--timeout=30s")
    kubectl(*wait, "ecrpullsecret/r", "-n", "shop")
    kubectl(*wait, "clusterecrpullsecret/r")
    assert password(api, "shop")
    assert password(api, "team-a")
    kubectl("create", "namespace", "team-b")
    controller.wait(lambda: password(api, "team-b"), 5)
    account = ("get", "serviceaccount", "default", "-n", "shop", "-o")
    names = (*account, "jsonpath={.imagePullSecrets[*].name}")
    assert kubectl(*names) == "ecr"
    events = ("get", "events", "-o", "jsonpath={.items[*].involvedObject.kind}", "-n")
    assert "ECRPullSecret" in controller.wait(lambda: kubectl(*events, "shop"))
    assert "ClusterECRPullSecret" in controller.wait(lambda: kubectl(*events, "default"))

    kubectl("delete", "ecrpullsecret/r", "-n", "shop", "--timeout=30s")
    kubectl("delete", "clusterecrpullsecret/r", "--timeout=30s")
    assert kubectl(*names) == ""
    assert [api.store.get("secrets", each, "ecr") for each in ("shop", "team-a", "team-b")] == [
        *(None, None, None)
    ]
    assert not [line for line in controller.said if "forbidden" in line]


def test_the_api_server_is_killed(api: RealApi, kubectl: Kubectl, start: Start) -> None:
    """The watches begin again with the server, and nothing is written that need not be."""
    token = ""
    with_rights = ("clusterrolebinding", "ecr", "--clusterrole=cluster-admin")
    kubectl("create", *with_rights, "--serviceaccount=shop:ecr")
    try:
        controller = start("shop", "ecr", "--namespace", "shop")
        token = controller.wait(lambda: password(api, "shop"))
        api.real.kill_api()
        time.sleep(2)
        assert controller.ask("/healthz")[0] == 200
        api.real.start_api()
        assert password(api, "shop") == token
        kubectl("delete", "secret", "ecr", "-n", "shop")
        assert controller.wait(lambda: password(api, "shop"), 40) == token
        api.real.kill_api()
        time.sleep(1)
        assert controller.end() < 1
        assert not [line for line in controller.said if "Traceback" in line or "unexpected" in line]
    finally:
        api.real.start_api()
        kubectl("delete", *with_rights[:2])
