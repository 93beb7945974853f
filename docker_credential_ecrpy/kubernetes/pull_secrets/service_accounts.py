"""Which service accounts name a pull secret, and the patches that append and remove it.

The patches are JSON merge patches with the whole list: the API does not merge that of a
ServiceAccount, whatever the patch (`listType=atomic` in k8s.io/api/core/v1/types.go). With the
version that was read, what others append at the same time is a conflict, and stays. The annotation
says what this program appended: only that is removed again.
"""

from collections.abc import Mapping
from typing import Any

from docker_credential_ecrpy.kubernetes.pull_secrets.names import ADDED


def append(account: Mapping[str, Any], secret: str) -> dict[str, Any] | None:
    """Return the patch that makes a ServiceAccount name the secret; None if it does."""
    if account["metadata"].get("deletionTimestamp") or secret in _named(account):
        return None
    added = sorted({*list_added(account), secret})
    return _patch(account, [*_entries(account), {"name": secret}], added)


def remove(account: Mapping[str, Any], secret: str) -> dict[str, Any] | None:
    """Return the patch that undoes `append`; None if this program did not append the secret."""
    added = list_added(account)
    if account["metadata"].get("deletionTimestamp") or secret not in added:
        return None
    left = sorted({*added} - {secret})
    kept = [entry for entry in _entries(account) if entry.get("name") != secret]
    return _patch(account, kept, left)


def _patch(
    account: Mapping[str, Any], entries: list[dict[str, Any]], added: list[str]
) -> dict[str, Any]:
    return {
        "metadata": {
            "resourceVersion": account["metadata"]["resourceVersion"],
            "annotations": {ADDED: ",".join(added) or None},
        },
        "imagePullSecrets": entries,
    }


def _entries(account: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(account.get("imagePullSecrets") or ())


def _named(account: Mapping[str, Any]) -> set[str]:
    return {str(entry.get("name")) for entry in _entries(account)}


def list_added(account: Mapping[str, Any]) -> list[str]:
    """Return the secrets that this program appended to a ServiceAccount."""
    text = (account["metadata"].get("annotations") or {}).get(ADDED, "")
    return [name for name in text.split(",") if name]
