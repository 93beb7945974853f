"""Checks of manifests: by the schemas of Kubernetes, by kubectl, and for privileges."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import kubernetes_validate
import yaml

from tests.world.kube.kubectl import Kubectl, find_kubectl
from tests.world.kube.server import KubeApi
from tests.world.kube.store import Resource

Object = dict[str, Any]

VERSIONS = ("1.34", "1.37")
"""The oldest version that Kubernetes still supports, and the newest that the validator has."""
_RBAC = "rbac.authorization.k8s.io"
KINDS = (
    Resource("configmaps", "ConfigMap"),
    Resource("services", "Service"),
    Resource("deployments", "Deployment", "apps", "v1"),
    Resource("cronjobs", "CronJob", "batch", "v1"),
    Resource("poddisruptionbudgets", "PodDisruptionBudget", "policy", "v1"),
    Resource("networkpolicies", "NetworkPolicy", "networking.k8s.io", "v1"),
    Resource("roles", "Role", _RBAC, "v1"),
    Resource("rolebindings", "RoleBinding", _RBAC, "v1"),
    Resource("clusterroles", "ClusterRole", _RBAC, "v1", namespaced=False),
    Resource("clusterrolebindings", "ClusterRoleBinding", _RBAC, "v1", namespaced=False),
)
"""The kinds of the manifests that the loopback API does not have by itself."""


def parse(text: str) -> list[Object]:
    """Return the objects of a YAML stream."""
    return [each for each in yaml.safe_load_all(text) if each is not None]


def validate(objects: Iterable[Object]) -> None:
    """Raise for an object that the schemas of Kubernetes do not allow, without unknown fields."""
    for each in objects:
        for version in VERSIONS:
            kubernetes_validate.validate(each, version, strict=True)


def dry_run(api: KubeApi, kubectl: Kubectl, text: str) -> list[Object]:
    """Return the objects that `kubectl apply --dry-run=client` reads from YAML; fails for an error.

    Its parser is not the one of `parse`: both read the same from a text that is right.
    """
    api.resources |= {(one.group, one.version, one.plural): one for one in KINDS}
    options = ("--dry-run=client", "--validate=false", "--output=json")
    found = json.loads(kubectl("apply", *options, "-f", "-", stdin=text))
    objects: list[Object] = found["items"] if found["kind"] == "List" else [found]
    for each in objects:
        annotations = each["metadata"]["annotations"]
        annotations.pop("kubectl.kubernetes.io/last-applied-configuration")
        if not annotations:
            del each["metadata"]["annotations"]
    return objects


def make_kubectl(api: KubeApi, folder: Any) -> Kubectl:
    """Return kubectl as the administrator of the loopback API."""
    return Kubectl(find_kubectl(), api.kubeconfig(folder / "kubeconfig"))


def pods(objects: Iterable[Object]) -> Iterator[Object]:
    """Yield the specs of the pods."""
    for each in objects:
        spec = each.get("spec") or {}
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if "template" in spec:
            yield spec["template"]["spec"]


def check_privileges(pod: Object) -> None:
    """Fail unless a pod has no root, capability or writable file system, and its memory is limited.

    The process that keeps running has both probes.
    """
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert container["resources"]["requests"]["cpu"]
    is_job = pod.get("restartPolicy") == "Never"
    for probe in ("readinessProbe", "livenessProbe"):
        assert is_job == (probe not in container)
    for volume in pod.get("volumes", ()):
        assert volume.keys() & {"configMap", "secret"}
