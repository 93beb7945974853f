"""Requests about the custom resources, their status and their finalizer."""

from collections.abc import Mapping
from typing import Any

from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.controller.api import paths
from docker_credential_ecrpy.kubernetes.controller.api.client import Cluster
from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP

API_VERSION = f"{GROUP}/v1alpha1"

Object = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of custom resource."""

    kind: str
    plural: str
    is_namespaced: bool


KINDS = (
    Kind("ECRPullSecret", "ecrpullsecrets", is_namespaced=True),
    Kind("ClusterECRPullSecret", "clusterecrpullsecrets", is_namespaced=False),
)


class CustomObjects:
    """The custom resources of a cluster; each request raises ApiFailure."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def list_all(self, kind: Kind, namespace: str) -> list[Object]:
        """Return the resources of a kind, in one namespace or in all."""
        return self._cluster.list_objects(make_path(kind, namespace))

    def add_finalizer(self, kind: Kind, found: Object, name: str) -> None:
        """Add a finalizer to a resource as it was seen."""
        metadata = found["metadata"]
        finalizers = [*(metadata.get("finalizers") or ()), name]
        self._patch_finalizers(kind, metadata, finalizers)

    def remove_finalizer(self, kind: Kind, metadata: Mapping[str, Any], name: str) -> None:
        """Remove a finalizer from a resource as it was seen."""
        left = [each for each in metadata.get("finalizers") or () if each != name]
        self._patch_finalizers(kind, metadata, left)

    def write_status(
        self, kind: Kind, metadata: Mapping[str, Any], old: Object, status: Object
    ) -> None:
        """Replace the status of a resource."""
        gone = dict.fromkeys(old.keys() - status.keys())
        self._patch(kind, metadata, {"status": gone | status}, "/status")

    def _patch_finalizers(
        self, kind: Kind, metadata: Mapping[str, Any], finalizers: list[str]
    ) -> None:
        version = metadata["resourceVersion"]
        patch = {"metadata": {"finalizers": finalizers, "resourceVersion": version}}
        self._patch(kind, metadata, patch)

    def _patch(self, kind: Kind, metadata: Mapping[str, Any], patch: Object, of: str = "") -> None:
        path = make_path(kind, metadata.get("namespace", ""), metadata["name"])
        self._cluster.merge(f"{path}{of}", patch)


def make_path(kind: Kind, namespace: str = "", name: str = "") -> str:
    """Return the path of a resource, or of the list of a kind."""
    return paths.make(f"/apis/{API_VERSION}", kind.plural, namespace, name)
