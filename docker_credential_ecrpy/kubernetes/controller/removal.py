"""Takes out what is no longer wanted: now, or since a time when no controller ran."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from docker_credential_ecrpy.hot.values import dataclass, replace
from docker_credential_ecrpy.kubernetes.controller import round as rounds
from docker_credential_ecrpy.kubernetes.controller.api.client import Cluster
from docker_credential_ecrpy.kubernetes.controller.api.failure import ApiFailure
from docker_credential_ecrpy.kubernetes.controller.reporter import Repeats
from docker_credential_ecrpy.kubernetes.controller.round import Report, Tools
from docker_credential_ecrpy.kubernetes.pull_secrets import service_accounts
from docker_credential_ecrpy.kubernetes.pull_secrets.content import record
from docker_credential_ecrpy.kubernetes.pull_secrets.form import form_of
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import matches
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import PullSecret

_PAUSE = 60.0  # seconds

Object = dict[str, Any]
Remove = Callable[[Tools, PullSecret, Sequence[str]], Report]


class Removal:
    """Takes logins out of Secrets, in a thread for each request; it tries until it succeeds.

    make_tools: as `Loop.make_removal_tools`. say: prints a line.
    """

    def __init__(
        self, make_tools: Callable[[PullSecret], Tools], say: Callable[[str], None]
    ) -> None:
        self._make_tools = make_tools
        self._say = say
        self._repeats = Repeats(say)

    def leave(
        self, wanted: PullSecret, namespaces: Sequence[str], remove: Remove = rounds.remove
    ) -> None:
        """Begin to take out what a pull secret has in some namespaces."""

        def take_out() -> None:
            left, said = list(namespaces), set()
            while left:
                tools = self._make_tools(wanted)
                report = remove(tools, wanted, left)
                for one in report.synced:
                    self._say(f"secret {one.target} {one.deed.value}")
                for change in report.accounts:
                    self._say(str(change))
                failed = {one.name: str(one.error) for one in report.failures}
                left = [each for each in left if str(wanted.target(each)) in failed]
                for each in left:
                    name = str(wanted.target(each))
                    if (name, failed[name]) not in said:
                        said.add((name, failed[name]))
                        self._repeats.say(name, failed[name], each)
                time.sleep(_PAUSE if left else 0)

        threading.Thread(target=take_out, daemon=True).start()

    def leave_leftovers(self, search: "Search") -> None:
        """Begin to look for what an earlier controller has left, and take it out."""

        def look() -> None:
            said = ""
            while True:
                try:
                    for (wanted, remove), namespaces in _group(search.find()).items():
                        self.leave(wanted, namespaces, remove)
                except ApiFailure as exc:
                    if exc.code == HTTPStatus.FORBIDDEN:
                        return  # with the rights to one Secret, there are no leftovers elsewhere
                    # Where the resources are not defined, their watches say so.
                    if said != str(exc) and exc.code != HTTPStatus.NOT_FOUND:
                        said = str(exc)
                        self._say(f"logins that nobody wants any more are not found yet: {exc}")
                    time.sleep(_PAUSE)
                else:
                    return

        threading.Thread(target=look, daemon=True).start()


@dataclass(frozen=True)
class Search:
    """Looks for logins in Secrets, and Secrets in service accounts, that nobody wants any more.

    namespace, name: of the Secrets; "" for all. is_judged: whether `list_wanted` has all that an
    owner wants; what other owners have is left alone. has_accounts: whether it looks at service
    accounts, too.
    """

    cluster: Cluster
    namespace: str
    list_wanted: Callable[[], Sequence[PullSecret]]
    is_judged: Callable[[str], bool]
    name: str = ""
    has_accounts: bool = True

    def find(self) -> Iterator[tuple[PullSecret, Remove]]:
        """Yield what is to be taken out of one Secret, or of one service account, and how.

        Raises ApiFailure.
        """
        # First what there is, then what is wanted: what comes between is not taken for left.
        secrets = {
            (metadata["namespace"], metadata["name"]): notes
            for each in self.cluster.list_metadata("secret", self.namespace, self.name)
            if (notes := record.read(metadata := each["metadata"]))
        }
        accounts = self._list_accounts() if self.has_accounts else {}
        wanted = self.list_wanted()
        homes: dict[str, Object] = {}
        if any(one.namespaces for one in wanted):
            homes = {each["metadata"]["name"]: each for each in self.cluster.list_namespaces()}

        def wants(namespace: str, name: str) -> list[PullSecret]:
            return [
                one
                for one in wanted
                if one.name == name
                and (
                    one.namespaces.selects(homes[namespace])
                    if one.namespaces and namespace in homes
                    else one.namespace == namespace
                )
            ]

        for (namespace, name), notes in secrets.items():
            wanting = wants(namespace, name)
            live = {one.owner for one in wanting}
            owners = {one.owner for one in notes.values()}
            gone = {owner for owner in owners if owner not in live and self.is_judged(owner)}
            for owner in sorted(gone):
                if found := self.cluster.read("secret", namespace, name):
                    form = form_of(found)
                    left = PullSecret("", namespace, name, (), form, owner=owner)
                    yield left, rounds.remove
            if all(map(self.is_judged, owners)):
                patterns = [pattern for one in wanting for pattern in one.accounts]
                for account in accounts.get((namespace, name), ()):
                    if not matches(account, patterns):
                        left = PullSecret("", namespace, name, (), accounts=(account,))
                        yield left, rounds.remove_accounts

    def _list_accounts(self) -> dict[tuple[str, str], list[str]]:
        """Return the service accounts that got a Secret appended, by its namespace and name."""
        found: dict[tuple[str, str], list[str]] = {}
        try:
            for each in self.cluster.list_metadata("service_account", self.namespace):
                metadata = each["metadata"]
                for name in service_accounts.list_added(each):
                    found.setdefault((metadata["namespace"], name), []).append(metadata["name"])
        except ApiFailure as exc:
            if exc.code != HTTPStatus.FORBIDDEN:
                raise  # without the right, none was ever appended
        return found


def _group(
    found: Iterator[tuple[PullSecret, Remove]],
) -> dict[tuple[PullSecret, Remove], list[str]]:
    """Return what a search yields with its namespaces together: one thread takes them out."""
    groups: dict[tuple[PullSecret, Remove], list[str]] = {}
    for wanted, remove in found:
        alike = replace(wanted, namespace="")
        groups.setdefault((alike, remove), []).append(wanted.namespace)
    return groups


def search_by_options(cluster: Cluster, wanted: PullSecret) -> Search:
    """Return the search for what options have left in namespaces that they no longer select."""
    return Search(
        cluster,
        namespace="",
        list_wanted=lambda: [wanted],
        is_judged=lambda owner: owner == wanted.owner,
        name=wanted.name,
        has_accounts=bool(wanted.accounts),
    )


def take_out_leftovers(tools: Tools, search: Search, report: Report) -> None:
    """Take out what the search finds, once, and add that to a report; nothing without the rights.

    Raises ApiFailure.
    """
    try:
        for wanted, remove in search.find():
            report.add(remove(tools, wanted, [wanted.namespace]))
    except ApiFailure as exc:
        if exc.code != HTTPStatus.FORBIDDEN:
            raise
