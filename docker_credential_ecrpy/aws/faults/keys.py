"""Access keys with a fault that shows: quotes, comments, placeholders, a token that does not match.

No message has a value, or a part of one; the four letters that say what kind of key it is do.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
"""

import os
import re

from botocore.exceptions import PartialCredentialsError

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.faults.config_file import Section, list_sections
from docker_credential_ecrpy.aws.faults.precedence import UNSET, find_shadowed
from docker_credential_ecrpy.aws.faults.sections import explain_unknown_keys, find_profile
from docker_credential_ecrpy.aws.faults.values import find_surplus
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import dataclass

_ID, _SECRET, _TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"
_OLD_TOKEN = "aws_security_token"  # noqa: S105 - a key that comes before aws_session_token
_NAMES = (_ID, _SECRET, _TOKEN)
_ROLE, _BOTO = "assume-role", "boto-config"  # botocore's names of sources
_STATIC = ("env", "shared-credentials-file", "config-file")
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
    new, old = keys.get(_TOKEN), keys.pop(_OLD_TOKEN, None)
    if old:
        keys[_TOKEN] = old
    for key in keys.values():
        fault = _find_fault(key)
        if fault:
            return HelperError(f"{key.place} {fault[0]}", hint=fault[1], refused=True)
    if new and old and new.value != old.value:
        msg = (
            f"{old.place} is used instead of {new.place.partition(' in ')[0]}, and is another token"
        )
        command = f"unset {old.variable}" if old.variable else ""
        hint = f"run: {command}" if command else "remove that line"
        return HelperError(msg, hint=hint, command=command, refused=True)
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
    if provider == _BOTO:
        msg = f"the AWS credentials in /etc/boto.cfg or ~/.boto are incomplete: no {missing}"
        hint = "set both the access key id and the secret access key there"
        return HelperError(msg, hint=hint, refused=True)
    # botocore takes both halves from one file, and looks in the credentials file first.
    is_config, source = provider == "config-file", call.find_sso_login()[0]
    names = {source} if provider == _ROLE else {call.profile, source}
    halves = [one for one in _list_halves() if one[0] in names]
    name, used = next(
        ((name, at) for name, at in halves if provider == _ROLE or at.file.is_config is is_config),
        (call.profile, None),
    )
    present = _SECRET if missing == _ID else _ID
    msg = f"AWS profile {name!r}"
    msg += f" in {used.place}" if used else ""
    msg = f"the AWS credentials are incomplete: {msg} has {present}, but no {missing}"
    for other, section in halves:
        if other == name and section is not used:
            msg += f"; that in {section.place} is not used with it"
    hint = f"set both {_ID} and {_SECRET} in it"
    return explain_unknown_keys(name) or HelperError(msg, hint=hint, refused=True)


def explain_half_environment() -> HelperError | None:
    """Return the error for a secret key in the environment without its id; None for others."""
    name, secret = _ID.upper(), _SECRET.upper()
    if os.environ.get(name) or not os.environ.get(secret):
        return None
    msg = f"{secret} is set, and {name} is not, or is empty"
    hint = "set both (a secret of CI that does not exist, or that this job may not read, is empty),"
    return HelperError(msg, hint=f"{hint} or use a profile: {UNSET}", command=UNSET, refused=True)


def add_shadowed(error: HelperError, call: CallContext, operation: str = "") -> HelperError:
    """Return an error with the profile that other credentials keep from being used."""
    if found := find_shadowed(call, operation):
        hint = f"{found.subject} {found.reason}; {found.cure}"
        error.hint = f"{hint}; otherwise {error.hint}" if error.hint else hint
        error.command = found.command
    return error


def _is_of_chain(call: CallContext, operation: str) -> bool:
    """Whether an operation is signed with the keys of a profile's source profile."""
    return operation == "AssumeRole" and not call.resolved


def _list_halves() -> list[tuple[str, Section]]:
    """Return the sections with a part of an access key, and the profile of each."""
    return [
        (name, section)
        for section in list_sections()
        if (name := find_profile(section)) is not None
        and any(setting.key in (_ID, _SECRET) for setting in section.settings)
    ]


def _list_keys(call: CallContext, operation: str) -> dict[str, _Key]:
    """Return the parts of the static access key that an operation is signed with, by name."""
    if call.uses_environment(operation):
        variables = [name for name in _NAMES if name.upper() in os.environ]
        variables += [_OLD_TOKEN] if os.environ.get(_OLD_TOKEN.upper()) else []
        return {
            name: _Key(name, os.environ[name.upper()], name.upper(), name.upper())
            for name in variables
        }
    if call.source not in _STATIC and not _is_of_chain(call, operation):
        return {}
    profile = call.find_sso_login()[0]
    values = call.read_profiles().get(profile, {})
    # botocore takes all parts from one file, and looks in the credentials file first.
    sections = [section for name, section in _list_halves() if name == profile]
    with_id = [one for one in sections if any(each.key == _ID for each in one.settings)]
    section = min(with_id, key=lambda one: one.file.is_config, default=None)
    if section is None:
        return {}
    keys = {
        key: _Key(key, str(values[key]), f"{key} in {section.find_place(setting)}")
        for setting in section.settings
        if (key := setting.key) in (*_NAMES, _OLD_TOKEN) and key in values
    }
    return {name: keys[name] for name in (*_NAMES, _OLD_TOKEN) if name in keys}


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
    if key.name not in (_TOKEN, _OLD_TOKEN) and _PLACEHOLDER.fullmatch(text):
        return "is a placeholder, and not a key", "set the key that AWS has shown for it"
    if re.search(r"\s", text):
        return "has a blank in it", "set it again on one line"
    if not text.isascii():
        return "has a non-ASCII character in it", "set it again"
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
