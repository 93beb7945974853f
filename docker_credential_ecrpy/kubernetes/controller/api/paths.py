"""The paths of objects in the API.

https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

_CORE = {
    "event": "events",
    "namespace": "namespaces",
    "secret": "secrets",
    "service_account": "serviceaccounts",
}


def of(
    kind: str, namespace: str = "", name: str = "", *, query: Mapping[str, object] | None = None
) -> str:
    """Return the path of an object of the core API, or of a list; without a namespace, of all."""
    return make("/api/v1", _CORE[kind], namespace, name, query=query)


def make(
    root: str,
    plural: str,
    namespace: str = "",
    name: str = "",
    *,
    query: Mapping[str, object] | None = None,
) -> str:
    """Return a path below that of an API and its version."""
    parts = ["namespaces", namespace, plural] if namespace else [plural]
    path = "/".join([root, *(quote(part, safe="") for part in [*parts, name] if part)])
    return f"{path}?{urlencode(query)}" if query else path
