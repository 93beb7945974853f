"""The AWS CLI's caches of sessions, as botocore reads and writes them.

A damaged session counts as missing, and a full disk is no error.
"""

import json
import os
from collections.abc import Iterable
from typing import Any

from botocore.utils import JSONFileCache

from docker_credential_ecrpy.aws.sdk import inputs
from docker_credential_ecrpy.aws.sdk.sessions import times
from docker_credential_ecrpy.files import bounded

_KEYS = ("AccessKeyId", "SecretAccessKey", "SessionToken")
_LOGIN_RENEWAL = ("refreshToken", "clientId")
_LOGIN_CREDENTIALS = ("accessKeyId", "secretAccessKey", "sessionToken", "accountId")
_RENEWAL = ("refreshToken", "clientId", "clientSecret")
_REGISTRATION = "registrationExpiresAt"
_DEEPEST = 100


def patch() -> None:
    """Adapt botocore's caches, which callers cannot replace; a second call changes nothing more."""
    JSONFileCache.__setitem__ = _write_if_possible  # type: ignore[method-assign]  # on purpose
    JSONFileCache.__contains__ = _has_usable  # type: ignore[method-assign]  # same
    JSONFileCache.__getitem__ = _read  # type: ignore[method-assign]  # same


class CliCache(JSONFileCache):
    """The AWS CLI's cache of assumed-role credentials, in `~/.aws/cli/cache`.

    Since it is shared, one `aws` command with an MFA code serves Docker too.
    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
    """

    def __init__(self) -> None:
        super().__init__(os.path.expanduser(os.path.join("~", ".aws", "cli", "cache")))

    def __contains__(self, key: object) -> bool:
        try:
            found: Any = self[str(key)]
        except KeyError:
            return False
        keys = found.get("Credentials") if isinstance(found, dict) else None
        return _are_usable(keys, _KEYS, "Expiration")


def _has_usable(self: JSONFileCache, key: str) -> bool:
    """Whether a cache of botocore's has a usable session; a damaged one is not usable."""
    try:
        found: Any = self[key]
    except KeyError:
        return False
    if isinstance(found, dict) and "dpopKey" in found:  # of `aws login`
        keys = found.get("accessToken")
        has_keys = _are_usable(keys, _LOGIN_CREDENTIALS, "expiresAt")
        return has_keys and _are_usable(found, _LOGIN_RENEWAL) and _is_pem(found["dpopKey"])
    return _are_usable(found, ("accessToken",), "expiresAt")


def _are_usable(fields: Any, texts: Iterable[str], expiry: str = "") -> bool:
    """Whether an entry of a cache is a dict with these texts, and this time unless it is ""."""
    if not isinstance(fields, dict) or not all(_is_usable(fields.get(name)) for name in texts):
        return False
    return not expiry or not times.find_fault(fields.get(expiry))


def _is_usable(value: object) -> bool:
    """Whether a value is a text that a request can hold."""
    return (
        isinstance(value, str) and value.isascii() and value.isprintable() and bool(value.strip())
    )


def _is_pem(value: object) -> bool:
    return isinstance(value, str) and _is_usable("".join(value.splitlines()))


def _read(self: JSONFileCache, key: str) -> Any:
    """Return an entry of a botocore cache, and note its file. Raises KeyError.

    What only the renewal of an IAM Identity Center session needs is left out if it is damaged: the
    session is used until it ends.
    """
    path: str = self._convert_cache_key(key)  # type: ignore[attr-defined]  # not in the stub
    try:
        found = json.loads(inputs.read(path))
        bounded.check_depth(found, _DEEPEST)
    except (OSError, ValueError, RecursionError):
        raise KeyError(key) from None
    if not isinstance(found, dict) or "dpopKey" in found:
        return found
    damaged = {name for name in _RENEWAL if not _is_usable(found.get(name))}
    if times.find_fault(found.get(_REGISTRATION)):
        damaged.add(_REGISTRATION)
    return {name: value for name, value in found.items() if name not in damaged}


def _write_if_possible(self: JSONFileCache, key: str, value: Any) -> None:
    """Write an entry of a botocore cache, unless the home is missing, full or read-only."""
    path: str = self._convert_cache_key(key)  # type: ignore[attr-defined]  # not in the stub
    text: str = self._dumps(value)  # type: ignore[attr-defined]  # same
    if not os.path.isdir(os.path.expanduser("~")):
        return  # do not create a home directory
    from docker_credential_ecrpy.files import replace

    try:
        replace.write_shared(path, text.encode())
        inputs.current().note_written(path, text.encode())
    except OSError:
        pass  # botocore has the value in memory
