"""Settings that botocore refuses: the file and line, or the variable, that has the wrong value."""

import os
import re

from botocore.exceptions import ConfigParseError, InvalidConfigError

from docker_credential_ecrpy.aws.faults.config_file import (
    explain_parse_error,
    find_unreadable_file,
)
from docker_credential_ecrpy.aws.faults.sections import explain_unseen, explain_unseen_session
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

_NAME = re.compile(r'"([^"]+)"')
_SESSION = re.compile("sso[-_]session")
_NOT_WRONG = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION")
_BARE = 6  # characters of a value that is no chance in a text, also without quotes
_ROLE, _TOKEN_FILE = "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"


def explain_settings(exc: Exception) -> HelperError | None:
    """Return the error for settings that botocore refuses, if it is known where they are."""
    if isinstance(exc, ConfigParseError):
        return explain_parse_error(exc)
    text = str(exc)
    if isinstance(exc, InvalidConfigError):
        if "no role ARN" in " ".join(text.split()) and os.environ.get(_TOKEN_FILE):
            return _explain_half_web_identity()
        # It names profiles, so that AWS_PROFILE is in its text without being wrong.
        return _explain_missing(text) if "exist" in text else None
    return _explain_variable(text)


def _explain_missing(text: str) -> HelperError | None:
    """Return the error for a section that a profile names, and that is there in another form."""
    if found := find_unreadable_file():
        return found
    explain = explain_unseen_session if _SESSION.search(text) else explain_unseen
    errors = [explain(name) for name in _NAME.findall(text)]
    return next(filter(None, errors), None)


def _explain_half_web_identity() -> HelperError:
    command = f"unset {_TOKEN_FILE}"
    msg = f"{_TOKEN_FILE} is set, and {_ROLE} is not"
    hint = f"set {_ROLE}, or, if the other one is left over, run: {command}"
    return HelperError(msg, hint=hint, command=command, refused=True)


def _explain_variable(text: str) -> HelperError | None:
    """Return the error for a variable whose value botocore quotes as wrong."""
    for name, value in sorted(os.environ.items()):
        if not name.startswith("AWS_") or name in _NOT_WRONG or not value.strip():
            continue
        quoted = any(form in text for form in (repr(value), f'"{value}"', f"`{value}`"))
        if quoted or (len(value) >= _BARE and value in text):
            msg = f"the AWS settings are wrong: {name}: {one_line(text)}"
            hint = f"correct {name}, or run: unset {name}"
            return HelperError(msg, hint=hint, command=f"unset {name}", refused=True)
    return None
