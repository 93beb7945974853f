"""The watches of one pull secret: its Secrets, and the service accounts that are to name it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.controller.api.watch import Watcher
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import is_glob, matches
from docker_credential_ecrpy.kubernetes.pull_secrets.service_accounts import append
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import PullSecret

Object = dict[str, Any]


def watch_objects(
    core: Any,
    wanted: PullSecret,
    wake: Callable[[str], None],
    is_fresh: Callable[[Object], bool],
    complain: Callable[[str, HelperError], None],
) -> list[Watcher]:
    """Return watches that have begun. core: the client's methods of the core API.

    They are of the Secrets of one name alone, which a rule with resourceNames allows, and of the
    service accounts only if any are wanted. wake: is called with the namespace in which something
    is to be done. is_fresh: whether a Secret is as the last try has left it. complain: is told
    what cannot be watched, and why.
    """
    where: dict[str, Any] = {}
    secrets, accounts = (
        core.list_secret_for_all_namespaces,
        core.list_service_account_for_all_namespaces,
    )
    if wanted.namespaces is None:
        secrets, accounts = core.list_namespaced_secret, core.list_namespaced_service_account
        where["namespace"] = wanted.namespace

    def see_end(found: Object) -> None:
        wake(found["metadata"]["namespace"])

    def see_secret(found: Object) -> None:
        if not is_fresh(found):
            see_end(found)

    def see_account(found: Object) -> None:
        if matches(found["metadata"]["name"], wanted.accounts) and append(found, wanted.name):
            see_end(found)

    source = secrets, where | {"field_selector": f"metadata.name={wanted.name}"}
    say = partial(complain, f"secrets {wanted.name}")
    begun = [Watcher(source, see_secret, say, see_end, keeps_objects=False)]
    if wanted.accounts:
        one = wanted.accounts[0]
        is_one = len(wanted.accounts) == 1 and not is_glob(one)
        only = {"field_selector": f"metadata.name={one}"} if is_one else {}
        say = partial(complain, "service accounts")
        begun.append(Watcher((accounts, where | only), see_account, say, keeps_objects=False))
    for each in begun:
        each.start()
    return begun
