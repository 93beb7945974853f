"""Cold layer: what boto3 raises, told as cause and cure.

Each function returns (does not raise) the error, so that the caller's `raise ... from exc`
keeps the chain for whoever debugs it.
"""

import email.utils
import os
import re
import shlex
import socket
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NoReturn

import botocore.session
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from dateutil.parser import ParserError

from docker_credential_ecrpy.errors import (
    DeadlineExceeded,
    HelperError,
    NoCredentials,
    one_line,
)
from docker_credential_ecrpy.registry import Registry

_SKEW_SECONDS = 4 * 60  # AWS refuses a signature that is more than five minutes off
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")

# Error codes of the AWS APIs that are used here, by what a person has to do about them.
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html and STS's page.
_EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException", "RequestExpired"))
_UNKNOWN_KEY = frozenset(
    ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId", "AuthFailure")
)
_BAD_SIGNATURE = frozenset(
    ("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature")
)
_DENIED = frozenset(
    ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized")
)
_THROTTLED = frozenset(
    (
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
)
_WEB_IDENTITY = frozenset(("InvalidIdentityToken", "IDPRejectedClaim", "IDPCommunicationError"))
_ACTIONS = {
    "AssumeRole": "sts:AssumeRole",
    "AssumeRoleWithWebIdentity": "sts:AssumeRoleWithWebIdentity",
    "GetRoleCredentials": "sso:GetRoleCredentials",
}
_PRINCIPAL = re.compile(r"\barn:[\w-]+:(?:iam|sts)::\d*:[\w+=,.@/-]+")
_ACTION = re.compile(r"not authorized to perform:? ([\w-]+:\w+)")


class Asking:
    """How far a call to AWS has come; what an error needs to name its cause.

    stage: who is being waited for. source: botocore's name of the credentials' source.
    """

    def __init__(self, registry: Registry, core: botocore.session.Session) -> None:
        self.registry = registry
        self.core = core
        self.stage = "the AWS settings"
        self.source = ""

    @property
    def profile(self) -> str:
        """The AWS profile in use."""
        return self.core.profile or "default"


class MfaNeeded(Exception):
    """A profile wants an MFA code. Never ours to ask for: standard input is the protocol."""


def refuse_mfa_prompt(_prompt: str) -> NoReturn:
    """Stand in for the question after an MFA code. Raises MfaNeeded."""
    raise MfaNeeded


def explain(exc: Exception, asking: Asking) -> HelperError:
    """Return what `exc`, raised while `asking`, means to a person."""
    if isinstance(exc, boto.ClientError):
        return _refused(exc, asking)
    for explained in (_of_sources, _of_settings, _of_connection):
        error = explained(exc, asking)
        if error is not None:
            return error
    text = one_line(str(exc)) or "no reason given"
    return HelperError(
        f"the AWS SDK failed while asking {asking.stage}: {text}",
        hint="run it again with AWS_ECR_DEBUG=1 to see how far it came",
    )


def no_credentials(asking: Asking) -> HelperError:
    """Return the error for no credentials anywhere."""
    hint = (
        "run 'aws configure sso' or 'aws configure', or set AWS_PROFILE to a profile that has some"
    )
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true" and any(
        os.path.exists(mark) for mark in _CONTAINER_MARKS
    ):
        hint += (
            "; in a container on EC2, raise the instance's metadata hop limit to 2"
            " (aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2)"
        )
    return NoCredentials(
        "no AWS credentials found in the environment, in profile "
        f"{asking.profile!r} of {_config_files(asking)}, or from container or instance metadata",
        hint=hint,
    )


def unknown_profile(name: str, asking: Asking) -> HelperError:
    """Return the error for a profile that no file has."""
    others = sorted(asking.core.available_profiles)
    choice = f"set AWS_PROFILE to one of: {', '.join(others)}" if others else "unset AWS_PROFILE"
    return HelperError(
        f"AWS profile {one_line(name)!r} is not in {_config_files(asking)}", hint=one_line(choice)
    )


def too_slow(asking: Asking, seconds: float) -> HelperError:
    """Return the error for a call that was given up."""
    return DeadlineExceeded(
        f"no answer from {asking.stage} within {round(seconds, 1):g} s",
        hint="check the network, VPN or proxy, and what the AWS profile runs;"
        " AWS_ECR_TIMEOUT sets the limit in seconds",
    )


def not_ecr(asking: Asking) -> HelperError:
    """Return the error for an answer that no ECR would give."""
    return HelperError(
        f"the answer from {asking.stage} is not ECR's",
        hint="check AWS_ENDPOINT_URL, HTTPS_PROXY and whatever else stands in between",
    )


