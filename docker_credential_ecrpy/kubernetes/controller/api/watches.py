"""The watches of one pull secret: its Secrets, and the service accounts that are to name it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.controller.api import paths
from docker_credential_ecrpy.kubernetes.controller.api.client import Cluster
from docker_credential_ecrpy.kubernetes.controller.api.watch import Handlers, Source, Watcher
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import is_glob, matches
from docker_credential_ecrpy.kubernetes.pull_secrets.service_accounts import append
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import PullSecret

Object = dict[str, Any]


def watch_objects(
    cluster: Cluster,
    wanted: PullSecret,
    secrets: Handlers,
    wake: Callable[[str], None],
    complain: Callable[[str, HelperError], None],
) -> list[Watcher]:
    """Return watches that have begun.

    They are of the Secrets of one name alone, which a rule with resourceNames allows, and of the
    service accounts only if any are wanted. secrets: are told about the Secrets. wake: is called
    with the namespace of a service account that does not name the Secret. complain: is told what
    cannot be watched, and why.
    """
    where = wanted.namespace if wanted.namespaces is None else ""

    def see_account(found: Object) -> None:
        if matches(found["metadata"]["name"], wanted.accounts) and append(found, wanted.name):
            wake(found["metadata"]["namespace"])

    def find(kind: str, name: str) -> Source:
        only = {"fieldSelector": f"metadata.name={name}"} if name else {}
        return Source(cluster, paths.of(kind, where), only)

    say = partial(complain, f"watch of secrets {wanted.name}")
    begun = [Watcher(find("secret", wanted.name), secrets, say, keeps_objects=False)]
    if wanted.accounts:
        one = wanted.accounts[0]
        is_one = len(wanted.accounts) == 1 and not is_glob(one)
        source = find("service_account", one if is_one else "")
        say = partial(complain, "watch of service accounts")
        begun.append(Watcher(source, Handlers(see_account), say, keeps_objects=False))
    for each in begun:
        each.start()
    return begun
