"""Facts about the custom resources: their schemas fit what the program reads and writes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # it ships no types

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.pull_secrets.form import Form
from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP, Reason, Refusal
from docker_credential_ecrpy.kubernetes.pull_secrets.status import (
    Failure,
    Outcome,
    RegistryResult,
    make_status,
)
from tests.world.hosts import HOST
from tests.world.pull_secrets import NOW, OTHER_HOST, TIMES
from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.tree
CRDS = sorted((REPOSITORY / "deploy" / "kubernetes" / "crds").glob("*.yaml"))


def load(path: Path) -> dict[str, Any]:
    found = yaml.safe_load(path.read_text())
    assert isinstance(found, dict)
    return found


def schema(crd: dict[str, Any]) -> dict[str, Any]:
    """Return the schema, in which other members are errors, as the API prunes them."""
    found = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    close(found)
    assert isinstance(found, dict)
    return found


def close(part: Any) -> None:
    if isinstance(part, dict):
        if "properties" in part:
            part["additionalProperties"] = False
        for each in part.values():
            close(each)


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.stem)
def test_each_definition_is_of_this_group(path: Path) -> None:
    """Its name, its forms and its status subresource are what the program uses."""
    crd = load(path)
    version = crd["spec"]["versions"][0]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]

    assert crd["metadata"]["name"] == f"{path.stem}.{GROUP}"
    assert crd["spec"]["group"] == GROUP
    assert spec["form"]["enum"] == [form.value for form in Form]
    assert version["subresources"] == {"status": {}}
    assert ("namespaces" in spec) == (crd["spec"]["scope"] == "Cluster")


def test_there_is_one_for_a_namespace_and_one_for_the_cluster() -> None:
    """No more, and no fewer."""
    scopes = {load(path)["spec"]["names"]["kind"]: load(path)["spec"]["scope"] for path in CRDS}

    assert scopes == {"ECRPullSecret": "Namespaced", "ClusterECRPullSecret": "Cluster"}


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.stem)
def test_the_status_fits_the_schema(path: Path) -> None:
    """Every member that the program writes is there: the API drops others in silence."""
    refusal = Refusal(Reason.IMMUTABLE, "it is immutable", hint="delete it")
    outcome = Outcome(
        [
            RegistryResult(HOST, TIMES, NOW),
            RegistryResult(OTHER_HOST, None, NOW, HelperError("no")),
        ],
        [Failure("shop/ecr", refusal)],
        1,
        2,
    )
    status = make_status({}, 1, outcome, NOW)

    wanted = schema(load(path))["properties"]["status"]
    assert not list(Draft7Validator(wanted).iter_errors(status))
    assert list(Draft7Validator(wanted).iter_errors(status | {"more": 1}))


SPEC = {"registries": [HOST], "secretName": "ecr", "form": "dockerconfigjson"}
SPECS: dict[str, tuple[dict[str, Any], bool]] = {
    "least": (SPEC, True),
    "accounts": (SPEC | {"serviceAccounts": ["default", "build-*"]}, True),
    "argo": (SPEC | {"form": "argocd", "repository": "charts/app"}, True),
    "no registry": (SPEC | {"registries": []}, False),
    "no list": (SPEC | {"registries": HOST}, False),
    "name": (SPEC | {"secretName": "Ecr"}, False),
    "form": (SPEC | {"form": "argo"}, False),
    "typo": (SPEC | {"registry": HOST}, False),
    "repository": (SPEC | {"form": "argocd", "repository": "oci://a"}, False),
}


@pytest.mark.parametrize("path", CRDS, ids=lambda path: path.stem)
@pytest.mark.parametrize(("spec", "fits"), SPECS.values(), ids=SPECS)
def test_which_specs_the_api_accepts(path: Path, spec: dict[str, Any], fits: bool) -> None:
    """A mistake is refused when it is applied, and not found later in a log."""
    crd = load(path)
    if crd["spec"]["scope"] == "Cluster":
        spec = spec | {"namespaces": {"include": ["team-*"], "exclude": ["kube-*"]}}
    wanted = schema(crd)["properties"]["spec"]

    assert (not list(Draft7Validator(wanted).iter_errors(spec))) == fits


@pytest.mark.parametrize(
    ("namespaces", "fits"),
    [
        ({"include": ["*"]}, True),
        ({"labelSelector": {"matchLabels": {"a": "b"}}}, True),
        ({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, True),
        ({"optIn": True}, True),
        ({}, False),
        ({"include": ["A"]}, False),
        ({"labelSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}, False),
    ],
)
def test_which_selections_the_api_accepts(namespaces: dict[str, Any], fits: bool) -> None:
    """A resource of the cluster says which namespaces it means."""
    crd = load(next(path for path in CRDS if path.stem.startswith("cluster")))
    wanted = schema(crd)["properties"]["spec"]

    assert (
        not list(Draft7Validator(wanted).iter_errors(SPEC | {"namespaces": namespaces}))
    ) == fits
    assert list(Draft7Validator(wanted).iter_errors(SPEC))
