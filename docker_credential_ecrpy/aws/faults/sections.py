"""Sections and keys that a user sees in AWS's files, and that the AWS SDK does not use."""

import os
import re
import shlex

from docker_credential_ecrpy.aws.faults.config_file import (
    Section,
    Setting,
    find_unreadable_file,
    list_sections,
)
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.suggestion import suggest

_PREFIX = re.compile(r"(?:profiles?|(?:sso[-_ ]?)?sessions?)[\s:._-]+(.+)", re.IGNORECASE)
_SESSION = re.compile(r"sso[-_ ]?sessions?[\s:._-]|session[\s:._-]", re.IGNORECASE)
_PROFILE_VARIABLES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")  # in botocore's order
_KEYS = (
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "role_arn",
    "source_profile",
    "credential_source",
    "credential_process",
    "web_identity_token_file",
    "sso_session",
    "sso_account_id",
    "sso_role_name",
    "sso_start_url",
    "sso_region",
    "login_session",
)
"""The keys of a profile that name its credentials."""
_OTHER_KEYS = (
    "region",
    "aws_account_id",
    "aws_security_token",
    "role_session_name",
    "sso_registration_scopes",
    "output",
)


def explain_unseen(name: str) -> HelperError | None:
    """Return the error for a profile whose section the AWS SDK takes for something else."""
    for section in list_sections():
        seen, meant = find_profile(section), _find_meant(section.header)
        is_session = _SESSION.match(section.header)
        if seen != name and meant.casefold() == name.casefold() and not is_session:
            right = _write_header(name, is_config=section.file.is_config)
            return _explain_header(section, right, f"profile {name!r}")
    return None


def explain_unseen_session(name: str) -> HelperError | None:
    """Return the error for an SSO session whose section the AWS SDK takes for something else."""
    right = f"[sso-session {_quote(name)}]"
    for section in list_sections():
        is_session = _SESSION.match(section.header) or section.header.strip() == name
        if is_session and _find_meant(section.header) == name:
            if section.file.is_config:
                return _explain_header(section, right, f"SSO session {name!r}")
            msg = f"{section.place}: an SSO session is read from the AWS config file alone"
            hint = f"move [{one_line(section.header)}] from the credentials file there"
            return HelperError(msg, hint=hint, refused=True)
    return None


def explain_unknown_keys(name: str) -> HelperError | None:
    """Return the error for a key of a profile that only looks like one of AWS's."""
    for section in list_sections():
        if find_profile(section) != name:
            continue
        keys = [setting.key for setting in section.settings]
        for setting in section.settings:
            if setting.hidden and setting.key in _KEYS:
                return _explain_hidden(section, setting)
            if setting.key in _KEYS + _OTHER_KEYS:
                continue
            if near := _suggest_key(setting.key, keys):
                msg = f"{section.find_place(setting)}: AWS has no key {one_line(setting.key)!r}"
                return HelperError(msg, hint=f"write {near} there", refused=True)
    return None


def _suggest_key(wrong: str, keys: list[str]) -> str:
    """Return the key of AWS's that was probably meant; "" for one of another tool, or a note.

    keys: those of the section.
    """
    words = re.findall(r"[^\W_]+", wrong.removeprefix("export "))
    near = suggest(" ".join(words), [key for key in _KEYS if key not in keys])
    meant = near.split("_")
    # Other tools have keys of their own, such as granted_sso_account_id.
    is_own = words[-len(meant) :] == meant and words != meant and words[0] != "aws"
    shared = len(set(words) & set(meant))
    # One word says much only beside a key of AWS's.
    says_enough = shared != 1 or any(key in _KEYS for key in keys)
    return near if says_enough and not is_own else ""


def explain_unseen_section(section: Section) -> HelperError | None:
    """Return the error for a section that looks like a profile's, and is none to the AWS SDK."""
    if find_profile(section) is not None or _SESSION.match(section.header):
        return None
    name = _find_meant(section.header)
    name = "default" if name.casefold() == "default" else name
    right = _write_header(name, is_config=section.file.is_config)
    return _explain_header(section, right, f"profile {name!r}")


