"""AWS profiles and the account of each, from the AWS config and credentials files alone."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError

from docker_credential_ecrpy.aws.sdk import known_secrets
from docker_credential_ecrpy.aws.sdk import patches as sdk_patches
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.registry import is_account
from docker_credential_ecrpy.settings.rules import AUTO, Choice
from docker_credential_ecrpy.text.sanitize import one_line

_KEYS = ("role_arn", "sso_account_id", "aws_account_id")
_ROLE_ACCOUNT = 4  # the field of an ARN that holds the account


def profile_for_account(choice: Choice) -> str:
    """Return the name of the only profile of the registry's account.

    ECR Public belongs to no account: "" stands for the ambient identity. Raises HelperError if
    there is no such profile or more than one, or if the files cannot be read.
    """
    where = f'{choice.chosen_at}: profile = "{AUTO}"'
    account = choice.registry.account
    if not account:
        return ""
    profiles = _read_profiles(make_botocore_session())
    accounts = {name: _find_account(profile) for name, profile in sorted(profiles.items())}
    # The account of a profile's SSO session or role takes precedence over its aws_account_id.
    for keys in (("sso_account_id", "role_arn"), ("aws_account_id",)):
        found = [n for n, (key, number) in accounts.items() if key in keys and number == account]
        if len(found) == 1:
            return found[0]
        if found:
            msg = f"{where}: {len(found)} AWS profiles belong to account {account}"
            names = ", ".join(f"{one_line(name)!r} (by {accounts[name][0]})" for name in found)
            raise HelperError(msg, hint=f"write one of them: {names}")
    msg = (
        f"{where}: no AWS profile names account {account} in {', '.join(_KEYS[:-1])} or {_KEYS[-1]}"
    )
    others = ", ".join(
        f"{one_line(name)!r} ({one_line(number) or 'names no account'})"
        for name, (_, number) in accounts.items()
    )
    if others:
        raise HelperError(msg, hint=f"name one in the rule: {others}")
    command = "aws configure sso"
    raise HelperError(msg, hint=f"create one with: {command}", command=command)


@dataclass(frozen=True)
class ProfileSummary:
    """An AWS profile with its account and its region; "" if it names none."""

    name: str
    account: str
    region: str


def list_profiles(environ: Mapping[str, str]) -> list[ProfileSummary]:
    """Return every profile; the region defaults to the environment's or the default profile's.

    Raises HelperError if the files cannot be read.
    """
    profiles = _read_profiles(make_botocore_session())
    otherwise = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    otherwise = otherwise or str(profiles.get("default", {}).get("region", ""))
    found = []
    for name, profile in sorted(profiles.items()):
        source = profiles.get(str(profile.get("source_profile", "")), {})
        region = profile.get("region") or source.get("region") or otherwise
        account = _find_account(profile)[1]
        found.append(ProfileSummary(name, account if is_account(account) else "", str(region)))
    return found


def _read_profiles(core: botocore.session.Session) -> Mapping[str, Mapping[str, Any]]:
    try:
        found: Mapping[str, Mapping[str, Any]] = core.full_config.get("profiles", {})
    except BotoCoreError as exc:
        raise explain_wrong_settings(exc, core) from exc
    return found


def find_region() -> str:
    """Return the region of the profile in use, or "". Raises HelperError."""
    core = make_botocore_session()
    try:
        return str(core.get_scoped_config().get("region", ""))
    except BotoCoreError as exc:
        raise explain_wrong_settings(exc, core) from exc


def explain_wrong_settings(exc: Exception, core: botocore.session.Session) -> HelperError:
    """Return the error for AWS settings that botocore cannot use."""
    msg = f"the AWS settings are wrong: {one_line(str(exc))}"
    hint = f"fix {name_config_files(core)} or the AWS_... variables"
    return HelperError(msg, hint=hint, refused=True)


def describe_unknown(name: str, files: str) -> str:
    """Return that a profile does not exist. files: those that were read, by name_config_files."""
    return f"AWS profile {one_line(name)!r} is not in {files}"


def name_config_files(core: botocore.session.Session) -> str:
    """Return the profiles' files, as an error names them."""
    names = ("config_file", "credentials_file")
    return " or ".join(one_line(str(core.get_config_variable(name))) for name in names)


def make_botocore_session(profile: str = "") -> botocore.session.Session:
    """Return botocore's session for a profile, or for the ambient identity.

    This profile takes precedence over keys in the environment; one from AWS_PROFILE does not.
    """
    sdk_patches.patch_process()
    known_secrets.note_files(os.environ)
    return botocore.session.Session(profile=profile or None)


def _find_account(profile: Mapping[str, Any]) -> tuple[str, str]:
    """Return the setting of a profile that names its account, and the account."""
    for key in _KEYS:  # in order: the profile's own account, then its source profile's
        value = profile.get(key)
        if value and isinstance(value, str):
            fields = [*value.split(":"), *[""] * _ROLE_ACCOUNT]
            return key, fields[_ROLE_ACCOUNT] if key == "role_arn" else value
    return "", ""
