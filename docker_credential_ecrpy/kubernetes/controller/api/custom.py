"""Requests about the custom resources, their status, their finalizer and their Events."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from kubernetes import client

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.controller.api.client import Cluster
from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP

VERSION = "v1alpha1"
_MERGE = "application/merge-patch+json"
_LONGEST = 1024  # characters of an Event's message

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
        self._api = client.CustomObjectsApi(cluster.core.api_client)

    def list_method(self, kind: Kind, namespace: str) -> tuple[Callable[..., Any], Object]:
        """Return the client's list method and its arguments, for a watch."""
        fixed = {"group": GROUP, "version": VERSION, "plural": kind.plural}
        if namespace:
            return self._api.list_namespaced_custom_object, fixed | {"namespace": namespace}
        return self._api.list_cluster_custom_object, fixed

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
        self._patch(kind, metadata, {"status": gone | status}, "_status")

    def post_event(self, kind: Kind, metadata: Mapping[str, Any], condition: Object) -> None:
        """Post an Event about a condition; that of a cluster's resource is in "default"."""
        now = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        namespace = metadata.get("namespace", "default")
        body = {
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": namespace},
            "involvedObject": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": kind.kind,
                "name": metadata["name"],
                "namespace": metadata.get("namespace", ""),
                "uid": metadata["uid"],
            },
            "type": "Normal" if condition["status"] == "True" else "Warning",
            "reason": condition["reason"],
            "message": condition["message"][:_LONGEST],
            "source": {"component": PACKAGE},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        self._cluster.create("event", namespace, body)

    def _patch_finalizers(
        self, kind: Kind, metadata: Mapping[str, Any], finalizers: list[str]
    ) -> None:
        version = metadata["resourceVersion"]
        patch = {"metadata": {"finalizers": finalizers, "resourceVersion": version}}
        self._patch(kind, metadata, patch)

    def _patch(self, kind: Kind, metadata: Mapping[str, Any], patch: Object, of: str = "") -> None:
        place = [GROUP, VERSION, kind.plural, metadata["name"]]
        scope = "cluster"
        if kind.is_namespaced:
            scope = "namespaced"
            place.insert(2, metadata["namespace"])
        method = getattr(self._api, f"patch_{scope}_custom_object{of}")
        self._cluster.ask(method, *place, patch, _content_type=_MERGE)
