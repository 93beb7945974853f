"""Errors for profiles and settings that botocore refuses: the key to change, and its file."""

import os
import re
from collections.abc import Callable, Mapping

from botocore import exceptions as boto

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.errors.places import (
    describe_profile,
    describe_setting,
    find_session_file,
)
from docker_credential_ecrpy.aws.errors.values import explain_value
from docker_credential_ecrpy.aws.faults import sections
from docker_credential_ecrpy.aws.faults.config_file import find_unreadable_file
from docker_credential_ecrpy.aws.sdk.roles import OWN_SOURCES
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.suggestion import suggest

SOURCES = ("Environment", "Ec2InstanceMetadata", "EcsContainer")
"""The values of `credential_source`."""
# What a profile has -> what it lacks then; botocore says nothing of it, or not in which profile.
_NEEDS = (
    (("sso_session", "sso_start_url"), ("sso_account_id", "sso_role_name")),
    (("aws_secret_access_key", "aws_session_token"), ("aws_access_key_id",)),
    (("aws_access_key_id",), ("aws_secret_access_key",)),
    (("source_profile", "credential_source", "web_identity_token_file"), ("role_arn",)),
)
_ROLE, _TOKEN_FILE = "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"
_QUOTED = re.compile("[\"']([^\"']*)[\"']")


def explain_setting(exc: Exception, call: CallContext) -> HelperError | None:
    """Return the error for a setting that an exception of botocore's is about; None for others."""
    if isinstance(exc, boto.PartialCredentialsError):  # of a role: keys are in faults
        return _explain_no_source(call)
    if isinstance(exc, boto.InfiniteLoopConfigError):
        return _explain_loop(call)
    text = str(exc) if isinstance(exc, boto.InvalidConfigError) else ""
    explain_text = next((_TEXTS[words] for words in _TEXTS if words in text), None)
    if explain_text:
        return explain_text(text, call)
    return explain_value(exc, call)


def explain_gap(call: CallContext) -> HelperError | None:
    """Return the error for a profile that lacks a key, for which botocore ignores the others."""
    for name in call.list_chain():
        profile = call.read_profiles().get(name, {})
        for keys, needed in () if _is_complete(profile) else _NEEDS:
            present = next((key for key in keys if key in profile), None)
            missing = " and ".join(key for key in needed if key not in profile)
            if present and missing:
                msg = f"{describe_profile(name, call, present)} has {present}, but no {missing}"
                hint = f"add {missing} to it"
                if present == "source_profile":
                    hint += f", or use its source_profile {one_line(profile['source_profile'])!r}"
                return HelperError(msg, hint=hint, refused=True)
    return None


def _is_complete(profile: Mapping[str, str]) -> bool:
    """Whether a profile has a whole source of credentials, so that a stray key does not matter."""
    pairs = ("aws_access_key_id", "aws_secret_access_key"), ("sso_account_id", "sso_role_name")
    whole = any(all(key in profile for key in pair) for pair in pairs)
    return whole or "credential_process" in profile or "login_session" in profile


def _explain_no_source(call: CallContext) -> HelperError:
    """Return the error for a role without credentials to assume it with."""
    name = call.list_chain()[-1]
    msg = f"{describe_profile(name, call, 'role_arn')} has role_arn, but neither source_profile nor"
    msg += " credential_source: nothing to assume the role with"
    others = _list_sources(call, name)
    hint = f"add source_profile = {others[0]} to it" if others else "add source_profile to it"
    hint += f" (or {', '.join(others[1:])})" if others[1:] else ""
    return HelperError(
        f"{msg}", hint=f"{hint}, or credential_source = {_either(SOURCES)}", refused=True
    )


def _list_sources(call: CallContext, but: str) -> list[str]:
    """Return the profiles with credentials, which may be the source of one."""
    keys = {*OWN_SOURCES, "role_arn"}
    found = (one_line(n) for n, p in call.read_profiles().items() if n != but and keys & p.keys())
    return sorted(found)


def _explain_loop(call: CallContext) -> HelperError:
    chain = call.list_chain()
    name = chain[-1]
    back = call.read_profiles().get(name, {}).get("source_profile", "")
    steps = " -> ".join(one_line(step) for step in [*chain, back])
    msg = f"{describe_setting('source_profile', name, call)} leads back to itself ({steps})"
    hint = "set it to a profile with keys, an SSO session or a credential_process of its own"
    return HelperError(msg, hint=hint, refused=True)


def _explain_two(text: str, call: CallContext) -> HelperError | None:
    name = _QUOTED.findall(text)[0]
    msg = (
        f"{describe_profile(name, call, 'role_arn')} has both source_profile and credential_source"
    )
    return HelperError(msg, hint="remove one of them", refused=True)


def _explain_unknown_source(text: str, call: CallContext) -> HelperError | None:
    value, name = _QUOTED.findall(text)[:2]
    near = suggest(value, SOURCES)
    msg = f"{describe_setting('credential_source', name, call)} is no source of credentials"
    hint = f"did you mean {near}? " if near else ""
    return HelperError(msg, hint=f"{hint}write {_either(SOURCES)}", refused=True)


