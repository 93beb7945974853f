"""A pull secret as an object of the API: merged into what is there, never repaired by deletion.

A change is a JSON merge patch with the resourceVersion that was read, so that the API refuses it
with 409 if another writer was faster. The UID stays: a new one makes every node verify its images
again.
"""

import base64
import calendar
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.kubernetes.pull_secrets import docker_config, names
from docker_credential_ecrpy.kubernetes.pull_secrets.form import (
    DOCKER_CONFIG_KEY,
    OPAQUE,
    Form,
    Target,
)
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Login, Times, checksum
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal
from docker_credential_ecrpy.text.times import stamp

Object = Mapping[str, Any]
"""An object of the API, as its JSON says it."""


def make(target: Target, logins: Sequence[Login], times: Times) -> dict[str, Any]:
    """Return a new Secret. Raises Refusal."""
    metadata: dict[str, Any] = {"name": target.name}
    if target.namespace:
        metadata["namespace"] = target.namespace
    if target.labels:
        metadata["labels"] = target.labels
    keys = [login.key for login in logins]
    annotations = _annotations(logins, keys, times)
    metadata["annotations"] = {names.MANAGED_BY: PACKAGE} | annotations
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": target.form.types[0],
        "data": _encode(target.put(logins, {}, ())),
    }


def change(
    current: Object,
    target: Target,
    logins: Sequence[Login],
    times: Times,
    kept: Collection[str] = (),
) -> dict[str, Any] | None:
    """Return the patch that puts the logins into an existing Secret; None if it has them.

    Everything else stays. kept: the registries without a new login, whose old one stays. Raises
    Refusal for a Secret that must not be changed.
    """
    metadata = current["metadata"]
    if metadata.get("deletionTimestamp"):
        raise Refusal(Reason.TERMINATING, f"the Secret {target} is being deleted")
    values, held = _decode(current, target), _held(metadata)
    wanted = {login.key for login in logins} | {*kept} & {*held}
    mine = target.put(logins, values, {*held} - wanted)
    if target.form is not Form.DOCKER_CONFIG and not held:
        _check_owner(target, values, mine, logins[0].key)
    data = {key: value for key, value in mine.items() if values.get(key) != value}
    labels = _missing(metadata.get("labels"), target.labels)
    annotations = _missing(metadata.get("annotations"), _annotations(logins, wanted, times))
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


def removal(current: Object, target: Target) -> dict[str, Any] | None:
    """Return the patch that takes this program's logins out again; None if it holds none.

    An empty patch stands for a Secret that this program created, and in which nothing would be
    left: it is to be deleted. Raises Refusal for one that must not be changed.
    """
    metadata = current["metadata"]
    held = _held(metadata)
    if not held or metadata.get("deletionTimestamp"):
        return None
    values = _decode(current, target)
    left: dict[str, bytes] = {}
    if target.form is Form.DOCKER_CONFIG:
        left = target.put((), values, held)
    others = set(values) - set(target.keys)
    is_empty = not others and (not left or docker_config.is_empty(left[DOCKER_CONFIG_KEY]))
    annotations = metadata.get("annotations") or {}
    if is_empty and annotations.get(names.MANAGED_BY) == PACKAGE:
        return {}
    if current.get("immutable"):
        msg = f"the Secret {target} is immutable, so its login cannot be removed"
        raise Refusal(Reason.IMMUTABLE, msg, hint="delete it")
    ours = [name for name in annotations if name.startswith(f"{names.GROUP}/")]
    return {
        "metadata": {
            "resourceVersion": metadata["resourceVersion"],
            "annotations": dict.fromkeys(ours),
        },
        "data": dict.fromkeys(target.keys) | _encode(left),
    }


def read_times(current: Object, target: Target, identities: Mapping[str, str]) -> Times | None:
    """Return the times of the logins in a Secret; None unless all are there as they were written.

    So a restart, and a second replica, need no token. identities: each registry's, as in `Login`.
    Raises Refusal as `change`.
    """
    metadata = current["metadata"]
    annotations = metadata.get("annotations") or {}
    values = _decode(current, target)
    found = {key: target.find(key, values) for key in identities}
    logins = [Login(key, *at, identities[key]) for key, at in found.items() if at]
    texts = [annotations.get(name, "") for name in _TIMES]
    if (
        len(logins) < len(identities)
        or _missing(metadata.get("labels"), target.labels)
        or sorted(_held(metadata)) != sorted(identities)
        or annotations.get(names.CHECKSUM) != checksum(logins, texts)
    ):
        return None
    return Times(*map(_parse_stamp, texts))


_TIMES = (names.REFRESHED_AT, names.REFRESH_AT, names.EXPIRES_AT)


def _annotations(
    logins: Sequence[Login], registries: Collection[str], times: Times
) -> dict[str, str]:
    texts = [stamp(when) for when in (times.written, times.refresh, times.expires)]
    return {
        names.REGISTRIES: ",".join(sorted(registries)),
        names.CHECKSUM: checksum(logins, texts),
        **dict(zip(_TIMES, texts, strict=True)),
    }


def _parse_stamp(text: str) -> int:
    """Return the time of `times.stamp`, which the checksum vouches for."""
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")) * cache.SECOND


def _missing(there: Mapping[str, str] | None, wanted: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in wanted.items() if (there or {}).get(name) != text}


def _held(metadata: Object) -> list[str]:
    text = (metadata.get("annotations") or {}).get(names.REGISTRIES, "")
    return [key for key in text.split(",") if key]


def _check_owner(
    target: Target, values: Mapping[str, bytes], mine: Mapping[str, bytes], key: str
) -> None:
    """Raise Refusal for values of others that would be overwritten: they cannot be merged."""
    foreign = sorted(name for name, value in mine.items() if values.get(name, value) != value)
    if foreign:
        raise Refusal(
            Reason.NOT_MANAGED,
            f"the Secret {target} has values of others: {', '.join(foreign)}",
            hint="name another one, remove these keys, or hand it over with the annotation"
            f" {names.REGISTRIES}: {key}",
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
