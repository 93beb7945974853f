"""The selectors of lists and watches."""

import re
from collections.abc import Callable
from typing import Any

_SET = re.compile(r"(\S+) (in|notin) \(([^)]*)\)")


def only_name(field_selector: str) -> str:
    """Return the name that a field selector restricts to, which RBAC takes for the name."""
    key, _, value = field_selector.partition("=")
    return value.lstrip("=") if key == "metadata.name" else ""


def make(namespace: str, options: dict[str, str]) -> Callable[[dict[str, Any]], bool]:
    """Return whether an object is in a namespace ("" for all) and fits the selectors."""
    by_field = [_fields(term) for term in options.get("fieldSelector", "").split(",") if term]
    labels = [term for term in re.split(r",(?![^(]*\))", options.get("labelSelector", "")) if term]

    def fits(found: dict[str, Any]) -> bool:
        metadata = found["metadata"]
        if namespace and metadata.get("namespace") != namespace:
            return False
        if not all(metadata.get(key) == value for key, value in by_field):
            return False
        return all(_label(term.strip(), metadata.get("labels") or {}) for term in labels)

    return fits


def _fields(term: str) -> tuple[str, str]:
    key, _, value = term.partition("=")
    assert key in ("metadata.name", "metadata.namespace"), key
    return key.removeprefix("metadata."), value.lstrip("=")


def _label(term: str, labels: dict[str, str]) -> bool:
    if found := _SET.fullmatch(term):
        values = [value.strip() for value in found[3].split(",")]
        return (labels.get(found[1]) in values) == (found[2] == "in")
    if term.startswith("!"):
        return term[1:] not in labels
    key, sign, value = term.partition("!=" if "!=" in term else "=")
    if not sign:
        return key in labels
    return (labels.get(key) == value.lstrip("=")) == (sign == "=")
