"""Facts about the manifests of pull secrets: the custom resources, and kustomize's bases."""

import re
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # it ships no types

from docker_credential_ecrpy.cli.group import program
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.pull_secrets.form import Form, Target
from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP, Reason, Refusal
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import parse
from docker_credential_ecrpy.kubernetes.pull_secrets.status import (
    Failure,
    Outcome,
    RegistryResult,
    make_status,
)
from tests.world.documents import find_page, quoted
from tests.world.hosts import HOST
from tests.world.kube.kubectl import Kubectl, find_kubectl
from tests.world.pull_secrets import NOW, OTHER_HOST, TIMES
from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.tree
DEPLOY = REPOSITORY / "deploy" / "kubernetes" / "pull-secrets"
CRDS = sorted((DEPLOY / "crds").glob("*ecrpullsecrets.yaml"))
BASES = sorted(path.parent for path in DEPLOY.rglob("kustomization.yaml"))


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


def test_the_resources_of_the_page_fit_their_schemas() -> None:
    """They are what a reader copies."""
    blocks = [yaml.safe_load(block.text) for block in find_page("pull-secrets").blocks("yaml")]
    by_kind = {load(path)["spec"]["names"]["kind"]: load(path) for path in CRDS}

    assert {block["kind"] for block in blocks} == set(by_kind)
    for block in blocks:
        crd = by_kind[block["kind"]]
        wanted = schema(crd)["properties"]["spec"]
        assert block["apiVersion"] == f"{GROUP}/{crd['spec']['versions'][0]['name']}"
        assert not list(Draft7Validator(wanted).iter_errors(block["spec"]))
        read = parse({**block, "metadata": block["metadata"] | {"uid": "u"}}, str.strip)
        assert list(read.registries) == block["spec"]["registries"]


def test_the_page_has_every_metric_and_form() -> None:
    """The tables name what the program has, and nothing else."""
    metrics = pytest.importorskip("docker_credential_ecrpy.kubernetes.controller.metrics")
    made = metrics.Metrics()
    made.note_success("a", "b")
    made.note_failure("c")
    made.note_write("d")
    made.note_expiry("a", "b", "e", 1)
    text = made.render().decode()
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    page = find_page("pull-secrets")
    shown = {quoted(row[0])[0] for row in page.table("## Endpoints")}

    assert shown == {name for name in names if not name.endswith("_created")}
    forms = {quoted(row[0])[0]: row for row in page.table("## Forms")}
    assert forms.keys() == {form.value for form in Form}
    for form in Form:
        assert quoted(forms[form.value][1]) == list(form.types)
        keys = quoted(forms[form.value][2])
        assert keys[: len(Target("", "", form).keys)] == [*page_order(Target("", "", form).keys)]


def page_order(keys: tuple[str, ...]) -> list[str]:
    """Return the keys of a form in the order of the page: those of the repository first."""
    return [*keys[2:], *keys[:2]] if len(keys) > 2 else [*keys]


def test_the_page_names_files_that_exist() -> None:
    """The definitions and the rights."""
    named = re.findall(r"`(deploy/[\w./-]+)`", find_page("pull-secrets").text)

    assert len(named) >= 3
    for each in named:
        assert (REPOSITORY / each).exists()


def documents(base: Path) -> list[dict[str, Any]]:
    """Return the objects of a base, with those of the bases that it names."""
    found: list[dict[str, Any]] = []
    for name in load(base / "kustomization.yaml")["resources"]:
        path = (base / name).resolve()
        inner = path.is_dir()
        found += documents(path) if inner else [*yaml.safe_load_all(path.read_text())]
    return found


def pods(base: Path) -> list[dict[str, Any]]:
    """Return the specs of the pods of a base."""
    found: list[dict[str, Any]] = []
    for each in documents(base):
        spec = each.get("spec") or {}
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            found.append(spec["template"]["spec"])
    return found


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.name)
def test_kustomize_builds_each_base(base: Path, tmp_path: Path) -> None:
    """kubectl's own kustomize finds all of its files."""
    kubectl = Kubectl(find_kubectl(), tmp_path / "none")
    built = [*yaml.safe_load_all(kubectl("kustomize", str(base)))]

    def key(each: dict[str, Any]) -> tuple[str, str]:
        return each["kind"], each["metadata"]["name"]

    assert sorted(map(key, built)) == sorted(map(key, documents(base)))


@pytest.mark.parametrize("base", BASES, ids=lambda base: base.name)
def test_the_pods_have_no_privilege(base: Path) -> None:
    """No root, no capability, no writable file system; memory and probes."""
    for pod in pods(base):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"] == "192Mi"
        is_job = pod.get("restartPolicy") == "Never"
        assert is_job == ("readinessProbe" not in container)


def test_the_arguments_of_the_pods_are_understood() -> None:
    """By the command itself."""
    found = [
        container["args"] for base in BASES for pod in pods(base) for container in pod["containers"]
    ]
    assert len(found) == 3
    for name, *arguments in found:
        command = program.commands[name]
        command.make_parser(click.Context(command)).parse_args(arguments)


def test_the_job_starts_again_after_a_break() -> None:
    """More than a hundred missed starts would end it for good without a deadline."""
    (job,) = [each for each in documents(DEPLOY / "once") if each["kind"] == "CronJob"]

    assert job["spec"]["startingDeadlineSeconds"] > 0
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
