"""Brings one Secret, and the service accounts that name it, to what is wanted."""

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.controller.api.failure import ApiFailure, is_lost_race
from docker_credential_ecrpy.kubernetes.pull_secrets import secret, service_accounts
from docker_credential_ecrpy.kubernetes.pull_secrets.form import Target
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Login, Times, earliest
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import is_glob, matches
from docker_credential_ecrpy.kubernetes.pull_secrets.schedule import due_at
from docker_credential_ecrpy.kubernetes.pull_secrets.tokens import Found

_TRIES = 10  # against other writers, each with a fresh read
_SECRET, _ACCOUNT = "secret", "service_account"

Object = dict[str, Any]


class Api(Protocol):
    """The requests that are needed here; each raises ApiFailure."""

    def read(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Return an object; None if there is none."""

    def create(self, kind: str, namespace: str, made: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""

    def patch(
        self, kind: str, namespace: str, name: str, patch: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Change an object by a JSON merge patch."""

    def delete(self, kind: str, seen: Mapping[str, Any]) -> None:
        """Delete an object unless it has changed since it was seen."""

    def list_accounts(self, namespace: str) -> list[dict[str, Any]]:
        """Return the ServiceAccounts of a namespace."""


class Deed(Enum):
    """What was done to an object; the value is its word in messages."""

    NOTHING = "is up to date"
    CREATED = "is created"
    REFRESHED = "is refreshed"
    REMOVED = "is removed"


@dataclass(frozen=True)
class Job:
    """A Secret that is wanted.

    uid: for the jitter. identities: of each registry, as in `secret.read_times`. find: fetches the
    logins.
    """

    target: Target
    uid: str
    identities: Mapping[str, str]
    find: Callable[[], Found]


@dataclass(frozen=True)
class Synced:
    """What was done to a Secret.

    times: of the logins in it that are wanted, by registry. errors: why a registry has no new one.
    """

    target: Target
    deed: Deed
    times: Mapping[str, Times]
    errors: Mapping[str, HelperError]


def sync_secret(api: Api, job: Job, clock: Callable[[], int], *, is_dry: bool = False) -> Synced:
    """Create or refresh a Secret where that is due; nothing is written where it is not.

    With `is_dry`, no token is fetched either. clock: returns nanoseconds since the epoch (UTC).
    Raises Refusal for a Secret that must not be changed, and ApiFailure.
    """
    target = job.target
    for tries in range(_TRIES):
        now = clock()
        current = api.read(_SECRET, target.namespace, target.name)
        times = secret.read_times(current, target, job.identities, now) if current else None
        if times and due_at(earliest(times.values()), job.uid) > now:
            return Synced(target, Deed.NOTHING, times, {})
        deed = Deed.REFRESHED if current else Deed.CREATED
        if is_dry:
            stand_ins = [Login(key, "AWS", "-") for key in job.identities]
            _plan(current, target, stand_ins, now)
            return Synced(target, deed, {}, {})
        found = job.find()
        held = secret.read_valid(current, target, job.identities) if current else {}
        if not found.logins:
            return Synced(target, Deed.NOTHING, held, found.errors)
        logins = list(found.logins.values())
        try:
            planned = _plan(current, target, logins, now, tuple(found.errors))
            if planned is not None:
                _write(api, current, target, planned)
        except ApiFailure as exc:
            if tries + 1 == _TRIES or not (is_lost_race(exc) or _has_gone(current, exc)):
                raise
            continue
        fresh = held | {login.key: login.times for login in logins}
        return Synced(target, deed if planned else Deed.NOTHING, fresh, found.errors)
    raise AssertionError  # the last try raises


def _write(api: Api, current: Object | None, target: Target, planned: Mapping[str, Any]) -> None:
    if current is None:
        api.create(_SECRET, target.namespace, planned)
    else:
        api.patch(_SECRET, target.namespace, target.name, planned)


def _plan(
    current: Object | None,
    target: Target,
    logins: Sequence[Login],
    now: int,
    kept: Sequence[str] = (),
) -> Object | None:
    """Return the new Secret, or the patch; arguments as for `secret.change`."""
    if current is None:
        return secret.make(target, logins)
    return secret.change(current, target, logins, now, kept)


def _has_gone(current: Object | None, exc: ApiFailure) -> bool:
    """Whether the Secret was deleted between its read and its patch."""
    return current is not None and exc.code == ApiFailure.NOT_FOUND and not exc.is_of_namespace


def remove_secret(
    api: Api, target: Target, registries: Collection[str] = (), *, is_dry: bool = False
) -> Deed:
    """Take the owner's logins out of a Secret, or delete it if it is this program's.

    registries: as for `secret.removal`. Raises Refusal and ApiFailure.
    """
    for tries in range(_TRIES):
        current = api.read(_SECRET, target.namespace, target.name)
        patch = secret.removal(current, target, registries) if current else None
        if patch is None or current is None:
            return Deed.NOTHING
        try:
            if not is_dry and patch:
                api.patch(_SECRET, target.namespace, target.name, patch)
            elif not is_dry:
                api.delete(_SECRET, current)
        except ApiFailure as exc:
            if exc.code == ApiFailure.NOT_FOUND:
                return Deed.NOTHING
            if tries + 1 == _TRIES or not is_lost_race(exc):
                raise
            continue
        return Deed.REMOVED
    raise AssertionError  # the last try raises


def sync_accounts(
    api: Api, target: Target, patterns: Sequence[str], *, wanted: bool, is_dry: bool = False
) -> list[str]:
    """Append the Secret to the service accounts, or remove it; return the names of the changed.

    patterns: names or globs; a name alone needs no right to list. Raises ApiFailure.
    """
    changed = []
    make = service_accounts.append if wanted else service_accounts.remove
    for name in _find_accounts(api, target.namespace, patterns):
        for tries in range(_TRIES):
            account = api.read(_ACCOUNT, target.namespace, name)
            patch = make(account, target.name) if account else None
            if patch is None:
                break
            try:
                if not is_dry:
                    api.patch(_ACCOUNT, target.namespace, name, patch)
            except ApiFailure as exc:
                if tries + 1 == _TRIES or not is_lost_race(exc):
                    raise
                continue
            changed.append(name)
            break
    return changed


def _find_accounts(api: Api, namespace: str, patterns: Sequence[str]) -> list[str]:
    if not any(map(is_glob, patterns)):
        return list(patterns)
    names = [account["metadata"]["name"] for account in api.list_accounts(namespace)]
    return [name for name in names if matches(name, patterns)]
