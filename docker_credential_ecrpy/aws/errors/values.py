"""Errors for values of the AWS settings that AWS, or botocore before it, does not take."""

import os
import re

from botocore import exceptions as boto
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.errors.places import (
    describe_profile,
    describe_setting,
    find_session_file,
)
from docker_credential_ecrpy.aws.faults.values import find_surplus, find_variable
from docker_credential_ecrpy.aws.sdk.data import SERVICES
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

INVALID = re.compile(
    "Validation(Error)?|InvalidParameter\\w*|InvalidRequest|Invalid(Client|Grant|Scope)"
)
"""AWS's error codes for values that it does not take, without "Exception"."""
_KEYS = {
    "DurationSeconds": "duration_seconds",
    "RoleSessionName": "role_session_name",
    "ExternalId": "external_id",
    "SerialNumber": "mfa_serial",
    "RoleArn": "role_arn",
    "RoleName": "sso_role_name",
    "AccountId": "sso_account_id",
}
"""A parameter of AWS's operations -> the key of a profile."""
_FORMS = {
    "duration_seconds": "a number of seconds from 900 to 43200",
    "role_session_name": "2 to 64 letters, digits or any of _+=,.@-",
    "external_id": "the one in the role's trust policy: 2 to 1224 letters, digits or _+=,.@:/-",
    "mfa_serial": "the ARN of the device, such as arn:aws:iam::123456789012:mfa/name",
    "role_arn": "the whole ARN, such as arn:aws:iam::123456789012:role/name",
    "sso_role_name": "the permission set's name: 1 to 32 letters, digits or any of _+=,.@-",
    "sso_account_id": "the 12 digits of the account",
}
_REFERENCES = ("source_profile", "credential_source", "sso_session", "services")
"""The keys of a profile that name a section or a source."""
_RULE_KEYS = {"duration_seconds": "duration"}  # where the key of a rule has another name
_VARIABLES = {"role_arn": "AWS_ROLE_ARN", "role_session_name": "AWS_ROLE_SESSION_NAME"}
# Words of botocore's texts for the environment of a container -> the variables, what to do.
_CONTAINER = {
    "Unsupported host '169.254.170.2": (
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
        "begin it with a slash, or unset it outside of the task",
    ),
    "Unsupported host": (
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
        "write an https address, one of these hosts or a loopback address",
    ),
    "legal header value": (
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN"),
        "write the token on one line, without a line break",
    ),
}
_VALUES = re.compile(r"for '(\w+)' is invalid\. Valid values are: \(([^)]+)\)")
_CHAIN_LIMIT = "role chaining"  # words of STS's texts
_ROLE_LIMIT = "MaxSessionDuration"


# Exceptions for one setting: its key, and the values that it may have.
_CHOICES: dict[type[Exception], tuple[str, str]] = {
    boto.InvalidIMDSEndpointModeError: ("ec2_metadata_service_endpoint_mode", "IPv4 or IPv6"),
    boto.InvalidIMDSEndpointError: ("ec2_metadata_service_endpoint", "a URL"),
    boto.InvalidSTSRegionalEndpointsConfigError: ("sts_regional_endpoints", "regional or legacy"),
    boto.InvalidDefaultsMode: ("defaults_mode", "standard, or another mode of the AWS SDKs"),
}


def explain_value(exc: Exception, call: CallContext) -> HelperError | None:
    """Return the error for a setting with a value that botocore refuses; None for others."""
    if isinstance(exc, boto.InvalidChecksumConfigError):
        return _refuse(
            str(exc.kwargs.get("config_key", "")), "when_supported or when_required", call
        )
    if isinstance(exc, boto.InvalidConfigError) and (found := _VALUES.search(str(exc))):
        return _refuse(found[1], found[2].replace("'", ""), call)
    if isinstance(exc, boto.InvalidRegionError):
        return _explain_region(str(exc.kwargs.get("region_name", "")), call)
    for kind, (key, values) in _CHOICES.items():
        if isinstance(exc, kind):
            return _refuse(key, values, call)
    if isinstance(exc, ValueError) and not isinstance(exc, boto.BotoCoreError):
        return _explain_value_error(exc, call)
    return None


def explain_parameters(exc: boto.ParamValidationError, call: CallContext) -> HelperError:
    """Return the error for parameters that botocore refuses before it sends the request."""
    text = one_line(str(exc.kwargs.get("report", "")) or str(exc))
    error = _explain("the AWS SDK does not take", text, call)
    msg = f"AWS cannot take a value of the AWS settings: {text}"
    hint = f"fix the value in {describe_profile(call.list_chain()[-1], call)} or the environment"
    return error or HelperError(msg, hint=hint, refused=True)


def explain_invalid(
    exc: boto.ClientError, service: str, text: str, call: CallContext
) -> HelperError | None:
    """Return the error for a value that AWS refuses; None if its text names none."""
    if exc.operation_name == "GetAuthorizationToken":
        return None
    return _explain(f"{service} refuses", text, call)


def _explain(refused: str, text: str, call: CallContext) -> HelperError | None:
    """Return the error for the parameter that a text names. refused: who does not take it."""
    key = _find_key(text)
    if key is None:
        return None
    if surplus := explain_surplus(call, key):
        surplus.refused = True
        return surplus
    place = _describe_place(key, call)
    hint = f"write {_FORMS[key]}"
    if _CHAIN_LIMIT in text:
        hint = "set it to 3600 at most, or remove it: a role that another role assumes lasts 1 hour"
    elif _ROLE_LIMIT in text:
        seconds = call.parameters.get("DurationSeconds", "")
        role = str(call.parameters.get("RoleArn", "")).rpartition("/")[2]
        hint = "set it to 3600 or less, or raise the role's limit: aws iam update-role --role-name"
        hint += f" {one_line(role)} --max-session-duration {seconds}"
    return HelperError(f"{refused} {place}: {text}", hint=hint, refused=True)


