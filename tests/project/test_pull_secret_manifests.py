"""Facts about the manifests of pull secrets: the custom resources, and kustomize's bases."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # it ships no types

from docker_credential_ecrpy.cli.commands.kubernetes.pull_secrets_manifests import command
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.kubernetes.manifests import bundle
from docker_credential_ecrpy.kubernetes.manifests.document import join
from docker_credential_ecrpy.kubernetes.manifests.options import Options
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
from tests.world.kube import manifests
from tests.world.kube.kubectl import Kubectl, find_kubectl
from tests.world.kube.manifests import Object
from tests.world.kube.server import KubeApi
from tests.world.pull_secrets import NOW, OTHER_HOST, TIMES
from tests.world.tree import REPOSITORY
from tests.world.web import Authority
from tools import manifests as files
from tools.manifests import BASES, IMAGE

pytestmark = pytest.mark.tree
DEPLOY = REPOSITORY / "deploy" / "kubernetes" / "pull-secrets"
CRDS = sorted((DEPLOY / "crds").glob("*ecrpullsecrets.yaml"))


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
    found = [yaml.safe_load(block.text) for block in find_page("pull-secrets").blocks("yaml")]
    blocks = [block for block in found if block["kind"] != "Kustomization"]
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


@pytest.fixture(name="api", scope="module")
def _api() -> Iterator[KubeApi]:
    with KubeApi(Authority(), custom=True) as api:
        yield api


def build(base: Path) -> list[Object]:
    """Return the objects of a base or an overlay, as kubectl's own kustomize builds them."""
    return manifests.parse(Kubectl(find_kubectl(), base / "none")("kustomize", str(base)))


def overlay(folder: Path, base: str, *components: str, **more: object) -> list[Object]:
    """Return the objects of a base with components, in the namespace shop."""
    place = os.path.relpath(DEPLOY, folder)
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "shop",
        "resources": [f"{place}/{base}"],
        "components": [f"{place}/components/{name}" for name in components],
        "images": [{"name": IMAGE, "newName": "registry.example.com/ecrpy", "newTag": "1.10"}],
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
    return build(folder)


