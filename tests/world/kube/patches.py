"""The patches of the API: JSON merge patches and strategic merge patches."""

import copy
from collections.abc import Mapping
from typing import Any

_MERGED_BY = {"secrets": "name", "ownerReferences": "uid"}
"""Lists that a strategic merge patch merges, and by which member: `patchMergeKey` in the API's
types. The `imagePullSecrets` of a ServiceAccount are replaced."""
_SETS = ("finalizers",)


def merge(value: object, patch: object) -> Any:
    """Return a value after a JSON merge patch (RFC 7396, section 2)."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    result = dict(value) if isinstance(value, Mapping) else {}
    for key, change in patch.items():
        if change is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), change)
    return result


def merge_strategically(value: object, patch: object) -> Any:
    """Return a value after a strategic merge patch, as the API applies it to built-in kinds.

    https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
    """
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(each) for key, each in patch.items() if key != "$patch"}
    result = dict(value) if isinstance(value, Mapping) else {}
    for key, change in patch.items():
        if key.startswith("$"):
            continue  # an order of lists
        if change is None:
            result.pop(key, None)
        elif isinstance(change, list) and key in _MERGED_BY:
            result[key] = _merge_list(result.get(key) or [], change, _MERGED_BY[key])
        elif isinstance(change, list) and key in _SETS:
            result[key] = [*dict.fromkeys([*(result.get(key) or []), *change])]
        else:
            result[key] = merge_strategically(result.get(key), change)
    return result


def _merge_list(old: list[Any], patch: list[Any], by: str) -> list[Any]:
    result = [dict(each) for each in old]
    for change in patch:
        if change.get("$patch") == "delete":
            result = [each for each in result if each.get(by) != change.get(by)]
            continue
        for position, each in enumerate(result):
            if each.get(by) == change.get(by):
                result[position] = merge_strategically(each, change)
                break
        else:
            result.append(copy.deepcopy(change))
    return result


def apply(value: Mapping[str, Any], patch: Any, content_type: str) -> dict[str, Any]:
    """Return an object after a patch of the content type. Raises KeyError for an unknown type."""
    kinds = {
        "application/merge-patch+json": merge,
        "application/strategic-merge-patch+json": merge_strategically,
    }
    result = kinds[content_type](copy.deepcopy(dict(value)), patch)
    assert isinstance(result, dict)
    return result
