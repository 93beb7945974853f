"""AWS profiles and the account of each, from the AWS config and credentials files alone."""

import os
import re
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ConfigParseError, InvalidConfigError

from docker_credential_ecrpy.aws.sdk import known_secrets
from docker_credential_ecrpy.aws.sdk import patches as sdk_patches
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.registry import is_account
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.settings.rules import AUTO, Choice
from docker_credential_ecrpy.text.expression import expression
from docker_credential_ecrpy.text.sanitize import one_line

# Keys that name a profile's account, those that AWS's own programs read first. The values are
# account ids, ARNs, and commands with either.
_KEYS = (
    "sso_account_id",
    "role_arn",
    "login_session",
    "granted_sso_account_id",
    "credential_process",
    "x_principal_arn",
    "azure_default_role_arn",
    "google_config.role_arn",
    "adfs_config.role_arn",
    "aws_account_id",
)
_OF_AWS, _OF_PROGRAMS = _KEYS[:3], _KEYS[3:-1]
_ARN = expression(r"\barn:[\w-]+:[\w-]+:[\w-]*:(\d{12}):(\w*)", re.ASCII)
_NUMBER = expression(r"(?<![\w.-])\d{12}(?![\w.-])", re.ASCII)
_PROFILE_OPTION = expression(r"--profile[= ]+(?:\"([^\"]+)\"|'([^']+)'|(\S+))")
Profiles = Mapping[str, Mapping[str, Any]]


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
    accounts = {name: find_account(profiles, name) for name in sorted(profiles)}
    # What AWS's own programs read takes precedence: aws_account_id is only a note.
    for keys in (_OF_AWS, _OF_PROGRAMS, _KEYS[-1:]):
        found = [n for n, (key, number) in accounts.items() if key in keys and number == account]
        if len(found) == 1:
            return found[0]
        if found:
            msg = f"{where}: {len(found)} AWS profiles belong to account {account}"
            names = ", ".join(f"{one_line(name)!r} (by {accounts[name][0]})" for name in found)
            raise HelperError(msg, hint=f"write one of them: {names}")
    from docker_credential_ecrpy.aws.faults.config_file import find_unreadable_file

    if unreadable := find_unreadable_file():
        raise unreadable
    if unseen := _explain_unseen(account):
        unseen.message = f"{where}: {unseen.message}"
        raise unseen
    msg = f"{where}: no AWS profile names account {account} (by {', '.join(_KEYS)})"
    others = ", ".join(
        f"{one_line(name)!r} ({one_line(number) or 'names no account'})"
        for name, (_, number) in accounts.items()
    )
    if others:
        raise HelperError(msg, hint=f"name one in the rule: {others}")
    command = "aws configure sso"
    raise HelperError(msg, hint=f"create one with: {command}", command=command)


def _explain_unseen(account: str) -> HelperError | None:
    """Return the error for a section with an account that botocore takes for no profile."""
    from docker_credential_ecrpy.aws.faults import sections
    from docker_credential_ecrpy.aws.faults.config_file import list_sections

    for section in list_sections():
        keys = {setting.key: setting.value for setting in section.settings}
        if find_account({"": keys}, "")[1] == account:
            error = sections.explain_unseen_section(section)
            if error:
                return error
    return None


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
    for name in sorted(profiles):
        regions = (profiles[each].get("region") for each in _list_chain(profiles, name))
        region = next(filter(None, regions), otherwise)
        account = find_account(profiles, name)[1]
        found.append(ProfileSummary(name, account if is_account(account) else "", str(region)))
    return found


def _read_profiles(core: botocore.session.Session) -> Profiles:
    try:
        found: Profiles = core.full_config.get("profiles", {})
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
    from docker_credential_ecrpy.aws.faults.config_file import explain_parse_error
    from docker_credential_ecrpy.aws.faults.variables import explain_variable

    found = None
    if isinstance(exc, ConfigParseError):
        found = explain_parse_error(exc)
    elif not isinstance(exc, InvalidConfigError):  # it names profiles, not values
        found = explain_variable(str(exc))
    if found:
        return found
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


def find_account(profiles: Profiles, name: str) -> tuple[str, str]:
    """Return the key that names a profile's account, and the account; "" for none.

    A profile that names none has the account of the one that it gets its credentials from.
    """
    for each in _list_chain(profiles, name):
        for key in _KEYS:
            value = profiles[each].get(key)
            if value and isinstance(value, str) and (account := _parse_account(key, value)):
                return key, account
    return "", ""


def _parse_account(key: str, value: str) -> str:
    """Return the account in a key's value; "" for none, or for more than one in a command."""
    if key.endswith("account_id"):
        return value
    arns = _ARN.findall(value)
    roles = {account for account, kind in arns if kind in ("role", "assumed-role")}
    found = roles or {account for account, _ in arns} or set(_NUMBER.findall(value))
    return found.pop() if len(found) == 1 else ""


def _list_chain(profiles: Profiles, name: str) -> list[str]:
    """Return a profile, and those that it gets its credentials from, one after the other.

    The next one is its source_profile, or the --profile of its credential_process.
    """
    chain: list[str] = []
    while name in profiles and name not in chain:
        chain.append(name)
        option = _PROFILE_OPTION.search(str(profiles[name].get("credential_process", "")))
        in_command = "".join(option.groups("")) if option else ""
        name = str(profiles[name].get("source_profile") or in_command)
    return chain