def by_name(objects: Iterable[Object]) -> dict[tuple[str, str, str], Object]:
    found = {
        (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each
        for each in objects
    }
    assert found
    return found


def made(options: Options) -> dict[tuple[str, str, str], Object]:
    """Return what `pull-secrets manifests` prints."""
    return by_name(manifests.parse(join(bundle.make(options))))


def test_the_files_are_what_the_command_prints() -> None:
    """They are written by `make reference`; run it after a change of the manifests."""
    written = dict(files.list_files())
    kinds = ("crds", "namespaced", "cluster", "once", "chart/definitions")
    found = {
        path.relative_to(DEPLOY).as_posix()
        for kind in kinds
        for path in (DEPLOY / kind).iterdir()
        if path.name != "kustomization.yaml"
    }

    assert found == set(written)
    for name, text in written.items():
        assert (DEPLOY / name).read_text() == text, f"{name}: run make reference"


@pytest.mark.parametrize("name", BASES)
def test_kustomize_builds_each_base(name: str, api: KubeApi, tmp_path: Path) -> None:
    """It has what the command prints; kubectl and the schemas take it, and its pods are humble."""
    built = build(DEPLOY / name)
    manifests.validate(built)
    for pod in manifests.pods(built):
        manifests.check_privileges(pod)

    assert by_name(built) == made(BASES[name])
    kubectl = manifests.make_kubectl(api, tmp_path)
    text = join(bundle.make(BASES[name]))
    assert manifests.dry_run(api, kubectl, text) == manifests.parse(text)


IDENTITIES: dict[str, dict[str, Any]] = {
    "irsa": {"role": "arn:aws:iam::123456789012:role/ecr-pull-secrets"},
    "pod-identity": {"pod_identity": True},
    "static-keys": {"credentials": "ecr-pull-secrets-aws"},
}


@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("identity", IDENTITIES)
def test_an_identity_for_each_base(name: str, identity: str, tmp_path: Path) -> None:
    """An overlay gives what the option of the command gives, with its namespace and its image."""
    options = replace(
        BASES[name],
        image="registry.example.com/ecrpy:1.10",
        pod_namespace="shop",
        **IDENTITIES[identity],
    )
    built = by_name(overlay(tmp_path / name, name, identity))
    built.pop(("Namespace", "", "shop"), None)  # the base of the cluster has one of its own

    manifests.validate(built.values())
    assert built == made(options)


def test_the_other_components(tmp_path: Path) -> None:
    """Rules, two pods, and a policy that lets them reach the APIs; all at once, on each base."""
    rules = {"name": "ecr-pull-secrets", "literals": ["config.toml=a"]}
    rules["options"] = {"disableNameSuffixHash": True}  # type: ignore[assignment]
    several = ("static-keys", "rules", "network-policy")
    for name, options in BASES.items():
        more = ("disruption-budget",) if name == "namespaced" else ()
        built = by_name(overlay(tmp_path / name, name, *several, *more, configMapGenerator=[rules]))
        built.pop(("Namespace", "", "shop"), None)
        manifests.validate(built.values())
        policy = built.pop(("NetworkPolicy", "shop", "ecr-pull-secrets"))
        wanted = replace(
            options,
            image="registry.example.com/ecrpy:1.10",
            pod_namespace="shop",
            credentials="ecr-pull-secrets-aws",
            rules="a",
            replicas=2 if more else 0,
        )
        for objects in (built, expected := made(wanted)):
            for (kind, _, _), each in objects.items():
                if kind == "ConfigMap":
                    each["metadata"].pop("labels", None)  # the generator has none
                for pod in manifests.pods([each]):
                    sort(pod)
        assert built == expected
        ports = {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
        assert {53, 443} <= ports
        pod_labels = made(options)
        for each in pod_labels.values():
            spec = each.get("spec", {})
            if "selector" in spec and "template" in spec:
                assert policy["spec"]["podSelector"] == spec["selector"]


def sort(pod: Object) -> None:
    """Put the lists whose order has no meaning into one order."""
    (container,) = pod["containers"]
    for place, key in ((container, "env"), (container, "volumeMounts"), (pod, "volumes")):
        if key in place:
            place[key].sort(key=lambda each: str(each["name"]))


def test_the_overlay_of_the_page(tmp_path: Path) -> None:
    """It gives what the command prints for the same registry, role and image."""
    (overlaid,) = [
        yaml.safe_load(block.text)
        for block in find_page("pull-secrets").blocks("yaml")
        if "Kustomization" in block.text
    ]
    for key in ("resources", "components"):
        overlaid[key] = [os.path.relpath(REPOSITORY / path, tmp_path) for path in overlaid[key]]
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlaid))

    assert by_name(build(tmp_path)) == made(
        replace(
            BASES["namespaced"],
            image="registry.example.com/ecrpy:1",
            pod_namespace="shop",
            registries=("210987654321@eu-west-1",),
            role="arn:aws:iam::210987654321:role/puller",
        )
    )


def test_the_identities_of_the_page() -> None:
    """Each option, component and value of the table exists; each base has its line."""
    page = find_page("pull-secrets")
    options = {name for param in command.params for name in param.opts}
    values = load(DEPLOY / "chart" / "values.yaml")
    shown = []
    for _, option, component, value in page.table("### Its AWS identity"):
        assert quoted(option)[0] in options
        assert (DEPLOY / "components" / quoted(component)[0]).is_dir()
        shown += quoted(component)
        first, _, second = quoted(value)[0].partition(".")
        assert not second or second in values[first]
        assert first in values
    assert {*shown, "network-policy", "disruption-budget"} == {
        path.name for path in (DEPLOY / "components").iterdir()
    }
    bases = {quoted(row[0])[0].rpartition("/")[2] for row in page.table("### With kustomize")}
    assert bases == set(BASES)


def test_each_component_is_tested() -> None:
    """Those above are all that there are."""
    found = {path.parent.name for path in (DEPLOY / "components").glob("*/kustomization.yaml")}

    assert found == {*IDENTITIES, "rules", "network-policy", "disruption-budget"}


def test_the_job_starts_again_after_a_break() -> None:
    """More than a hundred missed starts would end it for good without a deadline."""
    (job,) = [each for each in build(DEPLOY / "once") if each["kind"] == "CronJob"]

    assert job["spec"]["startingDeadlineSeconds"] > 0
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
