"""What botocore raises, told as cause and cure.

Each function returns (does not raise) the error, so that the caller's `raise ... from exc`
keeps the chain for whoever debugs it. What AWS itself answers is told by `aws_refusals`, and
what goes wrong on the way there by `aws_connection`.
"""

import difflib
import os
import shlex
from typing import NoReturn

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.errors.connection import causes, explain_connection
from docker_credential_ecrpy.aws.errors.service import expired, refused
from docker_credential_ecrpy.aws.profiles import wrong_settings
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

# Docker's, podman's, and Kubernetes's, whose containers have no file that says so.
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")
_KUBERNETES = "KUBERNETES_SERVICE_HOST"


# What botocore raises over the settings that it reads.
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
# What botocore's parsers raise over an answer that no service of AWS would give.
_NOT_UNDERSTOOD = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    OverflowError,
    RuntimeError,
)


PROCESS = "credential_process"
"""How the stage begins while such a program is waited for, or what it printed is read."""


class MfaNeeded(Exception):
    """A profile wants an MFA code. Never ours to ask for: standard input is the protocol."""


def refuse_mfa_prompt(_prompt: str) -> NoReturn:
    """Stand in for the question after an MFA code. Raises MfaNeeded."""
    raise MfaNeeded


def explain(exc: Exception, asking: CallContext) -> HelperError:
    """Return what `exc`, raised while `asking`, means to a person."""
    if isinstance(exc, boto.ClientError):
        return refused(exc, asking) or not_ecr(asking)
    if isinstance(exc, ResponseParserError) or (
        asking.service and isinstance(exc, _NOT_UNDERSTOOD)
    ):
        return not_ecr(asking)
    for explained in (_of_sources, _of_settings, explain_connection):
        error = explained(exc, asking)
        if error is not None:
            return error
    text = one_line(str(exc)) or "no reason given"
    return HelperError(
        f"the AWS SDK failed while asking {asking.stage}: {text}",
        hint="run it again with AWS_ECR_DEBUG=1 to see how far it came",
    )


def no_credentials(asking: CallContext) -> HelperError:
    """Return the error for no credentials anywhere."""
    hint = (
        "run 'aws configure sso' or 'aws configure', or set AWS_PROFILE to a profile that has some"
    )
    place = asking.choice.chosen_at
    if asking.choice.profile:
        return HelperError(
            f"{place}: AWS profile {asking.profile!r} in {asking.config_files} has no credentials",
            hint="write keys, a role, an SSO session or a credential_process into it, or leave the"
            " profile out for the identity that the environment has",
            chosen_at=str(place),
        )
    inside = _KUBERNETES in os.environ or any(map(os.path.exists, _CONTAINER_MARKS))
    if inside and os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true":
        hint += (
            "; in a container on EC2, raise the instance's metadata hop limit to 2"
            " (aws ec2 modify-instance-metadata-options --http-put-response-hop-limit 2)"
        )
    return HelperError(
        "no AWS credentials found in the environment, in profile "
        f"{asking.profile!r} of {asking.config_files}, or from container or instance metadata",
        hint=hint,
    )


def unknown_profile(name: str, asking: CallContext) -> HelperError:
    """Return the error for a profile that no file has."""
    others = sorted(asking.core.available_profiles)
    near = difflib.get_close_matches(name, others, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    place = asking.choice.chosen_at
    if place is None or not asking.choice.profile:
        where, there = "", f"set AWS_PROFILE to one of: {', '.join(others)}"
        hint = meant + there if others else "unset AWS_PROFILE"
    else:
        where = f"{place}: profile = {one_line(name)!r}: " if place.line else f"{place}: "
        hint = f"{meant}there are: {', '.join(others)}" if others else "there are none"
        hint += "; run 'aws configure list-profiles' to see them, or 'aws configure sso' for one"
    return HelperError(
        f"{where}AWS profile {one_line(name)!r} is not in {asking.config_files}",
        hint=one_line(hint),
        chosen_at=str(place) if where else None,
    )


def not_ecr(asking: CallContext) -> HelperError:
    """Return the error for an answer that no ECR would give."""
    return HelperError(
        f"the answer from {asking.stage} is not {asking.service}'s",
        hint="check AWS_ENDPOINT_URL, HTTPS_PROXY and whatever else stands in between",
    )


def wrong_partition(asking: CallContext) -> HelperError:
    """Return the error for a region and a domain that do not belong together."""
    registry = asking.registry
    rule = asking.choice.rule
    by_rule = rule and rule.region
    return HelperError(
        f"region {registry.region} does not belong to {registry.suffix}",
        hint=f"check the region in {rule.places['region']}"
        if rule and by_rule
        else "check the registry's host name",
    )


def _of_sources(exc: Exception, asking: CallContext) -> HelperError | None:
    if any(isinstance(cause, MfaNeeded) for cause in causes(exc)):
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
        profile, command = asking.sso_login()
        return HelperError(
            f"the SSO session of AWS profile {profile!r} has expired or was never begun",
            hint=f"run: {command}",
        )
    if isinstance(exc, RuntimeError) and "still expired" in str(exc):
        return expired(asking)  # botocore's own words for what a source gave it
    if isinstance(exc, boto.LoginInsufficientPermissions):
        return HelperError(
            f"the AWS login of profile {asking.profile!r} was refused: {one_line(str(exc))}",
            hint="ask for permission to sign in with 'aws login', or use another profile",
        )
    if isinstance(exc, boto.LoginError):
        return HelperError(
            f"the AWS login of profile {asking.profile!r} has expired or was never begun",
            hint=f"run: aws login --profile {shlex.quote(asking.profile)}",
        )
    if isinstance(exc, boto.CredentialRetrievalError):
        return _failed_source(str(exc), asking)
    return _of_credential_process(exc, asking)


def _failed_source(text: str, asking: CallContext) -> HelperError:
    reason = one_line(text.partition(": ")[2]) or "it gave no reason"
    if "custom-process" in text:
        return HelperError(
            f"{asking.stage} failed: {reason}",
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


def _of_credential_process(exc: Exception, asking: CallContext) -> HelperError | None:
    """Explain what a credential_process leads to outside of botocore's own exceptions."""
    what = asking.stage
    if not what.startswith(PROCESS) or isinstance(exc, boto.BotoCoreError):
        return None
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


def _of_settings(exc: Exception, asking: CallContext) -> HelperError | None:
    if isinstance(exc, boto.ProfileNotFound):
        return unknown_profile(str(exc.kwargs.get("profile", "")), asking)
    of_a_value = isinstance(exc, ValueError) and not isinstance(exc, boto.BotoCoreError)
    if of_a_value or isinstance(exc, _SETTINGS):
        return wrong_settings(exc, asking.core)
    if isinstance(exc, OSError) and exc.filename and exc.strerror:
        return HelperError(
            f"{one_line(str(exc.filename))}, which the AWS settings name, cannot be used:"
            f" {exc.strerror}",
            hint=f"mend the file, or the setting in {asking.config_files} or the environment",
        )
    return None
