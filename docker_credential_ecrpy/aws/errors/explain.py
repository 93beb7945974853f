"""Errors for botocore's exceptions: the cause, and what to do; the caller raises them."""

import shlex
from http import HTTPStatus

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Stage
from docker_credential_ecrpy.aws.errors import local
from docker_credential_ecrpy.aws.errors.connection import iterate_causes
from docker_credential_ecrpy.aws.errors.proxy import describe_route
from docker_credential_ecrpy.aws.errors.service import explain_expired, explain_refusal
from docker_credential_ecrpy.aws.errors.settings import SOURCES, explain_setting
from docker_credential_ecrpy.aws.errors.sources import (
    explain_container,
    explain_credential_source,
    explain_no_credentials,
)
from docker_credential_ecrpy.aws.errors.values import explain_parameters, find_sso_region
from docker_credential_ecrpy.aws.faults import keys, sections, variables
from docker_credential_ecrpy.aws.profiles import (
    describe_unknown,
    explain_wrong_settings,
    name_config_files,
)
from docker_credential_ecrpy.aws.sdk.patches import MfaNeeded
from docker_credential_ecrpy.aws.sdk.transport import proxies
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.programs.failures import LASTING
from docker_credential_ecrpy.text import faults
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.suggestion import suggest

# botocore's exceptions for wrong settings.
_SETTINGS = (
    boto.ConfigParseError,
    boto.ConfigNotFound,
    boto.InvalidConfigError,
    boto.InvalidIMDSEndpointError,
    boto.InvalidRetryConfigurationError,
    boto.EndpointProviderError,
    boto.InvalidRegionError,
    boto.MissingDependencyException,
)
_METADATA = {
    "container-role": (
        "the container credentials endpoint",
        "check AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ),
    "iam-role": (
        "the instance metadata service",
        "check AWS_EC2_METADATA_SERVICE_ENDPOINT, and any proxy in between",
    ),
}
"""botocore's name for a source of credentials over HTTP -> its name in an error, what to do."""
# botocore's functions that check the request and not the answer.
_OF_REQUESTS = ("_build_headers", "_validate_allowed_url", "full_url")
# Exceptions of botocore's parsers for an answer that is not from AWS.
_PARSER_ERRORS = (ValueError, TypeError, AttributeError, LookupError, OverflowError, RuntimeError)


def explain(exc: Exception, call: CallContext) -> HelperError:
    """Return the error for an exception that a call to AWS raised."""
    if isinstance(exc, boto.ClientError):
        if (
            exc.operation_name == "CreateOAuth2Token"
            and _find_status(exc) == HTTPStatus.BAD_REQUEST
        ):
            return _explain_login(call)
        return explain_refusal(exc, call) or explain_wrong_answer(call)
    if isinstance(exc, boto.HTTPClientError) and "Invalid header value" in str(exc):
        return explain_characters(call)  # the rest of the text is that value
    requested = call.watch.stage is Stage.SERVICE
    if isinstance(exc, ResponseParserError) or (requested and isinstance(exc, _PARSER_ERRORS)):
        return explain_wrong_answer(call)
    for explain_some in (
        local.explain_local,
        _explain_credentials,
        _explain_metadata,
        _explain_settings,
        local.explain_failed_request,
    ):
        error = explain_some(exc, call)
        if error:
            return error
    msg = f"the AWS SDK failed while waiting for {call.watch.target}:"
    msg += f" {faults.say(exc)}"
    return HelperError(msg, hint="run it again with AWS_ECR_DEBUG=1 to see its last step")


def explain_characters(call: CallContext, operation: str = "") -> HelperError:
    """Return the error for credentials with a character that no request can hold.

    operation: botocore's name of the one that they sign.
    """
    found = None if call.role else _explain_answer(call.source)
    found = found or keys.explain_keys(call, operation)
    if found:
        return found
    msg = f"the AWS credentials from {call.describe_source(operation)} hold a line break or another"
    msg += " invalid character"
    hint = "set the keys and the session token again, each on one line"
    return HelperError(msg, hint=hint, refused=True)


def explain_unknown_profile(name: str, call: CallContext) -> HelperError:
    """Return the error for a profile that is in no file."""
    others = sorted(call.core.available_profiles)
    near, command = suggest(name, others), ""
    meant = f"did you mean {near!r}? " if near else ""
    place, variable = call.choice.chosen_at, sections.name_variable()
    of_rule = "" if place and place.line else str(place or "")  # a rule's file, or its variable
    named = of_rule if call.choice.profile else variable
    if found := sections.explain_misnamed(name, others, named):
        return found
    if place is None or not call.choice.profile:
        where, there = "", f"set {variable} to one of: {', '.join(others)}"
        hint = meant + there if others else f"unset {variable}"
        command = "" if others else hint
    else:
        where = f"{place}: profile = {one_line(name)!r}: " if place.line else f"{place}: "
        listed = f"the profiles are: {', '.join(others)}" if others else "there is no profile"
        hint = meant + listed
        if not near:  # a near miss is a typing error, and not a profile to create
            command = f"aws configure sso --profile {shlex.quote(name)}"
            hint += f"; create this one with: {command}"
    msg = where + describe_unknown(name, name_config_files(call.core))
    chosen_at = str(place) if where else None
    hint = one_line(hint)
    return HelperError(msg, hint=hint, command=command, chosen_at=chosen_at, refused=True)


def explain_wrong_answer(call: CallContext) -> HelperError:
    """Return the error for an answer that is not from the AWS service that was called."""
    hint = f"check AWS_ENDPOINT_URL, {proxies.describe(call.url)}, and any firewall in between"
    msg = f"the answer from {call.watch.target} is not a valid {call.service} response"
    return variables.add_endpoint(HelperError(msg, hint=hint), call)


def explain_wrong_partition(call: CallContext) -> HelperError:
    """Return the error for a region of another partition than the registry's domain."""
    registry, rule = call.registry, call.choice.rule
    place = rule.places["region"] if rule and rule.region else ""
    hint = f"check the region in {place}" if place else "check the registry's host name"
    msg = f"region {registry.region} does not belong to {registry.suffix}"
    return HelperError(msg, hint=hint, refused=True)


def _explain_credentials(exc: Exception, call: CallContext) -> HelperError | None:
    name, option = call.profile, f"--profile {shlex.quote(call.profile)}"
    command = ""
    mfa = MfaNeeded, boto.RefreshWithMFAUnsupportedError
    if any(isinstance(cause, mfa) for cause in iterate_causes(exc)):
        msg = f"AWS profile {name!r} needs an MFA code, and a credential helper cannot ask for one"
        hint = "type it once for the AWS CLI, whose cache serves Docker too:"
        command = f"aws sts get-caller-identity {option}"
        hint += f" {command}"
    elif isinstance(exc, boto.NoCredentialsError | boto.MetadataRetrievalError):
        # The latter is for instance metadata that gives no token, where version 1 is disabled.
        call.lacks_token = isinstance(exc, boto.MetadataRetrievalError)
        return explain_no_credentials(call)
    elif isinstance(exc, boto.SSOError | boto.TokenRetrievalError | boto.NoAuthTokenError):
        name, command = call.find_sso_login()
        msg = f"the SSO session of AWS profile {name!r} has expired or was never begun"
        hint = f"run: {command}"
        if any(isinstance(cause, boto.ClientError) for cause in iterate_causes(exc)):
            msg = f"IAM Identity Center refuses the SSO session of AWS profile {name!r}, which has"
            msg += " expired, was ended, or is of another sso_region"
            hint = f"{hint}; if that does not help, check {find_sso_region(call)}"
        if call.unreachable:
            msg = f"the SSO session of AWS profile {name!r} is not renewed:"
            msg += f" {call.watch.target} cannot answer"
            hint = f"check {describe_route(call.url)}, and try again"
            command = ""
    elif isinstance(exc, RuntimeError) and "still expired" in str(exc):
        # botocore's text for expired credentials of a source
        error = keys.add_shadowed(explain_expired(call), call)
        error.refused = True
        return error
    elif isinstance(exc, boto.LoginInsufficientPermissions):
        msg = f"the AWS login of profile {name!r} was refused: {one_line(str(exc))}"
        hint = "ask for permission to sign in with 'aws login', or use another profile"
    elif isinstance(exc, boto.LoginError):
        return _explain_login(call)
    elif isinstance(exc, boto.CredentialRetrievalError):
        return _explain_failed_source(exc, call)
    else:
        return None
    return HelperError(msg, hint=hint, command=command, refused=not call.unreachable)


def _find_status(exc: boto.ClientError) -> int:
    return int(exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _explain_login(call: CallContext) -> HelperError:
    """Return the error for an `aws login` session that is over, missing or damaged."""
    name, _ = call.find_sso_login()
    msg = f"the AWS login of profile {name!r} has expired or was never begun"
    command = f"aws login --profile {shlex.quote(name)}"
    return HelperError(msg, hint=f"run: {command}", command=command, refused=not call.unreachable)


def _explain_failed_source(exc: boto.CredentialRetrievalError, call: CallContext) -> HelperError:
    source, refused = exc.kwargs.get("provider"), not call.unreachable
    if source == "container-role":
        return explain_container(exc, call)
    if source in SOURCES:
        return explain_credential_source(exc, call)
    what = "AWS credentials could not be retrieved"
    hint = "run it again with AWS_ECR_DEBUG=1 to see where they come from"
    reason = one_line(str(exc.kwargs.get("error_msg", ""))) or "it gave no reason"
    return HelperError(f"{what}: {reason}", hint=hint, refused=refused)


def _explain_metadata(exc: Exception, call: CallContext) -> HelperError | None:
    """Return the error for an answer with credentials that botocore or this program cannot read."""
    if not isinstance(exc, _PARSER_ERRORS):
        return None
    source, trace = call.source, exc.__traceback__
    while trace is not None:
        source = getattr(trace.tb_frame.f_locals.get("self"), "METHOD", None) or source
        place, trace = trace.tb_frame.f_code.co_name, trace.tb_next
        if place in _OF_REQUESTS:
            return None
    return _explain_answer(source)


def _explain_answer(source: str) -> HelperError | None:
    """Return the error for a source over HTTP that has no usable credentials; None for others."""
    if source not in _METADATA:
        return None
    what, hint = _METADATA[source]
    return HelperError(f"the answer of {what} has no usable credentials", hint=hint)


def _explain_settings(exc: Exception, call: CallContext) -> HelperError | None:
    if isinstance(exc, boto.ProfileNotFound):
        return explain_unknown_profile(str(exc.kwargs.get("profile", "")), call)
    if error := explain_setting(exc, call):
        return error
    wrong_value = isinstance(exc, ValueError) and not isinstance(exc, boto.BotoCoreError)
    if wrong_value or isinstance(exc, _SETTINGS):
        return explain_wrong_settings(exc, call.core)
    if isinstance(exc, boto.ParamValidationError):  # such as a role's ARN that is cut short
        return explain_parameters(exc, call)
    if isinstance(exc, OSError) and exc.filename and exc.strerror:
        name, files = one_line(str(exc.filename)), name_config_files(call.core)
        msg = f"{name}, which the AWS settings name, cannot be used: {exc.strerror}"
        hint = f"fix the file, or the setting in {files} or the environment"
        error = HelperError(msg, hint=hint, refused=exc.errno in LASTING)
        return variables.add_file(error, str(exc.filename))
    return None
