"""Errors for requests that AWS refuses: the cause, and what to do."""

import email.utils
import os
import re
import shlex
import sys
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore.exceptions import ClientError

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

SKEW_SECONDS = 4 * 60  # from here on the clock counts as the cause; AWS tolerates five minutes
MAX_CODE = 80  # the limit of an error code; AWS's have 40 characters at most, registries' 21
# Error codes of the AWS APIs in use, by what the user has to do about them.
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html and STS's page.
# They lack the ending "Exception", which some of the APIs add.
_EXPIRED = ("ExpiredToken", "RequestExpired")
_UNKNOWN_KEY = ("UnrecognizedClient", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure")
_BAD_SIGNATURE = ("SignatureDoesNotMatch", "InvalidSignature", "IncompleteSignature")
_DENIED = ("AccessDenied", "Forbidden", "UnauthorizedOperation", "NotAuthorized")
_THROTTLED = re.compile("(Request)?(Throttled|LimitExceeded)|Throttling|TooManyRequests|SlowDown")
# The service, or the identity provider that it asks, cannot answer now; also without HTTP 5xx.
_BUSY = re.compile(
    "RequestTimeout|PriorRequestNotComplete|TransactionInProgress|IDPCommunication|.*LimitExceeded"
    "|.*Throttl(ed|ing)|Internal(Failure|Server|Service)?|Server|ServiceUnavailable|Unavailable"
)
_WEB_IDENTITY = ("InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError")
_SERVICES = {"AssumeRole": "STS", "GetCallerIdentity": "STS", "GetAuthorizationToken": "ECR"}
_ACTIONS = {
    "AssumeRole": "sts:AssumeRole",
    "AssumeRoleWithWebIdentity": "sts:AssumeRoleWithWebIdentity",
    "GetAuthorizationToken": "ecr:GetAuthorizationToken",
    "GetRoleCredentials": "sso:GetRoleCredentials",
}
_PRINCIPAL = re.compile(r"\barn:[\w-]+:(?:iam|sts)::\d*:[\w+=,.@/-]+")
# An explicit deny, such as "in a service control policy", wins over any policy that allows.
_DENY = re.compile(r"with an explicit deny[\w\s-]*(?:: [\w:/+=,.@-]+)?")
_RESOURCE = re.compile(r"on resource: (arn:[\w-]+:iam::\d*:role/[\w+=,.@/-]+)")
_ACTION = re.compile(r"not authorized to perform:? ([\w-]+:\w+)")


def is_temporary(status: int, code: str = "") -> bool:
    """Whether an answer is no refusal: there was none (0), or the service fails or is busy."""
    kind = code.removesuffix("Exception").removesuffix("Error") if code else ""
    busy = _THROTTLED.fullmatch(kind) or _BUSY.fullmatch(kind)
    return bool(
        busy
        or status in (0, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def is_foreign(status: int, code: str) -> bool:
    """Whether an error is not AWS's own, but that of a proxy or another network.

    botocore takes the status for the code of an error that has none.
    """
    return code in ("", str(status))


def explain_refusal(exc: ClientError, call: CallContext) -> HelperError | None:
    """Return the error for a refusal by AWS; None for an answer that is not AWS's own."""
    error = _explain_answer(exc, call)
    if error:
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(exc.response.get("Error", {}).get("Code", ""))
        error.refused = not is_temporary(status if isinstance(status, int) else 0, code)
    return error


def _explain_answer(exc: ClientError, call: CallContext) -> HelperError | None:
    said = str(exc.response.get("Error", {}).get("Code", ""))
    code = one_line(said)[:MAX_CODE]  # to show, and never to compare
    text = one_line(str(exc.response.get("Error", {}).get("Message", "")))
    metadata = exc.response.get("ResponseMetadata", {})
    status, attempts = metadata.get("HTTPStatusCode", 0), int(metadata.get("RetryAttempts", 0)) + 1
    service = _SERVICES.get(exc.operation_name.partition("With")[0], "IAM Identity Center")
    kind = said.removesuffix("Exception")
    skew = _explain_clock_skew(metadata)
    if skew and kind in _EXPIRED + _BAD_SIGNATURE + _UNKNOWN_KEY:
        return skew
    source = call.describe_source(exc.operation_name)
    if kind in _WEB_IDENTITY or (kind in _EXPIRED and "WebIdentity" in exc.operation_name):
        msg = f"STS refused the web identity token ({code}): {text}"
        hint = "check that the token file is renewed, and that the role trusts its issuer"
    elif kind in _EXPIRED:
        return explain_expired(call, exc.operation_name)
    elif kind in _UNKNOWN_KEY:
        option = f" --profile {shlex.quote(call.core.profile)}" if call.core.profile else ""
        msg = f"{service} does not know the AWS access key from {source} ({code})"
        hint = "the key may be deleted, disabled or from another partition;"
        hint += f" check with: aws sts get-caller-identity{option}"
    elif kind in _BAD_SIGNATURE:
        msg = f"{service} refused the signature ({code}) made with the AWS keys from {source}"
        hint = "the secret access key does not belong to the access key id; set both again"
    elif kind in _DENIED:
        return _explain_denial(exc, text, call)
    elif _THROTTLED.fullmatch(kind) or status == HTTPStatus.TOO_MANY_REQUESTS:
        msg = f"{service} is throttling this account ({code}), also after {attempts} attempts"
        hint = "try again in a minute, and start fewer jobs without a shared cache at once"
    elif isinstance(status, int) and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        msg = f"{service} failed with HTTP {status} ({code}), also after {attempts} attempts"
        hint = "try again; if it persists, see https://health.aws.amazon.com/health/status"
    elif is_foreign(status, said):
        return None
    else:
        msg = f"{service} refused the request ({code})" + (f": {text}" if text else "")
        hint = "check the AWS identity and the registry's host name"
    return HelperError(msg, hint=hint)


def _explain_denial(exc: ClientError, text: str, call: CallContext) -> HelperError:
    principal, named, deny = _PRINCIPAL.search(text), _ACTION.search(text), _DENY.search(text)
    operation = exc.operation_name
    action = named[1] if named else _ACTIONS.get(operation, operation)
    who = principal[0] if principal else "this AWS identity"
    msg = f"{who} may not call {action}"
    if role := _find_role(operation, text, call):
        msg += f" on {role}"
    if deny:
        msg += f": {deny[0]}"
        hint = "ask the policy's owner to change it, or use another AWS identity"
    elif operation == "GetRoleCredentials":
        hint = "ask for this permission set in IAM Identity Center"
    elif operation == "GetAuthorizationToken":
        hint = f"allow {action} on resource * in its IAM policy"
    else:
        hint = f"allow {action} in its IAM policy, and name it in the role's trust policy"
    return HelperError(msg, hint=hint)


def _find_role(operation: str, text: str, call: CallContext) -> str:
    """Return the ARN of the role that a refused call was to assume; "" for another call."""
    if not operation.startswith("AssumeRole"):
        return ""
    if named := _RESOURCE.search(text):  # also the roles in the middle of a chain
        return named[1]
    if call.resolved and call.choice.role:
        return one_line(call.choice.role.arn)
    profile = call.read_profiles().get(call.profile, {})
    return one_line(profile.get("role_arn") or os.environ.get("AWS_ROLE_ARN", ""))


def _explain_clock_skew(metadata: Mapping[str, Any]) -> HelperError | None:
    """Return the error for a clock that is off by minutes from the Date of AWS's answer."""
    try:
        date = str(metadata.get("HTTPHeaders", {})["date"])
        theirs = email.utils.parsedate_to_datetime(date).timestamp()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    off = time.time() - theirs
    if abs(off) < SKEW_SECONDS:
        return None
    minutes, side = round(abs(off) / 60), "ahead of" if off > 0 else "behind"
    msg = f"this machine's clock is {minutes} minutes {side} AWS's, so AWS refuses the signature"
    command = "sudo timedatectl set-ntp true" if sys.platform == "linux" else ""
    hint = "set the clock, in a virtual machine too" + (f": {command}" if command else "")
    return HelperError(msg, hint=hint, command=command)


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
