"""Facts about the manifests in deploy/: valid, current, no more privileges than needed."""

import copy
import functools
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from docker_credential_ecrpy.cli.commands.kubernetes.kubelet_install import command as install
from docker_credential_ecrpy.kubernetes.node.flavors import FLAVORS
from tests.world.kube.kubectl import Kubectl, find_kubectl
from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.tree
MANIFESTS = REPOSITORY / "deploy" / "kubernetes"
KUBELET = MANIFESTS / "kubelet"
OBJECTS = [
    pytest.param(path, each, id=f"{path.relative_to(MANIFESTS)}: {each['kind']}")
    for path in sorted(MANIFESTS.rglob("*.yaml"))
    if path.name != "kustomization.yaml" and "chart" not in path.parts
    for each in yaml.safe_load_all(path.read_text())
]
# The oldest version that Kubernetes still supports, and the newest one that the validator has.
VERSIONS = ("1.34", "1.37")


def validate(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("path", "manifest"), OBJECTS)
def test_a_manifest_is_valid(path: Path, manifest: dict[str, Any], version: str) -> None:
    """By the schemas of Kubernetes, without unknown fields."""
    validate(manifest, version)


def test_a_wrong_manifest_is_found() -> None:
    """The validator refuses an unknown field and a wrong type."""
    (daemon_set,) = yaml.safe_load_all((KUBELET / "eks" / "daemonset.yaml").read_text())
    wrong = copy.deepcopy(daemon_set)
    wrong["spec"]["template"]["spec"]["hostNetworks"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(wrong, VERSIONS[0])
    wrong = copy.deepcopy(daemon_set)
    wrong["spec"]["template"]["spec"]["containers"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(wrong, VERSIONS[0])


@functools.cache
def build(flavor: str) -> dict[str, Any]:
    """Return the DaemonSet of a flavor, as kubectl's kustomize builds it."""
    kubectl = Kubectl(find_kubectl(), Path("no such file"))
    found: dict[str, Any] = yaml.safe_load(kubectl("kustomize", str(KUBELET / flavor)))
    return found


@pytest.mark.parametrize("flavor", FLAVORS)
def test_each_flavor_mounts_the_directory_of_its_files(flavor: str) -> None:
    """One directory has the configuration and the program: no other one is writable."""
    pod = build(flavor)["spec"]["template"]["spec"]
    (volume,) = pod["volumes"]
    directory = volume["hostPath"]["path"]
    for path in (FLAVORS[flavor].config, FLAVORS[flavor].bin_dir + "/x"):
        assert path.startswith(f"{directory}/")
    (container,) = pod["initContainers"]
    assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": f"/node{directory}"}]
    assert container["args"] == ["kubelet", "install", "--root=/node", f"--flavor={flavor}"]
    assert {option.split("=")[0] for option in container["args"][2:]} <= {
        name for parameter in install.params for name in parameter.opts
    }
    for version in VERSIONS:
        validate(build(flavor), version)


def test_there_is_a_directory_for_each_flavor() -> None:
    """No more, and no fewer."""
    assert {path.parent.name for path in KUBELET.glob("*/kustomization.yaml")} == set(FLAVORS)


def test_the_pod_has_no_more_privileges_than_needed() -> None:
    """It may write as root into one directory: no capability, token, or namespace of the node."""
    pod = build("eks")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & pod.keys()
    for container in pod["initContainers"] + pod["containers"]:
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert "privileged" not in context
    assert "volumeMounts" not in pod["containers"][0]
    assert pod["containers"][0]["securityContext"]["runAsNonRoot"] is True


def test_kubelets_may_request_tokens_for_sts_alone() -> None:
    """KEP-4412: the audience is the resource, and the kubelets are the group system:nodes."""
    role, binding = yaml.safe_load_all((KUBELET / "service-account-tokens.yaml").read_text())
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["sts.amazonaws.com"],
            "verbs": ["request-serviceaccounts-token-audience"],
        }
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    (subject,) = binding["subjects"]
    assert (subject["kind"], subject["name"]) == ("Group", "system:nodes")


def test_the_image_has_the_static_program_alone() -> None:
    """Where the DaemonSet's arguments are those of the program."""
    text = (REPOSITORY / "Containerfile").read_text()
    assert re.findall(r"(?m)^(FROM|COPY|RUN|USER|CMD|ENTRYPOINT) (.*)$", text) == [
        ("FROM", "scratch"),
        ("COPY", "etc/ /etc/"),
        ("COPY", "usr/ /usr/"),
        ("ENTRYPOINT", '["/usr/local/bin/docker-credential-ecr-login"]'),
    ]