def explain_surplus(call: CallContext, only: str = "") -> HelperError | None:
    """Return the error for a parameter that was sent with quotes or the like; None without one.

    only: the key that is looked at; "" for every one.
    """
    keys = {name.lower(): key for name, key in _KEYS.items() if only in ("", key)}
    for name, value in call.parameters.items():
        key = keys.get(name.lower())
        if key and (fault := _find_surplus(str(value))):
            return HelperError(f"{_describe_place(key, call)} {fault[0]}", hint=fault[1])
    return None


def explain_reference(call: CallContext) -> HelperError | None:
    """Return the error for a name in a profile of the chain that is in quotes or the like."""
    profiles = call.read_profiles()
    for name in call.list_chain():
        for key in _REFERENCES:
            value = profiles.get(name, {}).get(key, "")
            if fault := _find_surplus(value):
                msg = f"{describe_setting(key, name, call)} {fault[0]}"
                return HelperError(msg, hint=fault[1], refused=True)
    return None


def _find_surplus(value: str) -> tuple[str, str] | None:
    return find_surplus(value) or find_variable(value)


def _find_key(text: str) -> str | None:
    """Return the key of the first parameter that a text names; None without one."""
    named = {text.lower().find(name.lower()): key for name, key in _KEYS.items()}
    found = sorted(at for at in named if at >= 0)
    if found:
        return named[found[0]]
    if _ROLE_LIMIT in text:
        return "duration_seconds"
    return "role_arn" if re.search(r"\bARN\b|\barn:", text) else None


def _describe_place(key: str, call: CallContext) -> str:
    """Return where the value of a key is set: a rule, a profile of the chain, or a variable."""
    if call.resolved and call.choice.role:
        name, rule = _RULE_KEYS.get(key, key), call.choice.rule
        place = rule.places.get(name) if rule else None
        return f"{name} in {place or call.choice.chosen_at}"
    chain, profiles = call.list_chain(), call.read_profiles()
    arn = call.parameters.get("RoleArn", "")
    assumes = [name for name in chain if arn and profiles.get(name, {}).get("role_arn") == arn]
    name = assumes[0] if assumes else next((n for n in chain if key in profiles.get(n, {})), "")
    variable = _VARIABLES.get(key, "")
    if not (name and key in profiles.get(name, {})) and os.environ.get(variable):
        return f"{variable} = {one_line(os.environ[variable])}"
    return describe_setting(key, name or chain[-1], call)


def _explain_region(region: str, call: CallContext) -> HelperError | None:
    """Return the error for a region's name that cannot be part of a host name."""
    place = find_sso_region(call, region)
    if not place:
        return None
    msg = f"{one_line(region)!r} is no AWS region: {place}"
    return HelperError(msg, hint="write the region of IAM Identity Center", refused=True)


def describe_region(call: CallContext) -> str:
    """Return where the region of the last request is set."""
    place = find_sso_region(call) if call.service == SERVICES["sso"] else ""
    return place or "the region in the registry's host name"


def find_sso_region(call: CallContext, region: str = "") -> str:
    """Return where the region of the SSO session is set; "" if nowhere, or if it is another."""
    config, key = call.core.full_config, "sso_region"
    for name in call.list_chain():
        profile = config.get("profiles", {}).get(name, {})
        session = str(profile.get("sso_session", ""))
        value = config.get("sso_sessions", {}).get(session, {}).get(key)
        if value and region in ("", value):
            return f"{key} of [sso-session {one_line(session)}] in {find_session_file(call)}"
        if profile.get(key) and region in ("", profile[key]):
            return describe_setting(key, name, call)
    return ""


def _explain_value_error(exc: Exception, call: CallContext) -> HelperError | None:
    """Return the error for a setting that should be a number, or for a container's address."""
    for words, (names, hint) in _CONTAINER.items():
        name = next((name for name in names if os.environ.get(name)), "")
        if words in str(exc) and name:
            return HelperError(f"{name}: {one_line(str(exc))}", hint=hint, refused=True)
    if "invalid literal for int()" not in str(exc):
        return None
    value = str(exc).partition(": ")[2].strip("'\"")
    for key in BOTOCORE_DEFAUT_SESSION_VARIABLES:
        place, found = _find_value(key, call)
        if found == value and place:
            return HelperError(f"{place} is no number", hint="write a number", refused=True)
    return None


def _refuse(key: str, values: str, call: CallContext) -> HelperError | None:
    """Return the error for a setting that has to be one of some values."""
    place, _ = _find_value(key, call)
    if not place:
        return None
    return HelperError(f"{place} is not valid", hint=f"write {values}", refused=True)


def _find_value(key: str, call: CallContext) -> tuple[str, str]:
    """Return where a setting of botocore's is set, and its value; "" if nowhere."""
    config_key, variable = BOTOCORE_DEFAUT_SESSION_VARIABLES.get(key, (key, None))[:2]
    if isinstance(variable, str) and os.environ.get(variable):
        value = os.environ[variable]
        return f"{variable} = {one_line(value)}", value
    value = str(call.read_profiles().get(call.profile, {}).get(config_key, ""))
    return (describe_setting(str(config_key), call.profile, call), value) if value else ("", "")
