"""Which service accounts name a pull secret, and the patches that append and remove it.

The patches are strategic merge patches: the API merges `imagePullSecrets` by name, so that what
others append at the same time stays. The annotation says what this program appended: only that is
removed again.
"""

from collections.abc import Mapping
from typing import Any

from docker_credential_ecrpy.kubernetes.pull_secrets.names import ADDED


def append(account: Mapping[str, Any], secret: str) -> dict[str, Any] | None:
    """Return the patch that makes a ServiceAccount name the secret; None if it does."""
    if account["metadata"].get("deletionTimestamp") or secret in _named(account):
        return None
    added = sorted({*list_added(account), secret})
    return _patch(account, {"name": secret}, added)


def remove(account: Mapping[str, Any], secret: str) -> dict[str, Any] | None:
    """Return the patch that undoes `append`; None if this program did not append the secret."""
    added = list_added(account)
    if account["metadata"].get("deletionTimestamp") or secret not in added:
        return None
    left = sorted({*added} - {secret})
    return _patch(account, {"$patch": "delete", "name": secret}, left)


def _patch(account: Mapping[str, Any], entry: dict[str, str], added: list[str]) -> dict[str, Any]:
    return {
        "metadata": {
            "resourceVersion": account["metadata"]["resourceVersion"],
            "annotations": {ADDED: ",".join(added) or None},
        },
        "imagePullSecrets": [entry],
    }


def _named(account: Mapping[str, Any]) -> set[str]:
    return {str(entry.get("name")) for entry in account.get("imagePullSecrets") or ()}


def list_added(account: Mapping[str, Any]) -> list[str]:
    """Return the secrets that this program appended to a ServiceAccount."""
    text = (account["metadata"].get("annotations") or {}).get(ADDED, "")
    return [name for name in text.split(",") if name]
