"""Variables and keys that are wrong or left over: which one sends a request where it fails."""

import os
import re
from collections.abc import Callable

from docker_credential_ecrpy.aws.context import CallContext, find_origin
from docker_credential_ecrpy.aws.faults.config_file import list_sections
from docker_credential_ecrpy.aws.faults.unreadable import explain_closed_token, explain_unreadable
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

_ENDPOINT = re.compile(r"AWS_ENDPOINT_URL(_\w+)?|AWS_EC2_METADATA_SERVICE_ENDPOINT")
_SWITCHES = {"use_fips_endpoint": "fips", "use_dualstack_endpoint": "dual_stack"}
"""botocore's switches for other endpoints -> the field of a registry that asks for the same."""
_IGNORE = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
_WEB_IDENTITY = "AWS_WEB_IDENTITY_TOKEN_FILE"
# Their values are names that a text may have for another reason.
_NOT_WRONG = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION")
_BARE = 6  # characters of a value that is no chance in a text, also without quotes


class Origin:
    """Where a setting is set. name: the variable, or the key with its file and line."""

    def __init__(self, name: str, *, is_variable: bool) -> None:
        self.name = name
        self.command = f"unset {name}" if is_variable else ""
        self.cure = f"run: {self.command}" if is_variable else "remove that line"


def find_value(value: str, *names: str) -> Origin | None:
    """Return which of AWS's variables, or of these other ones, or of its files' keys is `value`."""
    if not value:
        return None
    for name, text in os.environ.items():
        if (name.startswith("AWS_") or name in names) and os.path.expanduser(text) == value:
            return Origin(name, is_variable=True)
    return _find_key(lambda _, text: os.path.expanduser(text) == value)


def find_endpoint(url: str) -> Origin | None:
    """Return the variable or the key that chooses the endpoint with the origin of a URL."""
    origin = find_origin(url)
    for name, text in sorted(os.environ.items(), reverse=True):  # a service's own comes first
        if _ENDPOINT.fullmatch(name) and find_origin(text) == origin:
            return Origin(name, is_variable=True)
    return _find_key(lambda key, text: key.endswith("endpoint_url") and find_origin(text) == origin)


def find_switch(call: CallContext) -> Origin | None:
    """Return the variable or the key that switches to another endpoint."""
    if os.environ.get(_IGNORE, "").lower() == "true" and any(map(_ENDPOINT.fullmatch, os.environ)):
        return Origin(_IGNORE, is_variable=True)
    for key, asked in _SWITCHES.items():
        if getattr(call.registry, asked) or not call.core.get_config_variable(key):
            continue
        variable = f"AWS_{key.upper()}"
        if os.environ.get(variable):
            return Origin(variable, is_variable=True)
        return _find_key(lambda name, _: name in _SWITCHES)
    return None


def explain_variable(text: str) -> HelperError | None:
    """Return the error for a variable whose value a text of botocore's quotes as wrong."""
    for name, value in sorted(os.environ.items()):
        if not name.startswith("AWS_") or name in _NOT_WRONG or not value.strip():
            continue
        quoted = any(form in text for form in (repr(value), f'"{value}"', f"`{value}`"))
        if quoted or (len(value) >= _BARE and value in text):
            msg = f"the AWS settings are wrong: {name}: {one_line(text)}"
            hint = f"correct {name}, or run: unset {name}"
            return HelperError(msg, hint=hint, command=f"unset {name}", refused=True)
    return None


def add_left_over(
    error: HelperError, origin: Origin | None, verb: str, otherwise: str = ""
) -> HelperError:
    """Add to the hint of an error which setting may be left over, and how to remove it.

    verb: what the setting does, such as "sends the request there". otherwise: what to do if it is
    not left over; the error's own hint by default.
    """
    if origin is not None:
        rest = otherwise or error.hint
        hint = f"{origin.name} {verb}: if it is left over, {origin.cure}"
        error.hint, error.command = f"{hint}; otherwise {rest}" if rest else hint, origin.command
    return error


def add_endpoint(error: HelperError, call: CallContext) -> HelperError:
    """Add to the error for a failed request which setting chooses its endpoint."""
    if origin := find_endpoint(call.url):
        return add_left_over(error, origin, "sends the request there")
    return add_left_over(error, find_switch(call), "chooses that endpoint")


def find_bundle(bundle: str) -> Origin | None:
    """Return which setting names the file of trusted certificates; None for the system's."""
    return find_value(bundle, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def add_file(error: HelperError, path: str) -> HelperError:
    """Add to the error for a file which setting names it, and how the file can be read."""
    origin, unreadable = find_value(path), explain_unreadable(path)
    if origin and re.search("token_file", origin.name, re.IGNORECASE):
        variable = origin.name if origin.command else ""
        if (closed := explain_closed_token(path, variable)) and not os.access(path, os.R_OK):
            closed.refused = error.refused
            return closed
    if origin and origin.name == _WEB_IDENTITY:
        origin = Origin(f"{_WEB_IDENTITY} AWS_ROLE_ARN", is_variable=True)
        origin.name = _WEB_IDENTITY
    if unreadable:
        error.hint = unreadable.hint
    return add_left_over(error, origin, "names it", "" if unreadable else "fix the file")


def _find_key(matches: Callable[[str, str], bool]) -> Origin | None:
    """Return the first key in AWS's files that matches, by its name and its value."""
    for section in list_sections():
        for setting in section.settings:
            if matches(setting.key, setting.value):
                place = f"{setting.key} in {one_line(section.file.path)}:{setting.line}"
                return Origin(place, is_variable=False)
    return None
