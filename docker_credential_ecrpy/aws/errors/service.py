"""Errors for requests that AWS refuses: the cause, and what to do."""

import email.utils
import re
import time
from http import HTTPStatus

from botocore.exceptions import ClientError

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

SKEW_SECONDS = 4 * 60
"""The difference from which the clock is named as the cause; AWS tolerates five minutes."""

MAX_CODE = 80
"""The length at which an error code is cut; AWS's have 40 characters at most, registries' 21."""
# Error codes of the AWS APIs that are used here, by what the user has to do about them.
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html and STS's page.
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_UNKNOWN_KEY = (
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "AuthFailure",
)
_BAD_SIGNATURE = ("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature")
_DENIED = (
    "AccessDenied",
    "AccessDeniedException",
    "ForbiddenException",  # IAM Identity Center's
    "UnauthorizedOperation",
    "NotAuthorized",
)
_THROTTLED = (
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "LimitExceededException",
)
_WEB_IDENTITY = ("InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError")
_ACTIONS = {
    "AssumeRole": "sts:AssumeRole",
    "AssumeRoleWithWebIdentity": "sts:AssumeRoleWithWebIdentity",
    "GetAuthorizationToken": "ecr:GetAuthorizationToken",
    "GetRoleCredentials": "sso:GetRoleCredentials",
}
_PRINCIPAL = re.compile(r"\barn:[\w-]+:(?:iam|sts)::\d*:[\w+=,.@/-]+")
# After an explicit deny, as "in a service control policy", another policy that allows is no help.
_DENY = re.compile(r"with an explicit deny[\w\s-]*(?:: [\w:/+=,.@-]+)?")
_ACTION = re.compile(r"not authorized to perform:? ([\w-]+:\w+)")


def explain_refusal(exc: ClientError, call: CallContext) -> HelperError | None:
    """Return the error for a refusal by AWS; None for an answer that is not AWS's own."""
    code = one_line(str(exc.response.get("Error", {}).get("Code", "")))[:MAX_CODE]
    text = one_line(str(exc.response.get("Error", {}).get("Message", "")))
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    attempts = int(exc.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) + 1
    service = _name_service(exc.operation_name)
    skew = _explain_clock_skew(exc)
    if skew is not None and code in _EXPIRED + _BAD_SIGNATURE + _UNKNOWN_KEY:
        return skew
    if code in _WEB_IDENTITY or (code in _EXPIRED and "WebIdentity" in exc.operation_name):
        return HelperError(
            f"STS refused the web identity token ({code}): {text}",
            hint="check that the token file is renewed, and that the role trusts its issuer",
        )
    if code in _EXPIRED:
        return explain_expired(call, exc.operation_name)
    source = call.describe_source(exc.operation_name)
    if code in _UNKNOWN_KEY:
        return HelperError(
            f"{service} does not know the AWS access key from {source} ({code})",
            hint="it may be deleted, disabled or of another partition;"
            f" check with: aws sts get-caller-identity{call.profile_option}",
        )
    if code in _BAD_SIGNATURE:
        return HelperError(
            f"{service} refused the signature ({code}) made with the AWS keys from {source}",
            hint="the secret access key does not belong to the access key id; set both anew",
        )
    if code in _DENIED:
        return _explain_denial(exc, text)
    if code in _THROTTLED or status == HTTPStatus.TOO_MANY_REQUESTS:
        return HelperError(
            f"{service} is throttling this account ({code}), also after {attempts} attempts",
            hint="try again in a minute, and let fewer jobs without a shared cache start at once",
        )
    if isinstance(status, int) and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return HelperError(
            f"{service} failed with HTTP {status} ({code}), also after {attempts} attempts",
            hint="try again; if it lasts, see https://health.aws.amazon.com/health/status",
        )
    if not text or code == str(status):  # the body is not an error of AWS
        return None
    return HelperError(
        f"{service} refused the request ({code}): {text}",
        hint="check the AWS identity and the registry's host name",
    )


def _explain_denial(exc: ClientError, text: str) -> HelperError:
    principal, named, deny = _PRINCIPAL.search(text), _ACTION.search(text), _DENY.search(text)
    operation = exc.operation_name
    action = named[1] if named else _ACTIONS.get(operation, operation)
    who = principal[0] if principal else "this AWS identity"
    if deny:
        return HelperError(
            f"{who} may not call {action}: {deny[0]}",
            hint="only whoever wrote that policy can lift it, or use another AWS identity",
        )
    if operation == "GetRoleCredentials":
        hint = "ask for this permission set in IAM Identity Center"
    elif operation == "GetAuthorizationToken":
        hint = f"allow {action} on resource * in its IAM policy"
    else:
        hint = f"allow {action} in its IAM policy, and let the role's trust policy name it"
    return HelperError(f"{who} may not call {action}", hint=hint)


def _explain_clock_skew(exc: ClientError) -> HelperError | None:
    """Return the error for a clock that is off by minutes from the Date of AWS's answer."""
    headers = exc.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        theirs = email.utils.parsedate_to_datetime(str(headers["date"])).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    off = time.time() - theirs
    if abs(off) < SKEW_SECONDS:
        return None
    minutes, side = round(abs(off) / 60), "ahead of" if off > 0 else "behind"
    return HelperError(
        f"this machine's clock is {minutes} minutes {side} AWS's, so AWS refuses the signature",
        hint="set the clock (timedatectl set-ntp true), in the virtual machine too if there is one",
    )


def _name_service(operation: str) -> str:
    if operation.startswith("AssumeRole") or operation == "GetCallerIdentity":
        return "STS"
    return "ECR" if operation == "GetAuthorizationToken" else "IAM Identity Center"


def explain_expired(call: CallContext, operation: str = "") -> HelperError:
    """Return the error for expired credentials, which `operation` was called with."""
    source = call.describe_source(operation)
    if call.uses_environment(operation):
        hint = (
            "export fresh AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN,"
            " or unset them to use a profile"
        )
    elif call.source == "sso":
        hint = f"run: {call.find_sso_login()[1]}"
    else:
        hint = "renew them and try again"
    return HelperError(f"the AWS credentials from {source} have expired", hint=hint)
