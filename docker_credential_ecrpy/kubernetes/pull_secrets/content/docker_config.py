"""Merges logins into the JSON of a `.dockerconfigjson`, by the keys of `auths`."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Login
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal

_AUTHS = "auths"
_DEEPEST = 100  # levels; a login has three
_OURS = ("username", "password", "auth", "identitytoken", "registrytoken")
"""The last two would win over the password."""


class _TwiceError(ValueError):
    """An object of JSON has a key twice."""


def merge(
    old: bytes | None, logins: Mapping[str, Login], gone: Collection[str], name: str
) -> bytes:
    """Return the JSON with the logins, by their keys, and without the keys in `gone`.

    Everything else stays, and JSON that has the logins stays byte for byte. name: of the Secret,
    for errors. Raises Refusal for JSON that is malformed: others' logins would be lost.
    """
    config = _parse(old, name) if old else {}
    auths = _auths(config, name)
    merged = {key: value for key, value in auths.items() if key not in gone}
    for key, login in logins.items():
        merged[key] = _member(merged.get(key), login)
    if old and merged == config.get(_AUTHS):
        return old
    try:
        return json.dumps(config | {_AUTHS: merged}, allow_nan=False).encode()
    except ValueError as exc:  # a number that only Python reads
        raise _malformed(name, "a number is too large") from exc


def find(config: bytes | None, key: str, name: str) -> tuple[str, str] | None:
    """Return the user name and password under a key; None unless all their fields agree.

    Raises Refusal for JSON that is malformed.
    """
    member = _auths(_parse(config, name), name).get(key) if config else None
    if not isinstance(member, dict):
        return None
    username, password = member.get("username"), member.get("password")
    if not (isinstance(username, str) and isinstance(password, str)):
        return None
    return (
        (username, password) if member == _member(member, Login(key, username, password)) else None
    )


def is_empty(config: bytes) -> bool:
    """Whether the JSON of `merge` has no login, and no other setting."""
    return not any(json.loads(config).values())


def _member(old: object, login: Login) -> dict[str, Any]:
    """Return a registry's member: kubelet reads `auth` first, others the other two.

    Go reads a key in any case, and the last one counts.
    """
    found = old if isinstance(old, dict) else {}
    kept = {key: value for key, value in found.items() if key.casefold() not in _OURS}
    return kept | {"username": login.username, "password": login.password, "auth": login.auth}


def _parse(data: bytes, name: str) -> dict[str, Any]:
    try:
        config = json.loads(data, object_pairs_hook=_once)
        bounded.check_depth(config, _DEEPEST)
    except _TwiceError as exc:
        raise _malformed(name, "it has a key twice in one object") from exc
    except (ValueError, RecursionError) as exc:
        raise _malformed(name, "it is not JSON") from exc  # the parser's text may show a login
    if not isinstance(config, dict):
        raise _malformed(name, "it is not an object")
    return config


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; kubelet merges two of `auths`, and others take the first or the last."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _TwiceError
    return members


def _auths(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    auths = config.get(_AUTHS)
    if auths is None:
        return {}
    if not isinstance(auths, dict):
        raise _malformed(name, f'"{_AUTHS}" is not an object')
    return auths


def _malformed(name: str, why: str) -> Refusal:
    return Refusal(
        Reason.MALFORMED,
        f"the .dockerconfigjson of the Secret {name} is malformed: {why}",
        hint="fix it or delete the Secret; it is left as it is, for the logins of others in it",
    )
