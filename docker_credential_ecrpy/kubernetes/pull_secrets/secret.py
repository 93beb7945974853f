"""A pull secret as an object of the API: merged into what is there, never repaired by deletion.

A change is a JSON merge patch with the resourceVersion that was read, so that the API refuses it
with 409 if another writer was faster. The UID stays: a new one makes every node verify its images
again.
"""

import base64
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.kubernetes.pull_secrets import names
from docker_credential_ecrpy.kubernetes.pull_secrets.content import docker_config, record
from docker_credential_ecrpy.kubernetes.pull_secrets.form import (
    DOCKER_CONFIG_KEY,
    OPAQUE,
    Form,
    Target,
)
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Login, Times
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal

Object = Mapping[str, Any]
"""An object of the API, as its JSON says it."""


def make(target: Target, logins: Sequence[Login]) -> dict[str, Any]:
    """Return a new Secret with logins, at least one. Raises Refusal."""
    metadata: dict[str, Any] = {"name": target.name}
    if target.namespace:
        metadata["namespace"] = target.namespace
    if target.labels:
        metadata["labels"] = target.labels
    notes = {login.key: record.note(login, target.owner) for login in logins}
    metadata["annotations"] = {names.MANAGED_BY: PACKAGE} | record.annotations(notes)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": target.form.types[0],
        "data": _encode(target.put(logins, {}, ())),
    }


def change(
    current: Object, target: Target, logins: Sequence[Login], now: int, kept: Collection[str] = ()
) -> dict[str, Any] | None:
    """Return the patch that puts the logins into an existing Secret; None if it has them.

    Everything else stays. now: nanoseconds since the epoch (UTC). kept: the registries without a
    new login, whose old one stays. Raises Refusal for a Secret that must not be changed.
    """
    metadata = current["metadata"]
    if metadata.get("deletionTimestamp"):
        raise Refusal(Reason.TERMINATING, f"the Secret {target} is being deleted")
    values, notes = _decode(current, target), record.read(metadata)
    wanted = {login.key for login in logins} | {*kept}
    _check_owners(target, notes, wanted, now)
    gone = _gone(target, notes, wanted, now)
    mine = target.put(logins, values, gone)
    if target.form is not Form.DOCKER_CONFIG and not notes:
        _check_values(target, metadata, values, mine)
    notes = {key: one for key, one in notes.items() if key not in gone}
    notes |= {login.key: _note(target, login, notes.get(login.key)) for login in logins}
    data = {key: value for key, value in mine.items() if values.get(key) != value}
    labels = _missing(metadata.get("labels"), target.labels)
    annotations = _missing(metadata.get("annotations"), record.annotations(notes))
    if not (data or labels or annotations):
        return None
    if data and current.get("immutable"):
        raise Refusal(
            Reason.IMMUTABLE,
            f"the Secret {target} is immutable, so its login cannot be refreshed",
            hint="delete it, and it is created again without immutable: true; or name another one",
        )
    patch: dict[str, Any] = {"metadata": {"resourceVersion": metadata["resourceVersion"]}}
    patch["metadata"] |= {"annotations": annotations} if annotations else {}
    patch["metadata"] |= {"labels": labels} if labels else {}
    return patch | ({"data": _encode(data)} if data else {})


def removal(
    current: Object, target: Target, registries: Collection[str] = ()
) -> dict[str, Any] | None:
    """Return the patch that takes the owner's logins out again; None if it has none there.

    registries: those which leave although the options that wanted them were others. An empty patch
    stands for a Secret that this program created, and in which nothing would be left: it is to be
    deleted. Raises Refusal for one that must not be changed.
    """
    metadata = current["metadata"]
    notes = record.read(metadata)
    gone = {
        key
        for key, one in notes.items()
        if one.is_of(target.owner) or (key in registries and record.is_by_options(one.owner))
    }
    if not gone or metadata.get("deletionTimestamp"):
        return None
    values = _decode(current, target)
    left: dict[str, bytes] = {}
    if target.form is Form.DOCKER_CONFIG:
        left = target.put((), values, gone)
    others = set(values) - set(target.keys)
    is_empty = not others and (not left or docker_config.is_empty(left[DOCKER_CONFIG_KEY]))
    annotations = metadata.get("annotations") or {}
    if is_empty and annotations.get(names.MANAGED_BY) == PACKAGE:
        return {}
    if current.get("immutable"):
        msg = f"the Secret {target} is immutable, so its login cannot be removed"
        raise Refusal(Reason.IMMUTABLE, msg, hint="delete it")
    notes = {key: one for key, one in notes.items() if key not in gone}
    ours = [name for name in annotations if name.startswith(f"{names.GROUP}/")]
    changed: Mapping[str, str | None] = dict.fromkeys(ours)
    if notes:
        changed = record.annotations(notes)
    return {
        "metadata": {"resourceVersion": metadata["resourceVersion"], "annotations": changed},
        "data": dict.fromkeys(target.keys) | _encode(left),
    }