def wrong_partition(asking: Asking) -> HelperError:
    """Return the error for a region and a domain that do not belong together."""
    registry = asking.registry
    return HelperError(
        f"region {registry.region} does not belong to {registry.suffix}",
        hint="check the registry's host name",
    )


def shown_url(url: str) -> str:
    """Return a URL fit for an error: without user info, path and query."""
    scheme, _, rest = url.partition("://")
    return one_line(f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}")


# --- what AWS answered ------------------------------------------------------------------------


def _refused(exc: boto.ClientError, asking: Asking) -> HelperError:
    code = str(exc.response.get("Error", {}).get("Code", ""))
    text = one_line(str(exc.response.get("Error", {}).get("Message", "")))
    status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    service = _service(exc.operation_name)
    skew = _clock_skew(exc)
    if skew is not None and code in _EXPIRED | _BAD_SIGNATURE | _UNKNOWN_KEY:
        return skew
    if code in _EXPIRED:
        return HelperError(
            f"the AWS credentials from {_source(asking)} have expired", hint=_renewal(asking)
        )
    if code in _UNKNOWN_KEY:
        return HelperError(
            f"{service} does not know the AWS access key from {_source(asking)} ({code})",
            hint="it may be deleted, disabled or of another partition;"
            f" check with: aws sts get-caller-identity{_profile_option(asking)}",
        )
    if code in _BAD_SIGNATURE:
        return HelperError(
            f"{service} refused the signature ({code}) made with the AWS keys from"
            f" {_source(asking)}",
            hint="the secret access key does not belong to the access key id; set both anew",
        )
    if code in _DENIED:
        return _denied(exc, text)
    if code in _THROTTLED:
        return HelperError(
            f"{service} is throttling this account ({code}), also after {_attempts(exc)} attempts",
            hint="try again in a minute, and let fewer jobs without a shared cache start at once",
        )
    if code in _WEB_IDENTITY:
        return HelperError(
            f"STS refused the web identity token ({code}): {text}",
            hint="check that the token file is renewed, and that the role trusts its issuer",
        )
    if isinstance(status, int) and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return HelperError(
            f"{service} failed with HTTP {status} ({code}), also after {_attempts(exc)} attempts",
            hint="try again; if it lasts, see https://health.aws.amazon.com/health/status",
        )
    if not text or code == str(status):  # no error body of AWS's
        return not_ecr(asking)
    return HelperError(
        f"{service} refused the request ({code}): {text}",
        hint="check the AWS identity and the registry's host name",
    )


def _denied(exc: boto.ClientError, text: str) -> HelperError:
    principal = _PRINCIPAL.search(text)
    named = _ACTION.search(text)
    operation = exc.operation_name
    if operation == "GetAuthorizationToken":
        public = "ecr-public" in text or "sts:GetServiceBearerToken" in text
        action = "ecr-public:GetAuthorizationToken" if public else "ecr:GetAuthorizationToken"
        hint = "allow {action} on resource * in its IAM policy"
    else:
        action = _ACTIONS.get(operation, operation)
        hint = "allow {action} in its IAM policy, and let the role's trust policy name it"
    if operation == "GetRoleCredentials":
        hint = "ask for this permission set in IAM Identity Center"
    if named:
        action = named[1]
    who = principal[0] if principal else "this AWS identity"
    return HelperError(f"{who} may not call {action}", hint=hint.format(action=action))


def _clock_skew(exc: boto.ClientError) -> HelperError | None:
    """Return the error for a clock that is off by minutes, by what the answer's Date says."""
    headers = exc.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        theirs = email.utils.parsedate_to_datetime(str(headers["date"])).timestamp()
    except (KeyError, TypeError, ValueError):
        return None
    off = time.time() - theirs
    if abs(off) < _SKEW_SECONDS:
        return None
    minutes, side = round(abs(off) / 60), "ahead of" if off > 0 else "behind"
    return HelperError(
        f"this machine's clock is {minutes} minutes {side} AWS's, so AWS refuses the signature",
        hint="set the clock (timedatectl set-ntp true), in the virtual machine too if there is one",
    )


def _attempts(exc: boto.ClientError) -> int:
    retries = exc.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
    return int(retries) + 1


def _service(operation: str) -> str:
    if operation.startswith("AssumeRole"):
        return "STS"
    return "ECR" if operation == "GetAuthorizationToken" else "IAM Identity Center"


# --- sources of credentials -------------------------------------------------------------------


