"""Credentials that are not used, because another source of them takes precedence."""

import os
import re
import shlex
from collections.abc import Mapping

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.faults.config_file import find_unreadable_file
from docker_credential_ecrpy.aws.faults.sections import name_variable
from docker_credential_ecrpy.aws.sdk.roles import OWN_SOURCES
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.sanitize import one_line

UNSET = "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
"""The command that removes the keys from the environment."""
_WEB_IDENTITY = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN")
_METADATA = ("container-role", "iam-role")
_ID = "aws_access_key_id"
_USER_KEY = "AKIA"
_SOURCES = (*OWN_SOURCES, "role_arn", "sso_account_id")
"""Keys of a profile, at least one of which it has if it gives credentials."""


@dataclass(frozen=True)
class Identity:
    """What the files tell of the identity of a profile; "" for what they do not."""

    key: str = ""
    account: str = ""
    role: str = ""

    def differs(self, arn: str, key: str) -> bool | None:
        """Whether a caller is another identity; None if that is not known.

        key: the id of the access key that the caller has, if it is a static one.
        """
        if self.key and key:
            return self.key != key
        account, _, name = arn.partition("::")[2].partition(":")
        if not name:
            return None
        if self.account and self.account != account:
            return True
        if self.role:
            return not re.fullmatch(
                rf"assumed-role/(AWSReservedSSO_)?{re.escape(self.role)}(_\w+)?/.*", name
            )
        return True if self.key.startswith(_USER_KEY) and not name.startswith("user/") else None


@dataclass(frozen=True)
class Shadowed:
    """Credentials that are not used.

    subject: what is used. reason: why, or instead of what. key: the id of the access key in use,
    if it is a static one. is_fault: whether a file is at fault, so that nothing wants it so.
    """

    subject: str
    reason: str
    cure: str
    command: str
    identity: Identity = Identity()
    key: str = ""
    is_fault: bool = False

    def is_other(self, arn: str) -> bool | None:
        """Whether they are another identity than the caller's; None if that is not known."""
        return self.is_fault or self.identity.differs(arn, self.key)


def find_shadowed(call: CallContext, operation: str = "") -> Shadowed | None:
    """Return the credentials that others take precedence over in a call; None for none."""
    if operation == "AssumeRole" and not call.resolved:
        return None  # signed with the keys of a profile's source profile
    if call.choice.profile:
        return None
    profiles = call.read_profiles()
    used = profiles.get(call.profile, {})
    if call.uses_environment(operation):
        subject, key = "the keys in the environment are", os.environ.get(_ID.upper(), "")
        return _find_profile(call, call.profile, subject, UNSET, key)
    if _is_web_identity(call, used):
        subject = f"the web identity in {_WEB_IDENTITY[1]} is"
        return _find_profile(call, call.profile, subject, f"unset {' '.join(_WEB_IDENTITY)}")
    others = [os.environ.get(name, "") for name in ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")]
    if all(others) and others[1] != others[0]:
        subject, key = f"AWS_DEFAULT_PROFILE = {one_line(others[0])} is", str(used.get(_ID, ""))
        return _find_profile(call, others[1], subject, "unset AWS_DEFAULT_PROFILE", key)
    if call.source in _METADATA and (error := find_unreadable_file()):
        subject, reason = f"{call.describe_source()} is", f"used because {error.message}"
        cure = error.hint or ""
        return Shadowed(subject, reason, cure, error.command, is_fault=True)
    return None


def _is_web_identity(call: CallContext, profile: Mapping[str, str]) -> bool:
    """Whether the web identity of the environment is used, and not that of the profile."""
    of_web = call.source == "assume-role-with-web-identity"
    return of_web and "web_identity_token_file" not in profile


def _find_profile(
    call: CallContext, name: str, subject: str, unset: str, key: str = ""
) -> Shadowed | None:
    """Return a profile that has credentials of its own, which are not those of a key in use."""
    profiles = call.read_profiles()
    profile = profiles.get(name, {})
    identity = _read_identity(profile)
    if not any(profile.get(each) for each in _SOURCES) or (key and identity.key == key):
        return None
    variable = name_variable() if name == call.core.profile else "AWS_PROFILE"
    what = f"the profile in {variable}, {one_line(name)!r}"
    if not (os.environ.get("AWS_PROFILE") or call.core.profile):
        what = "the profile 'default'"
    command = unset
    if _takes_environment(profiles, name) and unset == UNSET:
        # Without the keys, its role could not be assumed; a rule's profile comes before them.
        host, option = call.registry.host, shlex.quote(name)
        command = f"{PACKAGE} configure {host} --profile {option}"
    cure = f"to use that, run: {command}"
    return Shadowed(subject, f"used instead of {what}", cure, command, identity, key)


def _read_identity(profile: Mapping[str, str]) -> Identity:
    arn = str(profile.get("role_arn", ""))
    if arn:
        account = arn.partition("::")[2].partition(":")[0]
        return Identity("", account, arn.rpartition("/")[2])
    account, role = (str(profile.get(key, "")) for key in ("sso_account_id", "sso_role_name"))
    return Identity("" if role else str(profile.get(_ID, "")), account, role)


def _takes_environment(profiles: Mapping[str, Mapping[str, str]], name: str) -> bool:
    """Whether the role of a profile is assumed with the keys in the environment."""
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        profile = profiles.get(name, {})
        if profile.get("credential_source") == "Environment":
            return True
        name = str(profile.get("source_profile", name))
    return False
