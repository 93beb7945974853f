"""The AWS profiles and the account of each, read from the AWS config files alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError

from docker_credential_ecrpy.aws import sdk_patches
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.registry import is_account
from docker_credential_ecrpy.settings.rules import AUTO, Choice
from docker_credential_ecrpy.text.sanitize import one_line

_KEYS = ("role_arn", "sso_account_id", "aws_account_id")
_ROLE_ACCOUNT = 4  # the field of an ARN that holds the account


def profile_for_account(choice: Choice) -> str:
    """Return the name of the only profile of the registry's account.

    For ECR Public, which belongs to no account, that is "": the ambient identity. Raises
    HelperError where there is none or more than one, or the files cannot be read.
    """
    where = f'{choice.chosen_at}: profile = "{AUTO}"'
    account = choice.registry.account
    if not account:
        return ""
    profiles = _read_profiles(make_botocore_session())
    accounts = {name: _find_account(profile) for name, profile in sorted(profiles.items())}
    # The account of the identity that a profile leads to goes before its own aws_account_id.
    for keys in (("sso_account_id", "role_arn"), ("aws_account_id",)):
        found = [n for n, (key, number) in accounts.items() if key in keys and number == account]
        if len(found) == 1:
            return found[0]
        if found:
            msg = f"{where}: {len(found)} AWS profiles are of account {account}"
            names = ", ".join(f"{one_line(name)!r} (by {accounts[name][0]})" for name in found)
            raise HelperError(msg, hint=f"write the one that you mean: {names}")
    msg = f"{where}: no AWS profile is of account {account}, by {', '.join(_KEYS)}"
    others = ", ".join(
        f"{one_line(name)!r} ({one_line(number) or 'of no account that it names'})"
        for name, (_, number) in accounts.items()
    )
    hint = f"write the one that you mean: {others}" if others else "run 'aws configure sso'"
    raise HelperError(msg, hint=hint)


@dataclass(frozen=True)
class ProfileSummary:
    """An AWS profile with its account and its region; "" where it names none."""

    name: str
    account: str
    region: str


def list_profiles(environ: Mapping[str, str]) -> list[ProfileSummary]:
    """Return every profile; the region defaults to the environment's or the default profile's.

    Raises HelperError where the files cannot be read.
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
    """Return the region of the profile in use, "" where it names none. Raises HelperError."""
    core = make_botocore_session()
    try:
        return str(core.get_scoped_config().get("region", ""))
    except BotoCoreError as exc:
        raise explain_wrong_settings(exc, core) from exc


def explain_wrong_settings(exc: Exception, core: botocore.session.Session) -> HelperError:
    """Return the error for AWS settings that botocore cannot use."""
    msg = f"the AWS settings are wrong: {one_line(str(exc))}"
    return HelperError(msg, hint=f"mend {name_config_files(core)} or the AWS_... variables")


def name_config_files(core: botocore.session.Session) -> str:
    """Return the files that the profiles are read from, as an error names them."""
    names = ("config_file", "credentials_file")
    return " or ".join(one_line(str(core.get_config_variable(name))) for name in names)


def make_botocore_session(profile: str = "") -> botocore.session.Session:
    """Return botocore's session for a profile, or for the ambient identity.

    A profile named here goes before the keys in the environment; one from AWS_PROFILE does not.
    """
    sdk_patches.patch_process()
    return botocore.session.Session(profile=profile or None)


def _find_account(profile: Mapping[str, Any]) -> tuple[str, str]:
    """Return the setting of a profile that names its account, and the account."""
    for key in _KEYS:  # first the identity that it leads to, whatever its source profile is
        value = profile.get(key)
        if value and isinstance(value, str):
            fields = [*value.split(":"), *[""] * _ROLE_ACCOUNT]
            return key, fields[_ROLE_ACCOUNT] if key == "role_arn" else value
    return "", ""
