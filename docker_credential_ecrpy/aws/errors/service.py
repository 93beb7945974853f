"""Errors for requests that AWS refuses: the cause, and what to do."""

import re
import shlex
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.errors.answers import THROTTLED, is_foreign, is_temporary
from docker_credential_ecrpy.aws.errors.denials import explain_assignment, explain_denial
from docker_credential_ecrpy.aws.errors.places import describe_profile
from docker_credential_ecrpy.aws.errors.values import INVALID, explain_invalid
from docker_credential_ecrpy.aws.faults.keys import add_shadowed, explain_keys
from docker_credential_ecrpy.aws.faults.variables import add_endpoint
from docker_credential_ecrpy.aws.sdk.transport import peer
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import say_set_clock, set_clock

SKEW_SECONDS = 4 * 60  # from here on the clock counts as the cause; AWS tolerates five minutes
MAX_CODE = 80  # the limit of an error code; AWS's have 40 characters at most, registries' 21
# Error codes of the AWS APIs in use, by what the user has to do about them.
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html and STS's page.
# They lack the ending "Exception", which some of the APIs add.
_EXPIRED = ("ExpiredToken", "RequestExpired")
_UNKNOWN_KEY = ("UnrecognizedClient", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure")
_BAD_SIGNATURE = ("SignatureDoesNotMatch", "InvalidSignature", "IncompleteSignature")
_DENIED = ("AccessDenied", "Forbidden", "UnauthorizedOperation", "NotAuthorized")
# The account is not in use, or not yet, or no longer.
_ACCOUNT = ("OptInRequired", "SubscriptionRequired", "Blocked", "PendingVerification")
_ACCOUNT_TEXT = re.compile(
    r"\baccount\b.{,40}\b(?:suspended|closed|blocked|deactivated)\b", re.IGNORECASE
)
_NO_ROLE = ("ResourceNotFound", "InvalidRequest")  # of an SSO session
_REGION = ("RegionDisabled", "RegionNotEnabled")
_ENABLE = "aws account enable-region --region-name"
# Regions of the partition "aws", and those that need no opt-in: the ones from before March 2019.
# https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html
_OPT_IN = re.compile(r"[a-z]{2}-[a-z]+-\d")
_DEFAULT_REGIONS = {
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
    *("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "ap-south-1"),
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2"),
}
_WEB_IDENTITY = ("InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError")
_SERVICES = {"AssumeRole": "STS", "GetCallerIdentity": "STS", "GetAuthorizationToken": "ECR"}


def explain_refusal(exc: ClientError, call: CallContext) -> HelperError | None:
    """Return the error for a refusal by AWS; None for an answer that is not AWS's own."""
    error = _explain_answer(exc, call)
    if error:
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(exc.response.get("Error", {}).get("Code", ""))
        error.refused = not is_temporary(status if isinstance(status, int) else 0, code)
        if error.refused or not THROTTLED.fullmatch(code.removesuffix("Exception")):
            error = _add_settings(error, exc, call)
    return error


def _add_settings(error: HelperError, exc: ClientError, call: CallContext) -> HelperError:
    """Return the error for a refusal, with what the user's keys or settings have to do with it."""
    kind = _find_kind(exc)
    of_keys = kind in _EXPIRED + _UNKNOWN_KEY + _BAD_SIGNATURE
    if of_keys and _explain_clock_skew(exc.response.get("ResponseMetadata", {})):
        return error
    if kind not in _DENIED and (found := explain_keys(call, exc.operation_name)):
        return found
    if of_keys or kind in _DENIED:
        error = add_shadowed(error, call, exc.operation_name)
    return error if kind in _EXPIRED + _DENIED else add_endpoint(error, call)


def _explain_answer(exc: ClientError, call: CallContext) -> HelperError | None:
    said = str(exc.response.get("Error", {}).get("Code", ""))
    code = one_line(said)[:MAX_CODE]  # to show, and never to compare
    text = one_line(str(exc.response.get("Error", {}).get("Message", ""))).rstrip(". ")
    metadata = exc.response.get("ResponseMetadata", {})
    status, attempts = metadata.get("HTTPStatusCode", 0), int(metadata.get("RetryAttempts", 0)) + 1
    service = _SERVICES.get(exc.operation_name.partition("With")[0], "IAM Identity Center")
    kind = said.removesuffix("Exception")
    skew = _explain_clock_skew(metadata)
    if skew and kind in _EXPIRED + _BAD_SIGNATURE + _UNKNOWN_KEY:
        return skew
    if error := _explain_by_cause(exc, service, code, text, call):
        return error
    source = call.describe_source(exc.operation_name)
    if kind in _WEB_IDENTITY or (kind in _EXPIRED and "WebIdentity" in exc.operation_name):
        msg = f"STS refused the web identity token ({code}): {text}"
        hint = _check_web_identity(call)
    elif kind in _EXPIRED:
        return explain_expired(call, exc.operation_name)
    elif kind in _UNKNOWN_KEY:
        msg = f"{service} does not know the AWS access key from {source} ({code})"
        hint = _check_key(call, exc.operation_name)
    elif kind in _BAD_SIGNATURE:
        msg = f"{service} refused the signature ({code}) made with the AWS keys from {source}"
        hint = "the secret access key does not belong to the access key id; set both again"
    elif THROTTLED.fullmatch(kind) or status == HTTPStatus.TOO_MANY_REQUESTS:
        msg = f"{service} is throttling this account ({code}), also after {attempts} attempts"
        hint = "try again in a minute, and start fewer jobs without a shared cache at once"
    elif isinstance(status, int) and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        msg = f"{service} failed with HTTP {status} ({code}), also after {attempts} attempts"
        hint = "try again; if it persists, see https://health.aws.amazon.com/health/status"
    elif is_foreign(status, said):
        return None
    else:
        msg = f"{service} refused the request ({code})" + (f": {text}" if text else "")
        hint = _check_settings(exc.operation_name, call)
    return HelperError(msg, hint=hint)


def _find_kind(exc: ClientError) -> str:
    """Return the code of AWS's error, to compare and never to show."""
    return str(exc.response.get("Error", {}).get("Code", "")).removesuffix("Exception")


def _explain_by_cause(
    exc: ClientError, service: str, code: str, text: str, call: CallContext
) -> HelperError | None:
    """Return the error for what the account, a policy or a setting forbids; None for others."""
    kind, operation = _find_kind(exc), exc.operation_name
    account = f"the AWS account of {call.describe_source(operation)} ({code}): {text}"
    if kind in _ACCOUNT or _ACCOUNT_TEXT.search(text):
        hint = "its owner has to settle that with AWS: see its billing console and AWS Support"
        return HelperError(f"{service} does not serve {account}", hint=hint)
    if kind in _REGION:
        region = call.registry.region
        hint = "ask its administrator to activate STS for that region in IAM's account settings"
        hint = f"enable that opt-in region: {_ENABLE} {region}" if _is_opt_in(region) else hint
        return HelperError(f"{service} is not active in {region} for {account}", hint=hint)
    if kind in _DENIED:
        return explain_denial(exc, text, call)
    error = explain_invalid(exc, service, text, call) if INVALID.fullmatch(kind) else None
    if operation == "GetRoleCredentials" and kind in _NO_ROLE and not error:
        return explain_assignment(f"{service} gives no credentials ({code})", text, call)
    return error


def _check_web_identity(call: CallContext) -> str:
    """Return what to do about a token that STS refuses."""
    web = call.choice.web_identity
    if web is None:
        return "check that the token file is renewed, and that the role trusts its issuer"
    issuer = one_line(web.issuer) or "its issuer"
    hint = f"register {issuer} as an OIDC provider in IAM, with the audience of the token, and name"
    return f"{hint} it in the role's trust policy"


def _check_settings(operation: str, call: CallContext) -> str:
    """Return what to do about another refusal of an operation."""
    if operation == "GetAuthorizationToken":
        return "check the AWS identity and the registry's host name"
    return f"check the settings of {describe_profile(call.list_chain()[-1], call)}"


def _check_key(call: CallContext, operation: str) -> str:
    """Return what to do about a key that AWS does not know in the registry's region."""
    profile = "" if call.uses_environment(operation) else call.core.profile
    option = f" --profile {shlex.quote(profile)}" if profile else ""
    region = call.registry.region
    if not _is_opt_in(region):
        hint = "the key may be deleted, disabled, of a closed account or from another partition;"
        return f"{hint} check with: aws sts get-caller-identity{option}"
    hint = f"check with: aws sts get-caller-identity --region us-east-1{option}; if that works,"
    hint += (
        f" enable the opt-in region in the key's account ({_ENABLE} {region}), or renew the keys:"
    )
    hint += " session tokens of STS's global endpoint do not work there"
    return (
        f"{hint}; else the key is deleted, disabled, of a closed account or from another partition"
    )


def _is_opt_in(region: str) -> bool:
    """Whether an account has a region only once it is enabled."""
    return bool(_OPT_IN.match(region)) and region not in _DEFAULT_REGIONS


def _explain_clock_skew(metadata: Mapping[str, Any]) -> HelperError | None:
    """Return the error for a clock that is off by minutes from the Date of AWS's answer."""
    theirs = peer.parse_date(str(metadata.get("HTTPHeaders", {}).get("date", "")))
    if theirs is None:
        return None
    off = time.time() - theirs
    if abs(off) < SKEW_SECONDS:
        return None
    minutes, side = round(abs(off) / 60), "ahead of" if off > 0 else "behind"
    msg = f"this machine's clock is {minutes} minutes {side} AWS's, so AWS refuses the signature"
    return HelperError(msg, hint=say_set_clock(), command=set_clock())


def explain_expired(call: CallContext, operation: str = "") -> HelperError:
    """Return the error for expired credentials, which `operation` was called with."""
    source, command = call.describe_source(operation), ""
    if call.uses_environment(operation):
        hint = "export fresh AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN,"
        hint += " or unset them to use a profile"
    elif call.source == "sso":
        command = call.find_sso_login()[1]
        hint = f"run: {command}"
    else:
        hint = "renew them and try again"
    return HelperError(
        f"the AWS credentials from {source} have expired", hint=hint, command=command
    )
