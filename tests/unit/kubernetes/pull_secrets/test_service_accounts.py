"""Facts about the patches of service accounts."""

from typing import Any

from docker_credential_ecrpy.kubernetes.pull_secrets.names import ADDED
from docker_credential_ecrpy.kubernetes.pull_secrets.service_accounts import append, remove


def account(*secrets: str, added: str = "", **metadata: Any) -> dict[str, Any]:
    annotations = {ADDED: added} if added else {}
    return {
        "metadata": {"name": "default", "resourceVersion": "7", "annotations": annotations}
        | metadata,
        "imagePullSecrets": [{"name": name} for name in secrets],
    }


def test_a_secret_is_appended_by_name() -> None:
    """The patch has those that are there too, and their version: the API replaces the list."""
    assert append(account("theirs"), "ecr") == {
        "metadata": {"resourceVersion": "7", "annotations": {ADDED: "ecr"}},
        "imagePullSecrets": [{"name": "theirs"}, {"name": "ecr"}],
    }
    assert append({"metadata": {"resourceVersion": "7"}}, "ecr") == append(account(), "ecr")


def test_a_secret_that_is_named_needs_no_patch() -> None:
    """Whoever appended it."""
    assert append(account("theirs", "ecr"), "ecr") is None
    assert append(account(deletionTimestamp="2026-01-01T00:00:00Z"), "ecr") is None


def test_only_what_was_appended_is_removed() -> None:
    """A secret that the account's owner named stays, even if it is this program's."""
    assert remove(account("theirs", "ecr", added="ecr,other"), "ecr") == {
        "metadata": {"resourceVersion": "7", "annotations": {ADDED: "other"}},
        "imagePullSecrets": [{"name": "theirs"}],
    }
    assert remove(account("ecr"), "ecr") is None
    assert remove(account("ecr", added="other"), "ecr") is None
    gone = remove(account("ecr", added="ecr"), "ecr")
    assert gone
    assert gone["metadata"]["annotations"] == {ADDED: None}
