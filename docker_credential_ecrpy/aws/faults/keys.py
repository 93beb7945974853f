"""Access keys with a fault that shows: quotes, comments, placeholders, a token that does not match.

No message has a value, or a part of one; the four letters that say what kind of key it is do.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
"""

import os
import re
from dataclasses import dataclass

from botocore.exceptions import PartialCredentialsError

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.faults.config_file import list_sections
from docker_credential_ecrpy.aws.faults.sections import (
    explain_unknown_keys,
    find_profile,
    name_variable,
)
from docker_credential_ecrpy.aws.faults.values import find_surplus
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

_ID, _SECRET, _TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
_OLD_TOKEN = "AWS_SECURITY_TOKEN"  # noqa: S105 - a variable that comes before AWS_SESSION_TOKEN
_NAMES = (_ID, _SECRET, _TOKEN)
_ROLE, _BOTO = "assume-role", "boto-config"  # botocore's names of sources
_STATIC = ("env", "shared-credentials-file", "config-file")
UNSET = "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
"""The command that removes the keys from the environment."""
_PERMANENT, _TEMPORARY = "AKIA", "ASIA"
_SECRET_LENGTH = 40
_NOT_KEYS = ("AIDA", "AROA", "AGPA", "AIPA", "ANPA")  # ids of users, roles, groups and the like
_PLACEHOLDER = re.compile(
    r"<.*>|.*x{6,}.*|\$.*|%.*%|\{\{.*|.*example(key)?|[x*.#-]+|.*\bx{4,}|\W*(your|my|insert|replace|change|enter)"
    r"[\W_].*|changeme|none|null|todo|test|(aws)?[\W_]*(access|secret)[\W_].*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Key:
    """A part of an access key. place: the variable, or the key with its file and line."""

    name: str
    value: str
    place: str
    variable: str = ""


def explain_keys(call: CallContext, operation: str = "") -> HelperError | None:
    """Return the error for a fault that shows in the access key of a call; None for another key."""
    keys = _list_keys(call, operation)
    for key in keys.values():
        fault = _find_fault(key)
        if fault:
            return HelperError(f"{key.place} {fault[0]}", hint=fault[1], refused=True)
    return _explain_pair(keys)


def explain_partial(exc: PartialCredentialsError, call: CallContext) -> HelperError | None:
    """Return the error for an access key of which one half is missing; None for others."""
    provider, missing = exc.kwargs.get("provider"), str(exc.kwargs.get("cred_var")).strip("'")
    if provider == "env":
        msg = f"the AWS credentials in the environment are incomplete: {missing} is not set"
        hint = f"set both AWS_ACCESS_KEY_ID and {missing}, or use a profile: {UNSET}"
        return HelperError(msg, hint=hint, refused=True)
    if missing not in _NAMES:
        return None
    hint = "set both the access key id and the secret access key there"
    if provider == _BOTO:
        msg = f"the AWS credentials in /etc/boto.cfg or ~/.boto are incomplete: no {missing}"
        return HelperError(msg, hint=hint, refused=True)
    halves, source = _list_halves(), call.find_sso_login()[0]
    name = call.profile if call.profile in halves and provider != _ROLE else source
    msg = f"the AWS credentials of profile {name!r} are incomplete: there is no {missing}"
    if place := halves.get(name):
        msg += f" in {place}"
    return explain_unknown_keys(name) or HelperError(msg, hint=hint, refused=True)


def add_shadowed(error: HelperError, call: CallContext, operation: str = "") -> HelperError:
    """Return an error with the profile that the keys in the environment keep from being used."""
    shadowed = find_shadowed(call, operation)
    if not shadowed:
        return error
    hint = f"the keys in the environment are used instead of {shadowed}; to use that, run: {UNSET}"
    error.hint, error.command = f"{hint}; otherwise {error.hint}" if error.hint else hint, UNSET
    return error


def find_shadowed(call: CallContext, operation: str = "") -> str:
    """Return the profile that keys in the environment take precedence over; "" for none."""
    if not call.uses_environment(operation) or _is_of_chain(call, operation):
        return ""
    if call.core.profile:
        return f"the profile in {name_variable()}, {one_line(call.core.profile)!r}"
    has_own = set(call.read_profiles().get("default", {})) - {"region", "output"}
    return "the profile 'default'" if has_own else ""


def _is_of_chain(call: CallContext, operation: str) -> bool:
    """Whether an operation is signed with the keys of a profile's source profile."""
    return operation == "AssumeRole" and not call.resolved


def _list_halves() -> dict[str, str]:
    """Return the profiles with a part of an access key, and the place of each."""
    found: dict[str, str] = {}
    for section in list_sections():
        name = find_profile(section)
        if name is not None and any(setting.key in _NAMES for setting in section.settings):
            found.setdefault(name, section.place)
    return found


def _list_keys(call: CallContext, operation: str) -> dict[str, _Key]:
    """Return the parts of the static access key that an operation is signed with, by name."""
    if call.uses_environment(operation):
        variables = {name: name.upper() for name in _NAMES}
        if os.environ.get(_OLD_TOKEN):
            variables[_TOKEN] = _OLD_TOKEN
        return {
            name: _Key(name, os.environ[variable], variable, variable)
            for name, variable in variables.items()
            if variable in os.environ
        }
    if call.source not in _STATIC and not _is_of_chain(call, operation):
        return {}
    profile = call.find_sso_login()[0]
    values, keys = call.read_profiles().get(profile, {}), {}
    for section in list_sections():
        if find_profile(section) != profile:
            continue
        for setting in section.settings:
            if setting.key in _NAMES and setting.key in values:
                place = f"{setting.key} in {section.find_place(setting)}"
                keys[setting.key] = _Key(setting.key, str(values[setting.key]), place)
    return {name: keys[name] for name in _NAMES if name in keys}


def _find_fault(key: _Key) -> tuple[str, str] | None:
    """Return what is wrong with a part of an access key, and the cure."""
    value, text = key.value, key.value.strip()
    if not text:
        return "is empty", "set it again, or remove it"
    if "\n" in text:
        if key.variable:
            return "has a line break in it", "set it again on one line"
        cure = "remove the blanks at the start of that line"
        return "goes on in the next line, which is indented", cure
    if surplus := find_surplus(value):
        return surplus
    if key.name != _TOKEN and _PLACEHOLDER.fullmatch(text):
        return "is a placeholder, and not a key", "set the key that AWS has shown for it"
    if re.search(r"\s", text):
        return "has a blank in it", "set it again on one line"
    return _find_wrong_form(key.name, text)


def _find_wrong_form(name: str, text: str) -> tuple[str, str] | None:
    both = "set the access key id and the secret access key again"
    if name == _ID and not re.fullmatch(r"\w{16,128}", text):
        return "is not the id of an access key, which has 16 or more letters and digits", both
    if name == _ID and text.startswith(_NOT_KEYS):
        return "is the id of a user or a role, and not that of an access key", both
    if name == _SECRET and text.startswith((_PERMANENT, _TEMPORARY)) and len(text) < _SECRET_LENGTH:
        return "has the id of an access key, and not its secret", both
    if name == _SECRET and not re.fullmatch(r"[A-Za-z0-9/+=]+", text):
        return "has a character that no secret access key has", both
    if name == _SECRET and len(text) != _SECRET_LENGTH:
        return f"has {len(text)} characters, and a secret access key has {_SECRET_LENGTH}", both
    return None


def _explain_pair(keys: dict[str, _Key]) -> HelperError | None:
    """Return the error for a session token that is missing, or that is left over."""
    key, token = keys.get(_ID), keys.get(_TOKEN)
    if key and key.value.startswith(_TEMPORARY) and not token:
        name = _TOKEN.upper() if key.variable else _TOKEN
        msg = f"{key.place} is a temporary key ({_TEMPORARY}), and there is no {name}"
        hint = f"set {name}, which AWS shows together with that key"
        hint += f", or use a profile: {UNSET}" if key.variable else ""
        return HelperError(msg, hint=hint, refused=True)
    if key and key.value.startswith(_PERMANENT) and token:
        msg = f"{token.place} does not belong to the key in {key.variable or _ID}, which is a"
        msg += f" permanent one ({_PERMANENT}) and needs no token"
        command = f"unset {token.variable}" if token.variable else ""
        hint = f"run: {command}" if command else "remove that line"
        return HelperError(msg, hint=hint, command=command, refused=True)
    return None
