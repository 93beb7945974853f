"""Facts about the custom resources in a real API: their definitions, columns and validation."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP
from tests.world.kube.controller import Controller
from tests.world.kube.kubectl import Kubectl
from tests.world.tree import REPOSITORY

DEFINITIONS = str(REPOSITORY / "deploy" / "kubernetes" / "pull-secrets" / "crds")
NAMES = (f"crd/ecrpullsecrets.{GROUP}", f"crd/clusterecrpullsecrets.{GROUP}")
SPEC = {"registries": ["123456789012@us-east-1"], "secretName": "ecr"}
Start = Callable[..., Controller]


def resource(spec: Mapping[str, Any], *, of_cluster: bool = False) -> str:
    kind = "ClusterECRPullSecret" if of_cluster else "ECRPullSecret"
    metadata = {"name": "r"} | ({} if of_cluster else {"namespace": "shop"})
    made = {"apiVersion": f"{GROUP}/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
    return yaml.safe_dump(made)


def test_kubectl_applies_the_definitions(kubectl: Kubectl) -> None:
    """The API accepts their schemas and names, and serves the resources."""
    kubectl("delete", *NAMES)
    # This API is older than the rules in CEL, and kubectl knows what it does not know.
    apply = ("apply", "--validate=false", "-k", DEFINITIONS)
    assert kubectl(*apply).count(" created") == 2
    kubectl("wait", "--for=condition=Established", "--timeout=30s", *NAMES)
    conditions = kubectl("get", *NAMES, "-o", "jsonpath={.items[*].status.conditions[*]}")
    assert "NonStructuralSchema" not in conditions
    assert '"status":"False"' not in conditions
    listed = kubectl("api-resources", "--api-group", GROUP, "--no-headers")

    assert re.findall(r"^(\S+) +(\S+) ", listed, re.MULTILINE) == [
        ("clusterecrpullsecrets", "cecrps"),
        ("ecrpullsecrets", "ecrps"),
    ]
    kubectl("apply", "-f", "-", stdin=resource(SPEC))
    assert "r" in kubectl("get", "ecrpy", "-n", "shop", "-o", "name")


INVALID: dict[str, tuple[dict[str, Any], bool, str]] = {
    "no registries": (SPEC | {"registries": []}, False, "spec.registries"),
    "the same registry twice": (SPEC | {"registries": ["a", "a"]}, False, "spec.registries"),
    "no name": ({"registries": ["a"]}, False, "spec.secretName"),
    "a name that no Secret may have": (SPEC | {"secretName": "A_b"}, False, "spec.secretName"),
    "an unknown form": (SPEC | {"form": "other"}, False, "spec.form"),
    "a text where a list is": (SPEC | {"serviceAccounts": "default"}, False, "serviceAccounts"),
    "no namespaces": (SPEC, True, "spec.namespaces"),
    "an empty choice of namespaces": (SPEC | {"namespaces": {}}, True, "spec.namespaces"),
    "a glob that is none": (SPEC | {"namespaces": {"include": ["A"]}}, True, "spec.namespaces"),
    "an operator that is none": (
        SPEC
        | {"namespaces": {"labelSelector": {"matchExpressions": [{"key": "a", "operator": "x"}]}}},
        True,
        "operator",
    ),
}


@pytest.mark.parametrize(("spec", "of_cluster", "names"), INVALID.values(), ids=INVALID)
def test_an_invalid_resource_is_refused(
    kubectl: Kubectl, spec: dict[str, Any], of_cluster: bool, names: str
) -> None:
    """By the API itself, with the member that is wrong."""
    apply = ("apply", "--validate=false", "-f", "-")
    done = kubectl.run(*apply, stdin=resource(spec, of_cluster=of_cluster))

    assert done.returncode == 1
    assert "is invalid" in done.stderr
    assert names in done.stderr


def test_an_unknown_member_is_found_by_kubectl(kubectl: Kubectl) -> None:
    """The API drops it, and serves the schema by which kubectl refuses it."""
    misspelt = resource(SPEC | {"serviceAccount": ["default"]})
    done = kubectl.run("apply", "-f", "-", stdin=misspelt)
    assert done.returncode == 1
    assert "serviceAccount" in done.stderr
    kubectl("apply", "--validate=false", "-f", "-", stdin=misspelt)

    assert "serviceAccount:" not in kubectl("get", "ecrps", "r", "-n", "shop", "-o", "yaml")
    assert "dockerconfigjson" in kubectl("explain", "ecrps.spec.form")


def test_the_columns(kubectl: Kubectl, start: Start) -> None:
    """What the controller writes into the status is printed."""
    everything = ("--clusterrole=cluster-admin", "--serviceaccount=shop:ecr")
    kubectl("create", "clusterrolebinding", "ecr", *everything)
    try:
        kubectl("apply", "-f", "-", stdin=resource(SPEC))
        start("shop", "ecr", "--resources")
        kubectl("wait", "--for=condition=Ready", "--timeout=30s", "ecrps/r", "-n", "shop")
        shown = kubectl("get", "ecrps", "-n", "shop", "-o", "wide").splitlines()
    finally:
        kubectl("delete", "clusterrolebinding", "ecr")
    columns, row = (re.split(r" {2,}", line.strip()) for line in shown)

    assert columns[:6] == ["NAME", "SECRET", "READY", "SECRETS", "EXPIRES", "NEXT REFRESH"]
    assert row[:4] == ["r", "ecr", "True", "1"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+Z", row[4])
    assert len(row) == len(columns)
