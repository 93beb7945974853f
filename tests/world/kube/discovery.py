"""The paths of the API, and the documents by which clients discover them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP
from tests.world.kube.status import ApiError
from tests.world.kube.store import Resource

CORE = (
    Resource("namespaces", "Namespace", namespaced=False),
    Resource("secrets", "Secret"),
    Resource("serviceaccounts", "ServiceAccount"),
    Resource("events", "Event"),
)
CUSTOM = (
    Resource("ecrpullsecrets", "ECRPullSecret", GROUP, "v1alpha1", has_status=True),
    Resource(
        *("clusterecrpullsecrets", "ClusterECRPullSecret", GROUP, "v1alpha1"),
        namespaced=False,
        has_status=True,
    ),
)
DEFINITIONS = Resource(
    *("customresourcedefinitions", "CustomResourceDefinition", "apiextensions.k8s.io", "v1"),
    namespaced=False,
)
_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]

Resources = Mapping[tuple[str, str, str], Resource]
"""By group, version and plural."""


@dataclass(frozen=True)
class Target:
    """What a path names. name: "" for all of them. namespace: "" for the cluster."""

    resource: Resource | None
    namespace: str
    name: str
    subresource: str

    @property
    def of_status(self) -> bool:
        return self.subresource == "status"


def resources(*, custom: bool) -> dict[tuple[str, str, str], Resource]:
    known = (*CORE, DEFINITIONS, *(CUSTOM if custom else ()))
    return {(one.group, one.version, one.plural): one for one in known}


def parse_path(path: str, known: Resources) -> Target | None:
    """Return what a path names; None for a document of discovery. Raises ApiError (404)."""
    words = path.strip("/").split("/")
    if words[0] == "api" and len(words) > 2:
        group, version, rest = "", words[1], words[2:]
    elif words[0] == "apis" and len(words) > 3:
        group, version, rest = words[1], words[2], words[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    resource = known.get((group, version, rest[0]))
    if resource is None or (namespace and not resource.namespaced):
        message = "the server could not find the requested resource"
        raise ApiError(404, "NotFound", message)
    name, subresource = (*rest[1:3], "", "")[:2]
    return Target(resource, namespace, name, subresource)


def verb_of(method: str, found: Target | None, options: Mapping[str, str]) -> str:
    """Return the verb of a request, as RBAC names it."""
    if method == "GET" and found and not found.name:
        return "watch" if options.get("watch") in ("true", "True", "1") else "list"
    verbs = {"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
    return verbs[method]


def answer(path: str, known: Resources) -> dict[str, Any]:
    """Return a document of discovery. Raises ApiError (404)."""
    groups = sorted({(one.group, one.version) for one in known.values() if one.group})
    path = path.rstrip("/")
    if path == "/version":
        return {"major": "1", "minor": "34", "gitVersion": "v1.34.0", "platform": "linux/amd64"}
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if path == "/apis":
        return {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [_group(*each) for each in groups],
        }
    for group, version in (("", "v1"), *groups):
        if path == (f"/apis/{group}/{version}" if group else "/api/v1"):
            return _list(group, version, known)
        if path == f"/apis/{group}":
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, version)}
    message = "the server could not find the requested resource"
    raise ApiError(404, "NotFound", message)


def to_metadata(listed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a list as one of metadata alone; without objects, the API has null for them."""
    about = {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata"}
    items = [about | {"metadata": each["metadata"]} for each in listed["items"]]
    kind = {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList"}
    return {**listed, **kind, "items": items or None}


def _group(group: str, version: str) -> dict[str, Any]:
    named = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [named], "preferredVersion": named}


def _list(group: str, version: str, known: Resources) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for one in known.values():
        if (one.group, one.version) != (group, version):
            continue
        row = {
            "name": one.plural,
            "singularName": one.kind.lower(),
            "namespaced": one.namespaced,
            "kind": one.kind,
            "verbs": _VERBS,
        }
        rows.append(row)
        if one.has_status:
            rows.append(row | {"name": f"{one.plural}/status", "verbs": ["get", "patch"]})
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": rows,
    }
