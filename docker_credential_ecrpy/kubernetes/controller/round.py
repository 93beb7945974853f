"""One round: every Secret of a pull secret is brought to what is wanted, or taken out again."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.kubernetes.controller import sync
from docker_credential_ecrpy.kubernetes.controller.sync import Deed, Job, Synced
from docker_credential_ecrpy.kubernetes.controller.token_source import TokenSource
from docker_credential_ecrpy.kubernetes.pull_secrets import tokens
from docker_credential_ecrpy.kubernetes.pull_secrets.content import record
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Times
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal, reason_of
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import PullSecret
from docker_credential_ecrpy.kubernetes.pull_secrets.status import Failure
from docker_credential_ecrpy.kubernetes.pull_secrets.tokens import Found


class Api(sync.Api, Protocol):
    """The requests of a round; each raises ApiFailure."""

    def list_namespaces(self) -> list[dict[str, Any]]:
        """Return every Namespace."""


@dataclass(frozen=True)
class Tools:
    """What a round works with.

    clock: returns nanoseconds since the epoch (UTC). begin_write: whether what is wanted is still
    the same, after the time that AWS took.
    """

    api: Api
    helper: Helper
    source: TokenSource
    clock: Callable[[], int]
    is_dry: bool = False
    begin_write: Callable[[], bool] = lambda: True


@dataclass(frozen=True)
class AccountChange:
    """A service account that names a Secret from now on, or no longer does."""

    namespace: str
    name: str
    secret: str
    is_added: bool

    def __str__(self) -> str:
        """Return what is said of it."""
        verb = "names" if self.is_added else "no longer names"
        return f"service account {self.namespace}/{self.name} {verb} {self.secret}"


@dataclass(frozen=True)
class Report:
    """What a round did. identities: of each registry, as in `secret.read_times`."""

    synced: list[Synced] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    accounts: list[AccountChange] = field(default_factory=list)
    identities: dict[str, str] = field(default_factory=dict)

    def add(self, other: "Report") -> None:
        """Add what another round did."""
        self.synced.extend(other.synced)
        self.failures.extend(other.failures)
        self.accounts.extend(other.accounts)
        self.identities.update(other.identities)

    @property
    def errors(self) -> list[HelperError]:
        """Every error, of objects and of registries, once."""
        found = [failure.error for failure in self.failures]
        found += [error for one in self.synced for error in one.errors.values()]
        return list({str(error): error for error in found}.values())


@dataclass(frozen=True)
class Last:
    """The last try of a job. due: the next one.

    written: when its Secret was written last. restored: how often that undid others' edits, without
    a pause between them.
    """

    report: Report
    due: int
    written: int = 0
    restored: int = 0

    @property
    def times(self) -> Mapping[str, Times]:
        """The times of the logins in its Secret, by registry."""
        return self.report.synced[0].times if self.report.synced else {}


def find_namespaces(api: Api, wanted: PullSecret) -> list[str]:
    """Return the namespaces of a pull secret. Raises ApiFailure."""
    if wanted.namespaces is None:
        return [wanted.namespace]
    found = [each for each in api.list_namespaces() if wanted.namespaces.selects(each)]
    return [each["metadata"]["name"] for each in found]


def run(tools: Tools, wanted: PullSecret, namespaces: Sequence[str]) -> Report:
    """Create or refresh the Secret in each of the namespaces, where it is due."""
    report = Report()
    try:
        identities = {
            key: tokens.identify(tools.helper, key, by_rule=wanted.by_rule)
            for key in wanted.registries
        }
    except HelperError as exc:
        report.failures.append(Failure(wanted.name, exc))
        return report
    report.identities.update(identities)
    failed: dict[str, HelperError] = {}

    def find(uid: str) -> Found:
        # What has failed is not tried again for each namespace.
        keys = [key for key in wanted.registries if key not in failed]
        find_token = partial(tools.source.find, tools.helper, uid=uid)
        found = tokens.find_logins(tools.helper, keys, find_token)
        failed.update(found.errors)
        _check_wanted(tools, wanted)
        return Found(found.logins, dict(failed))

    for namespace in namespaces:
        target = wanted.target(namespace)
        uid = f"{wanted.uid} {namespace}"
        job = Job(target, uid, identities, partial(find, uid))
        try:
            synced = sync.sync_secret(tools.api, job, tools.clock, is_dry=tools.is_dry)
            report.synced.append(synced)
            _check_wanted(tools, wanted)
            _sync_accounts(tools, wanted, namespace, report, wanted_there=True)
        except HelperError as exc:
            _note(report, str(target), exc)
    return report


def remove(tools: Tools, wanted: PullSecret, namespaces: Sequence[str]) -> Report:
    """Take the logins out of the Secrets again, and the Secrets out of the service accounts."""
    report = Report()
    leaving = wanted.registries if record.is_by_options(wanted.owner) else ()
    for namespace in namespaces:
        target = wanted.target(namespace)
        try:
            _sync_accounts(tools, wanted, namespace, report, wanted_there=False)
            deed = sync.remove_secret(tools.api, target, leaving, is_dry=tools.is_dry)
        except HelperError as exc:
            _note(report, str(target), exc)
            continue
        if deed is Deed.REMOVED:
            report.synced.append(Synced(target, deed, {}, {}))
    return report


def remove_accounts(tools: Tools, wanted: PullSecret, namespaces: Sequence[str]) -> Report:
    """Take the Secrets out of the service accounts alone."""
    report = Report()
    for namespace in namespaces:
        try:
            _sync_accounts(tools, wanted, namespace, report, wanted_there=False)
        except HelperError as exc:
            _note(report, str(wanted.target(namespace)), exc)
    return report


def _check_wanted(tools: Tools, wanted: PullSecret) -> None:
    """Raise Refusal if what is wanted has changed; what is taken out would else be back."""
    if not tools.begin_write():
        raise Refusal(Reason.TERMINATING, f"the Secret {wanted.name} is no longer wanted")


def _sync_accounts(
    tools: Tools, wanted: PullSecret, namespace: str, report: Report, *, wanted_there: bool
) -> None:
    target = wanted.target(namespace)
    changed = sync.sync_accounts(
        tools.api, target, wanted.accounts, wanted=wanted_there, is_dry=tools.is_dry
    )
    report.accounts.extend(
        AccountChange(namespace, name, wanted.name, wanted_there) for name in changed
    )


def _note(report: Report, name: str, error: HelperError) -> None:
    """Note a failure, unless the namespace is being deleted: there is nothing to do there."""
    if reason_of(error) is not Reason.TERMINATING:
        report.failures.append(Failure(name, error))
