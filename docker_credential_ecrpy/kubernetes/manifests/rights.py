"""The rights that the options need, and no others: a Role for each namespace, or a ClusterRole."""

from collections.abc import Iterator
from typing import Any

from docker_credential_ecrpy.kubernetes.manifests.document import Document, Object
from docker_credential_ecrpy.kubernetes.manifests.options import NAME, Options
from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import is_glob

_RBAC = "rbac.authorization.k8s.io"
_EKS_ROLE = "eks.amazonaws.com/role-arn"
_CREATE = "RBAC cannot restrict create to a name. Leave it out where the Secret exists already."


def list_documents(options: Options) -> Iterator[Document]:
    """Yield the namespace, the service account, and what binds it to its rights."""
    if options.has_own_namespace:
        metadata = options.make_metadata("")
        metadata["labels"]["pod-security.kubernetes.io/enforce"] = "restricted"
        yield Document({**_head("v1", "Namespace"), "metadata": metadata})
    account: Object = {**_head("v1", "ServiceAccount"), "metadata": options.make_metadata()}
    if options.role:
        account["metadata"]["annotations"] = {_EKS_ROLE: options.role}
    yield Document(account)
    if not options.served:
        yield Document(_role("ClusterRole", "", options), "The rights in the whole cluster.")
        yield Document(_binding("ClusterRole", "", options))
    for namespace in options.served:
        comment = "" if options.follows else _CREATE
        yield Document(_role("Role", namespace, options), comment)
        yield Document(_binding("Role", namespace, options))


def list_rules(options: Options) -> list[Object]:
    """Return the rules of the Role or the ClusterRole."""
    return [*_list_custom_rules(options)] if options.follows else [*_list_rules(options)]


def _list_custom_rules(options: Options) -> Iterator[Object]:
    kinds = ["ecrpullsecrets"]
    if not options.served:
        kinds.append("clusterecrpullsecrets")
        yield _rule(["namespaces"], ["list", "watch"])
    yield _rule(kinds, ["list", "watch", "patch"], group=GROUP)
    yield _rule([f"{kind}/status" for kind in kinds], ["patch"], group=GROUP)
    yield _rule(["secrets"], ["get", "list", "watch", "create", "patch", "delete"])
    yield _rule(["serviceaccounts"], ["get", "list", "watch", "patch"])  # for spec.serviceAccounts
    yield _rule(["events"], ["create"])


def _list_rules(options: Options) -> Iterator[Object]:
    follow = [] if options.is_once else ["list", "watch"]
    if options.lists_namespaces:
        yield _rule(["namespaces"], ["list", *follow[1:]])
    # A namespace that is no longer selected loses the Secret, and its name in service accounts.
    leave = ["delete"] if options.lists_namespaces else []
    look = ["list"] if leave and options.is_once else follow
    yield _rule(["secrets"], ["get", *look, "patch", *leave], [options.name])
    yield _rule(["secrets"], ["create"])
    if not options.is_once:
        yield _rule(["events"], ["create"])
    if not options.accounts:
        return
    if any(map(is_glob, options.accounts)):
        yield _rule(["serviceaccounts"], ["get", "list", *follow[1:], "patch"])
    elif len(options.accounts) == 1:
        yield _rule(["serviceaccounts"], ["get", *follow, "patch"], options.accounts)
    else:
        yield _rule(["serviceaccounts"], ["get", "patch"], options.accounts)
        if follow:  # RBAC allows a list of several names to nobody
            yield _rule(["serviceaccounts"], follow)


def _rule(resources: list[str], verbs: list[str], names: Any = (), group: str = "") -> Object:
    named = {"resourceNames": [*names]} if names else {}
    return {"apiGroups": [group], "resources": resources, **named, "verbs": verbs}


def _role(kind: str, namespace: str, options: Options) -> Object:
    head = _head(f"{_RBAC}/v1", kind)
    return {**head, "metadata": options.make_metadata(namespace), "rules": list_rules(options)}


def _binding(kind: str, namespace: str, options: Options) -> Object:
    return {
        **_head(f"{_RBAC}/v1", f"{kind}Binding"),
        "metadata": options.make_metadata(namespace),
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": NAME},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": options.home}],
    }


def _head(version: str, kind: str) -> Object:
    return {"apiVersion": version, "kind": kind}