def _of_sources(exc: Exception, asking: Asking) -> HelperError | None:
    if any(isinstance(cause, MfaNeeded) for cause in _causes(exc)):
        profile = asking.profile
        return HelperError(
            f"AWS profile {profile!r} needs an MFA code, and a credential helper cannot ask"
            " for one",
            hint="type it once for the AWS CLI, whose cache serves Docker too:"
            f" aws sts get-caller-identity --profile {shlex.quote(profile)}",
        )
    if isinstance(exc, boto.NoCredentialsError):
        return no_credentials(asking)
    if isinstance(exc, boto.PartialCredentialsError):
        return HelperError(
            f"the AWS credentials are incomplete: {one_line(str(exc))}",
            hint="set both the access key id and the secret access key",
        )
    if isinstance(exc, boto.SSOError | boto.TokenRetrievalError | boto.NoAuthTokenError):
        profile = _sso_profile(asking)
        return HelperError(
            f"the SSO session of AWS profile {profile!r} has expired or was never begun",
            hint=f"run: aws sso login --profile {shlex.quote(profile)}",
        )
    if isinstance(exc, boto.LoginError):
        return HelperError(
            f"the AWS login of profile {asking.profile!r} has expired or was never begun",
            hint=f"run: aws login --profile {shlex.quote(asking.profile)}",
        )
    if isinstance(exc, boto.CredentialRetrievalError):
        return _failed_source(str(exc), asking)
    return _of_credential_process(exc, asking)


def _failed_source(text: str, asking: Asking) -> HelperError:
    reason = one_line(text.partition(": ")[2] or text)
    if "custom-process" in text:
        return HelperError(
            f"credential_process of AWS profile {asking.profile!r} failed: {reason}",
            hint="run that command in a terminal and mend what it says",
        )
    if "container-role" in text:
        return HelperError(
            f"the container credentials endpoint failed: {reason}",
            hint="check AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or"
            " AWS_CONTAINER_CREDENTIALS_FULL_URI, and the task's or pod's role",
        )
    return HelperError(
        f"AWS credentials could not be had: {reason}",
        hint="run it again with AWS_ECR_DEBUG=1 to see where they come from",
    )


def _of_credential_process(exc: Exception, asking: Asking) -> HelperError | None:
    """Explain what a credential_process leads to outside of botocore's own exceptions."""
    profiles = asking.core.full_config.get("profiles", {}) if _readable(asking) else {}
    command = profiles.get(asking.profile, {}).get("credential_process")
    if not command or asking.source or isinstance(exc, boto.BotoCoreError):
        return None
    what = f"credential_process of AWS profile {asking.profile!r}"
    if isinstance(exc, OSError) and exc.filename:
        return HelperError(
            f"{what} cannot be run: {exc.filename}: {exc.strerror}",
            hint="give the program's full path: Docker's PATH may be another than your shell's",
        )
    if isinstance(exc, ValueError | TypeError | AttributeError | LookupError):
        return HelperError(
            f"{what} printed something that is not the JSON it has to",
            hint="run that command in a terminal; it has to print Version, AccessKeyId and"
            " SecretAccessKey, and nothing else, to standard output",
        )
    return None


def _source(asking: Asking) -> str:
    """Return where the credentials came from, in a person's words."""
    profile = f"profile {asking.profile!r}"
    return {
        "env": "the environment",
        "shared-credentials-file": f"{profile} in the credentials file",
        "config-file": f"{profile} in the config file",
        "custom-process": f"credential_process of {profile}",
        "assume-role": f"the role of {profile}",
        "assume-role-with-web-identity": "the web identity role",
        "sso": f"the SSO session of {profile}",
        "container-role": "the container's role",
        "iam-role": "the instance's role",
    }.get(asking.source, asking.source or "their source")


def _renewal(asking: Asking) -> str:
    if asking.source == "env":
        return (
            "export fresh AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN,"
            " or unset them to use a profile"
        )
    if asking.source == "sso":
        return f"run: aws sso login --profile {shlex.quote(_sso_profile(asking))}"
    return f"renew the credentials of AWS profile {asking.profile!r} and try again"


def _sso_profile(asking: Asking) -> str:
    """Return the profile that `aws sso login` takes: the one in the chain that has the session."""
    profiles = asking.core.full_config.get("profiles", {})
    name, seen = asking.profile, set()
    while name in profiles and name not in seen:
        seen.add(name)
        if any(key.startswith("sso_") for key in profiles[name]):
            return name
        name = profiles[name].get("source_profile", "")
    return asking.profile


def _profile_option(asking: Asking) -> str:
    return f" --profile {shlex.quote(asking.core.profile)}" if asking.core.profile else ""