def read_times(
    current: Object, target: Target, identities: Mapping[str, str], now: int
) -> dict[str, Times] | None:
    """Return the times of the logins in a Secret; None unless all are there as they were written.

    So a restart, and a second replica, need no token. identities: each registry's, as in `Login`.
    now: nanoseconds since the epoch (UTC). Raises Refusal as `change`.
    """
    times = read_valid(current, target, identities)
    metadata = current["metadata"]
    notes = record.read(metadata)
    is_whole = (
        times.keys() == identities.keys()
        and not _missing(metadata.get("labels"), target.labels)
        and not _missing(metadata.get("annotations"), record.annotations(notes))
        and not _gone(target, notes, identities, now)
    )
    return times if is_whole else None


def read_valid(current: Object, target: Target, identities: Mapping[str, str]) -> dict[str, Times]:
    """Return the times of those logins in a Secret that are there as they were written.

    Raises Refusal as `change`.
    """
    values, notes = _decode(current, target), record.read(current["metadata"])
    found = {}
    for key, identity in identities.items():
        one, held = notes.get(key), target.find(key, values)
        if one is None or held is None or not one.serves(target.owner):
            continue
        if one.digest == record.digest(Login(key, *held, identity, one.times), one.times):
            found[key] = one.times
    return found


def _note(target: Target, login: Login, old: record.Note | None) -> record.Note:
    """Return the note of a login; that of other options stays as long as its login does."""
    new = record.note(login, target.owner)
    is_same = old is not None and old.digest == new.digest and old.serves(target.owner)
    return old if old and is_same else new


def _gone(target: Target, notes: record.Record, wanted: Collection[str], now: int) -> set[str]:
    """Return the registries whose logins are taken out.

    They are the owner's own, and those of options that are no longer in use: they have expired.
    """
    mine = ("", target.owner)
    by_options = record.is_by_options(target.owner)
    return {
        key
        for key, one in notes.items()
        if key not in wanted
        and (
            one.owner in mine
            or (by_options and record.is_by_options(one.owner) and one.times.expires <= now)
        )
    }


def _check_owners(target: Target, notes: record.Record, wanted: Collection[str], now: int) -> None:
    """Raise Refusal if another owner keeps one of the registries fresh.

    In the other forms there is one login, so that each of another owner is in the way.
    """
    is_one = target.form is not Form.DOCKER_CONFIG
    for key, one in notes.items():
        is_changed = key not in wanted and not one.is_of(target.owner) and one.times.expires > now
        if (is_one and is_changed) or (key in wanted and not one.yields_to(target.owner, now)):
            what = f"the Secret {target}" if is_one else f"{key} in the Secret {target}"
            raise Refusal(
                Reason.NOT_MANAGED,
                f"{what} is kept fresh by {one.owner}",
                hint="name another Secret, or take it out there",
            )


def _missing(there: Mapping[str, str] | None, wanted: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in wanted.items() if (there or {}).get(name) != text}


def _check_values(
    target: Target, metadata: Object, values: Mapping[str, bytes], mine: Mapping[str, bytes]
) -> None:
    """Raise Refusal for values of others that would be overwritten: they cannot be merged."""
    foreign = sorted(name for name, value in mine.items() if values.get(name, value) != value)
    if foreign and (metadata.get("annotations") or {}).get(names.MANAGED_BY) != PACKAGE:
        raise Refusal(
            Reason.NOT_MANAGED,
            f"the Secret {target} has values of others: {', '.join(foreign)}",
            hint="name another one, remove these keys, or hand it over with the annotation"
            f" {names.MANAGED_BY}: {PACKAGE}",
        )


def _decode(current: Object, target: Target) -> dict[str, bytes]:
    """Return the values of a Secret. Raises Refusal for another type, and for other text."""
    found, allowed = current.get("type") or OPAQUE, target.form.types
    if found not in allowed:
        raise Refusal(
            Reason.WRONG_TYPE,
            f"the Secret {target} has the type {found}, which cannot change;"
            f" the form {target.form.value} needs {allowed[0]}",
            hint="delete it, or name another one",
        )
    try:
        data = current.get("data") or {}
        return {key: base64.b64decode(text or "", validate=True) for key, text in data.items()}
    except ValueError as exc:
        msg = f"the Secret {target} has data that is not base64"
        raise Refusal(Reason.MALFORMED, msg) from exc


def _encode(values: Mapping[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(value).decode() for key, value in values.items()}