def _explain_unknown_profile(text: str, call: CallContext) -> HelperError | None:
    value, name = _QUOTED.findall(text)[:2]
    if found := find_unreadable_file() or sections.explain_unseen(value):
        return found
    others = _list_sources(call, name)
    near = suggest(value, others)
    msg = f"{describe_setting('source_profile', name, call)} is a profile that does not exist"
    hint = f"did you mean {near!r}? " if near else ""
    listed = f"set it to one of: {', '.join(others)}" if others else "create that profile"
    return HelperError(msg, hint=hint + listed, refused=True)


def _explain_empty_source(text: str, call: CallContext) -> HelperError | None:
    error = explain_gap(call)
    if error:
        return error
    name = _QUOTED.findall(text)[0]
    msg = f"{describe_profile(name, call)}, which is a source_profile, has no credentials"
    others = [one for one in _list_sources(call, name) if one not in call.list_chain()]
    hint = "write keys, an SSO session or a credential_process into it"
    hint += f", or set source_profile to one of: {', '.join(others)}" if others else ""
    return HelperError(msg, hint=hint, refused=True)


def _explain_no_role(_text: str, call: CallContext) -> HelperError | None:
    of_environment = os.environ.get(_TOKEN_FILE) and not call.choice.profile
    return _explain_half_web_identity() if of_environment else explain_gap(call)


def _explain_half_web_identity() -> HelperError:
    command = f"unset {_TOKEN_FILE}"
    msg = f"{_TOKEN_FILE} is set, and {_ROLE} is not"
    hint = f"set {_ROLE}, or, if the other one is left over, run: {command}"
    return HelperError(msg, hint=hint, command=command, refused=True)


def _explain_sso(text: str, call: CallContext) -> HelperError | None:
    """Return the error for a profile that lacks keys of its SSO session."""
    name = _QUOTED.findall(text)[0]
    missing = re.findall(r"\bsso_\w+", text.partition("configuration:")[2])
    session = str(call.read_profiles().get(name, {}).get("sso_session", ""))
    of_session = session and all(key in ("sso_start_url", "sso_region") for key in missing)
    where = describe_profile(name, call, "sso_session" if session else "")
    if of_session:
        where = f"[sso-session {one_line(session)}] in {find_session_file(call)}"
    keys = " and ".join(missing)
    return HelperError(f"{where} has no {keys}", hint=f"add {keys} to it", refused=True)


def _explain_no_session(text: str, call: CallContext) -> HelperError | None:
    session = _QUOTED.findall(text)[-1]
    if found := find_unreadable_file() or sections.explain_unseen_session(session):
        return found
    chain, profiles = call.list_chain(), call.read_profiles()
    name = next((n for n in chain if "sso_session" in profiles.get(n, {})), chain[-1])
    known = sorted(call.core.full_config.get("sso_sessions", {}))
    near, file = suggest(session, known), find_session_file(call)
    msg = f"{describe_setting('sso_session', name, call)}: there is no"
    msg += f" [sso-session {one_line(session)}] in {file}"
    hint = f"did you mean {near!r}? " if near else ""
    hint += f"add that section with sso_start_url and sso_region to {file}"
    hint += f", or use one of: {', '.join(map(one_line, known))}" if known else ""
    return HelperError(msg, hint=hint, refused=True)


def _explain_two_values(text: str, call: CallContext) -> HelperError | None:
    found = re.search(r"\bsso_\w+", text)
    if not found:
        return None
    chain, profiles = call.list_chain(), call.read_profiles()
    name = next((n for n in chain if "sso_session" in profiles.get(n, {})), chain[-1])
    session = one_line(str(profiles.get(name, {}).get("sso_session", "")))
    msg = f"{describe_setting(found[0], name, call)} differs from that of [sso-session {session}]"
    return HelperError(msg, hint="remove it from the profile", refused=True)


def _explain_services(text: str, call: CallContext) -> HelperError | None:
    section = one_line(_QUOTED.findall(text)[0])
    file = find_session_file(call)
    msg = f"{describe_setting('services', call.profile, call)}: there is no [services {section}]"
    return HelperError(
        f"{msg} in {file}", hint="add that section, or remove services", refused=True
    )


_TEXTS: dict[str, Callable[[str, CallContext], HelperError | None]] = {
    "contains both source_profile and credential_source": _explain_two,
    "The credential source ": _explain_unknown_source,
    "The source_profile ": _explain_unknown_profile,
    "must have credentials": _explain_empty_source,
    "has no role ARN configured": _explain_no_role,
    "missing required configuration": _explain_sso,
    "missing the following configuration": _explain_sso,
    "sso-session does not exist": _explain_no_session,
    "sso_session configuration does not exist": _explain_no_session,
    "is inconsistent between": _explain_two_values,
    "services section": _explain_services,
}
"""Words of botocore's texts of an InvalidConfigError -> its error. A test raises each of them."""


def _either(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