# --- settings ---------------------------------------------------------------------------------


def _of_settings(exc: Exception, asking: Asking) -> HelperError | None:
    if isinstance(exc, boto.ProfileNotFound):
        return unknown_profile(str(exc.kwargs.get("profile", "")), asking)
    if isinstance(
        exc,
        boto.ConfigParseError
        | boto.ConfigNotFound
        | boto.InvalidConfigError
        | boto.InvalidIMDSEndpointError
        | boto.InvalidRetryConfigurationError
        | boto.EndpointProviderError
        | boto.InvalidRegionError
        | boto.MissingDependencyException,
    ):
        return HelperError(
            f"the AWS settings are wrong: {one_line(str(exc))}",
            hint=f"mend {_config_files(asking)} or the AWS_... variables",
        )
    if isinstance(exc, OSError) and exc.filename and exc.strerror:
        return HelperError(
            f"{one_line(str(exc.filename))}, which the AWS settings name, cannot be read:"
            f" {exc.strerror}",
            hint=f"mend the file, or the setting in {_config_files(asking)} or the environment",
        )
    if isinstance(exc, ValueError) and not isinstance(exc, boto.BotoCoreError | ParserError):
        return HelperError(
            f"the AWS settings are wrong: {one_line(str(exc))}",
            hint=f"mend {_config_files(asking)} or the AWS_... variables",
        )
    return None


def _config_files(asking: Asking) -> str:
    names = (asking.core.get_config_variable(name) for name in ("config_file", "credentials_file"))
    return " or ".join(one_line(str(name)) for name in names)


def _readable(asking: Asking) -> bool:
    try:
        return bool(asking.core.full_config)
    except boto.BotoCoreError:
        return False


# --- the connection ---------------------------------------------------------------------------


def _of_connection(exc: Exception, asking: Asking) -> HelperError | None:
    if isinstance(exc, ResponseParserError):
        return not_ecr(asking)
    if not isinstance(exc, boto.HTTPClientError | boto.ConnectionError):
        return None
    url = str(exc.kwargs.get("endpoint_url") or exc.kwargs.get("proxy_url") or "")
    where = shown_url(url) if url else asking.stage
    network = "check the network, VPN, firewall and HTTPS_PROXY"
    if isinstance(exc, boto.SSLError):
        return _untrusted(exc, where, asking)
    if isinstance(exc, boto.ProxyConnectionError):
        return HelperError(
            f"the proxy {where} does not answer",
            hint="check HTTPS_PROXY; NO_PROXY names the hosts to reach without it",
        )
    if isinstance(exc, boto.ConnectTimeoutError):
        return HelperError(f"no connection to {where}: it does not answer", hint=network)
    if isinstance(exc, boto.ReadTimeoutError):
        return HelperError(f"{where} took the request and did not answer it", hint=network)
    causes = tuple(_causes(exc))
    if any(isinstance(cause, socket.gaierror) for cause in causes) or "resolve" in str(exc):
        return HelperError(
            f"the name of {where} does not resolve",
            hint="check the region in the registry's host name, the network, VPN and DNS",
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return HelperError(f"{where} refuses the connection", hint=network)
    if isinstance(exc, boto.ConnectionClosedError | boto.ResponseStreamingError) or any(
        isinstance(cause, ConnectionResetError) for cause in causes
    ):
        return HelperError(f"{where} broke off the connection", hint=network)
    return HelperError(f"no connection to {where}: {one_line(str(exc))}", hint=network)


def _untrusted(exc: boto.SSLError, where: str, asking: Asking) -> HelperError:
    if any(isinstance(cause, FileNotFoundError) for cause in _causes(exc)):
        bundle = asking.core.get_config_variable("ca_bundle") or os.environ["REQUESTS_CA_BUNDLE"]
        return HelperError(
            f"the file of certificates to trust, {one_line(str(bundle))}, does not exist",
            hint="point AWS_CA_BUNDLE, or ca_bundle in the AWS config, at a PEM file that does",
        )
    reason = re.search(r"certificate verify failed: ([^(\]]+)", str(exc))
    text = one_line(reason[1]) if reason else one_line(str(exc))
    return HelperError(
        f"the TLS certificate of {where} is not trusted: {text}",
        hint="set AWS_CA_BUNDLE to a PEM file with the authority that signed it,"
        " such as your company's proxy's",
    )


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield `exc` and what led to it, as Python, botocore and urllib3 each note it."""
    waiting: list[Any] = [exc]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        kwargs = getattr(one, "kwargs", None)
        if isinstance(kwargs, dict):
            waiting.append(kwargs.get("error"))
