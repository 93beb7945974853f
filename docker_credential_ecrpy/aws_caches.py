"""The AWS CLI's caches of credentials and SSO sessions, used with care."""

import os
from typing import Any

from botocore.utils import JSONFileCache, parse_timestamp

from docker_credential_ecrpy.files import private


def make_careful() -> None:
    """Have damaged files and full disks be no failure, also in the caches that botocore makes.

    It has no way to hand those in.
    """
    JSONFileCache.__setitem__ = _write_if_possible  # type: ignore[method-assign]  # on purpose
    JSONFileCache.__contains__ = _holds  # type: ignore[method-assign]  # same


class CliCache(JSONFileCache):
    """The AWS CLI's cache of assumed-role and SSO credentials, in `~/.aws/cli/cache`.

    Sharing it makes one `aws` command with an MFA code serve Docker too.
    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
    """

    def __init__(self) -> None:
        super().__init__(os.path.expanduser(os.path.join("~", ".aws", "cli", "cache")))

    def __contains__(self, key: object) -> bool:
        try:
            found = self[str(key)]["Credentials"]
            names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
            texts = all(isinstance(found[name], str) for name in names)
            return texts and _is_time(found["Expiration"])
        except (LookupError, TypeError, RecursionError):
            return False  # damaged, as after a full disk: as good as none


def _holds(self: JSONFileCache, key: str) -> bool:
    """Whether one of botocore's caches has something that can be used.

    An SSO session whose file is damaged is one that has to be begun anew.
    """
    try:
        found = self[key]
    except (KeyError, RecursionError):
        return False
    return isinstance(found, dict) and ("expiresAt" not in found or _is_time(found["expiresAt"]))


def _is_time(value: object) -> bool:
    """Whether it is a time that botocore can compare with the present one."""
    try:
        return isinstance(value, str) and parse_timestamp(value).tzinfo is not None
    except (ValueError, OverflowError, RuntimeError):
        return False


def _write_if_possible(self: JSONFileCache, key: str, value: Any) -> None:
    """Write to one of botocore's caches, of credentials or sessions, if that can be done.

    A session that was just renewed serves this call also when the home is read-only or full.
    """
    path: str = self._convert_cache_key(key)  # type: ignore[attr-defined]  # not in the stub
    text: str = self._dumps(value)  # type: ignore[attr-defined]  # same
    if not os.path.isdir(os.path.expanduser("~")):
        return  # what is to have no home gets none
    try:
        if not os.path.isdir(os.path.dirname(path)):
            private.own_directory(os.path.dirname(path))
        private.write_whole(path, text.encode(), shared=True)
    except OSError:
        pass  # botocore goes on with what it holds