def explain_missing(name: str) -> HelperError | None:
    """Return the error for what keeps the AWS SDK from finding a profile or its credentials."""
    return find_unreadable_file() or explain_unseen(name) or explain_unknown_keys(name)


def explain_twice(name: str) -> HelperError | None:
    """Return the error for a profile with two sections in one file, of which one is read."""
    for section in (found := [one for one in list_sections() if find_profile(one) == name]):
        first = next(one for one in found if one.file == section.file)
        if first is not section:
            msg = (
                f"{section.place}: this section is profile {name!r} again, as in line {first.line},"
            )
            msg += " and the AWS SDK reads only one of the two"
            return HelperError(msg, hint="merge the two sections into one", refused=True)
    return None


def explain_misnamed(name: str, others: list[str], variable: str) -> HelperError | None:
    """Return the error for a profile's name that is not the one of its section.

    others: the profiles that exist. variable: the one that has the name; "" for a rule.
    """
    clean = clean_name(name)
    like = [each for each in others if each.casefold() == clean.casefold() != "default"]
    right = clean if clean in others else (like or [""])[0]
    if right and right != name:
        reason = describe_dirt(name) or f"is written {right!r} in its section"
        msg = (
            f"the AWS profile's name in {variable or 'the rule'}, {one_line(repr(name))}, {reason}"
        )
        command = f"export {variable}={shlex.quote(right)}" if variable else ""
        hint = f"run: {command}" if variable else f"write profile = {right!r}"
        return HelperError(msg, hint=hint, command=command, refused=True)
    return find_unreadable_file() or explain_unseen(clean)


def find_profile(section: Section) -> str | None:
    """Return the profile that botocore takes a section for; None for no profile."""
    header = section.header
    if section.hidden or header == "DEFAULT":  # configparser's own
        return None
    if not section.file.is_config or header == "default":
        return header
    try:
        words = shlex.split(header) if header.startswith("profile") else []
    except ValueError:
        return None
    return words[1] if len(words) == len(("profile", "name")) else None


def clean_name(name: str) -> str:
    """Return a profile's name without blanks and quotes around it, and without "profile"."""
    return name.strip().strip("\"'").strip().removeprefix("profile ").strip()


def describe_dirt(name: str) -> str:
    """Return what `clean_name` removes from a name; "" for nothing."""
    if name == clean_name(name):
        return ""
    if "\r" in name:
        return "ends in a carriage return, as the lines of a Windows file do"
    if name != name.strip():
        return "has a blank at its start or end"
    return "has quotes that belong to it" if name[:1] in "\"'" else "begins with 'profile'"


def name_variable() -> str:
    """Return the variable that chooses the profile."""
    return next((name for name in _PROFILE_VARIABLES if os.environ.get(name)), "AWS_PROFILE")


def _explain_hidden(section: Section, setting: Setting) -> HelperError:
    place = section.find_place(setting)
    msg = f"{place}: {setting.key} is indented, so it belongs to the line before it"
    return HelperError(msg, hint="remove the blanks at the start of that line", refused=True)


def _explain_header(section: Section, right: str, what: str) -> HelperError:
    wrong = one_line(f"[{section.header}]")
    if section.hidden:
        msg = f"{section.place}: {wrong} is indented, so it belongs to the line before it"
        hint = f"remove the blanks at the start of that line, and write {right}"
    else:
        kind = "config" if section.file.is_config else "credentials"
        msg = f"{section.place}: in an AWS {kind} file, {wrong} is not {what}"
        hint = f"write {right} in that line"
    return HelperError(msg, hint=hint, refused=True)


def _find_meant(header: str) -> str:
    """Return the name that a section's header is likely meant to have."""
    text = header.strip().strip("\"'").strip()
    found = _PREFIX.fullmatch(text)
    return (found[1] if found else text).strip().strip("\"'").strip()


def _write_header(name: str, *, is_config: bool) -> str:
    if name == "default" or not is_config:
        return f"[{name}]"
    return f"[profile {_quote(name)}]"


def _quote(name: str) -> str:
    return f'"{name}"' if shlex.quote(name) != name else name
