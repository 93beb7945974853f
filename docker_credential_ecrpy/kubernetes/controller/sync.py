"""Brings one Secret, and the service accounts that name it, to what is wanted."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Protocol

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.controller.api.failure import ApiFailure, is_lost_race
from docker_credential_ecrpy.kubernetes.pull_secrets import secret, service_accounts
from docker_credential_ecrpy.kubernetes.pull_secrets.form import Target
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Login, Times, times_of
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import is_glob, matches
from docker_credential_ecrpy.kubernetes.pull_secrets.schedule import due_at
from docker_credential_ecrpy.kubernetes.pull_secrets.tokens import Found

_TRIES = 10  # against other writers, each with a fresh read
_SECRET, _ACCOUNT = "secret", "service_account"
_MERGE = "application/merge-patch+json"

Object = dict[str, Any]


class Api(Protocol):
    """The requests that are needed here; each raises ApiFailure."""

    def read(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """Return an object; None if there is none."""

    def create(self, kind: str, namespace: str, made: Mapping[str, Any]) -> dict[str, Any]:
        """Create an object."""

    def patch(
        self, kind: str, place: tuple[str, str], patch: Mapping[str, Any], content_type: str
    ) -> dict[str, Any]:
        """Patch an object at a namespace and name."""

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
    """A Secret after a try. times: of the logins that it holds; None for none of this program's.

    errors: of the registries without a new token, by their keys.
    """

    target: Target
    deed: Deed
    times: Times | None
    errors: Mapping[str, HelperError]


def sync_secret(api: Api, job: Job, now: int, *, is_dry: bool = False) -> Synced:
    """Create or refresh a Secret where that is due; nothing is written where it is not.

    With `is_dry`, no token is fetched either. Raises Refusal for a Secret that must not be changed,
    ApiFailure, and the error of the first registry if none has a token.
    """
    target = job.target
    for tries in range(_TRIES):
        current = api.read(_SECRET, target.namespace, target.name)
        times = secret.read_times(current, target, job.identities) if current else None
        if times and due_at(times, job.uid) > now:
            return Synced(target, Deed.NOTHING, times, {})
        deed = Deed.REFRESHED if current else Deed.CREATED
        if is_dry:
            stand_ins = [Login(key, "AWS", "-") for key in job.identities]
            _plan(current, target, (stand_ins, Times(now, now, now), ()))
            return Synced(target, deed, times, {})
        found = job.find()
        if not found.logins:
            raise next(iter(found.errors.values()))
        logins = [login for login, _ in found.logins.values()]
        fresh = times_of([at for _, at in found.logins.values()])
        try:
            planned = _plan(current, target, (logins, fresh, tuple(found.errors)))
            if planned is not None:
                _write(api, current, target, planned)
        except ApiFailure as exc:
            if tries + 1 == _TRIES or not (is_lost_race(exc) or _has_gone(current, exc)):
                raise
            continue
        return Synced(target, deed if planned else Deed.NOTHING, fresh, found.errors)
    raise AssertionError  # the last try raises


def _write(api: Api, current: Object | None, target: Target, planned: Mapping[str, Any]) -> None:
    if current is None:
        api.create(_SECRET, target.namespace, planned)
    else:
        api.patch(_SECRET, (target.namespace, target.name), planned, _MERGE)


def _plan(
    current: Object | None, target: Target, held: tuple[Sequence[Login], Times, Sequence[str]]
) -> Object | None:
    """Return the new Secret or the patch; held: as the last arguments of `secret.change`."""
    logins, times, kept = held
    if current is None:
        return secret.make(target, logins, times)
    return secret.change(current, target, logins, times, kept)


def _has_gone(current: Object | None, exc: ApiFailure) -> bool:
    """Whether the Secret was deleted between its read and its patch."""
    return current is not None and exc.code == ApiFailure.NOT_FOUND and not exc.is_of_namespace


def remove_secret(api: Api, target: Target, *, is_dry: bool = False) -> Deed:
    """Take this program's logins out of a Secret, or delete it if it is its own.

    Raises Refusal and ApiFailure.
    """
    for tries in range(_TRIES):
        current = api.read(_SECRET, target.namespace, target.name)
        patch = secret.removal(current, target) if current else None
        if patch is None or current is None:
            return Deed.NOTHING
        try:
            if not is_dry and patch:
                api.patch(_SECRET, (target.namespace, target.name), patch, _MERGE)
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
                    api.patch(_ACCOUNT, (target.namespace, name), patch, _MERGE)
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
