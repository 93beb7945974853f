"""Errors for sources that give no credentials: which one, why, and what to do."""

import os

from botocore.exceptions import CredentialRetrievalError

from docker_credential_ecrpy.aws.context import CallContext, redact_url
from docker_credential_ecrpy.aws.errors.places import describe_setting
from docker_credential_ecrpy.aws.errors.settings import SOURCES, explain_gap
from docker_credential_ecrpy.aws.faults import sections
from docker_credential_ecrpy.aws.faults.keys import explain_half_environment
from docker_credential_ecrpy.aws.faults.unreadable import say_unwritable
from docker_credential_ecrpy.aws.local_credentials import (
    CONTAINER_URIS,
    is_ec2,
    is_metadata_disabled,
)
from docker_credential_ecrpy.aws.profiles import name_config_files
from docker_credential_ecrpy.errors import HelperError, NoCredentials
from docker_credential_ecrpy.text.sanitize import one_line

_MODIFY = "aws ec2 modify-instance-metadata-options --instance-id ID"
_HOP_LIMIT = "raise the instance's metadata hop limit to 2"
_HOP_COMMAND = f" ({_MODIFY} --http-put-response-hop-limit 2)"
_CONTAINER_MARKS = ("/.dockerenv", "/run/.containerenv")  # Docker's and podman's
_TOKENS = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
_NO_ROLE = 404  # the answer of instance metadata for an instance without a role
_OFF = 403  # its answer where it is turned off, or to a request that a proxy forwarded
_ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
_POD_HOSTS = ("169.254.170.23", "fd00:ec2::23")


def explain_no_credentials(call: CallContext) -> HelperError:
    """Return the error for a profile or an environment without credentials."""
    place, files = call.choice.chosen_at, name_config_files(call.core)
    if found := _find_fault(call):
        found.refused = not call.unreachable
        return found
    if call.choice.profile:
        msg = f"{place}: AWS profile {call.profile!r} in {files} has no credentials"
        hint = "write keys, a role, an SSO session or a credential_process into it, or remove the"
        hint += " profile to use the identity of the environment"
        return NoCredentials(msg, hint=hint, chosen_at=str(place), refused=True)
    msg = f"no AWS credentials found in the environment, in profile {call.profile!r} of {files},"
    command = "aws configure sso"
    others = ", ".join(sorted(set(call.core.available_profiles) - {call.profile}))
    which = f"one of: {one_line(others)}" if others else "a profile with credentials"
    hint = f"run '{command}' or 'aws configure', or set AWS_PROFILE to {which}"
    hint = say_unwritable() + hint
    refused = not call.unreachable
    if call.lacks_token or call.refusal:
        reason, cure = _explain_instance(call)
        return NoCredentials(f"{msg} or from metadata: {reason}", hint=cure, refused=refused)
    if (endpoint := os.environ.get(_ENDPOINT)) and not is_metadata_disabled(os.environ):
        msg += f" or from metadata at {redact_url(endpoint)}, where {_ENDPOINT} sends the request"
        command = f"unset {_ENDPOINT}"
        hint = f"if {_ENDPOINT} is left over, run: {command}; otherwise {hint}"
        return NoCredentials(msg, hint=hint, command=command, refused=refused)
    if _is_in_container() and not is_metadata_disabled(os.environ):
        hint += f"; in a container on EC2, {_HOP_LIMIT}{_HOP_COMMAND}"
    msg += " or from container or instance metadata"
    if is_metadata_disabled(os.environ) and is_ec2(os.environ):
        msg += ", which AWS_EC2_METADATA_DISABLED turns off"
        command = "unset AWS_EC2_METADATA_DISABLED"
        hint = f"run: {command}; or {hint}"
    return NoCredentials(msg, hint=hint, command=command, refused=refused)


def _find_fault(call: CallContext) -> HelperError | None:
    """Return the error for what keeps botocore from seeing credentials that are there."""
    if not call.choice.profile and (half := explain_half_environment()):
        return half
    if found := sections.explain_missing(call.profile):
        if call.refusal:
            reason, cure = _explain_instance(call)
            found.message += f"; and from metadata: {reason}"
            found.hint = f"{found.hint}; or, for metadata, {cure}"
        return found
    if twice := sections.explain_twice(call.profile):
        return twice
    gap = explain_gap(call)
    if gap and call.choice.profile:
        place = call.choice.chosen_at
        gap.message, gap.chosen_at = f"{place}: {gap.message}", str(place)
    return gap


def explain_credential_source(exc: CredentialRetrievalError, call: CallContext) -> HelperError:
    """Return the error for a profile's `credential_source` that has no credentials here."""
    source, name = str(exc.kwargs.get("provider")), call.list_chain()[-1]
    others = ", ".join(one for one in SOURCES if one != source)
    if source == "Environment":
        reason = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"
        cure = f"set both, or write another source: {others}, or a source_profile instead"
    elif source == "EcsContainer":
        reason = f"{CONTAINER_URIS[0]} and {CONTAINER_URIS[1]} are not set"
        cure = (
            "only ECS tasks and pods of EKS with a role have one; elsewhere write another source:"
        )
        cure += f" {others}, or a source_profile instead"
    else:
        reason, cure = _explain_instance(call)
    msg = f"{describe_setting('credential_source', name, call)} gives no credentials: {reason}"
    return HelperError(msg, hint=cure, refused=not call.unreachable)


def explain_container(exc: CredentialRetrievalError, call: CallContext) -> HelperError:
    """Return the error for a container's endpoint that gives no credentials."""
    variable = next((name for name in CONTAINER_URIS if os.environ.get(name)), CONTAINER_URIS[1])
    token = next((f" and {name}" for name in _TOKENS if os.environ.get(name)), "")
    what, refused = "the container credentials endpoint failed", not call.unreachable
    if call.refusal is None:
        reason = one_line(str(exc.kwargs.get("error_msg", ""))) or "it gave no reason"
        command = f"unset {variable}"
        hint = f"check {variable}; outside of the task or pod, run: {command}"
        return HelperError(f"{what}: {reason}", hint=hint, command=command, refused=refused)
    url = os.environ.get(variable, "")
    text = call.refusal.text
    if "EKS" in text or any(host in url for host in _POD_HOSTS):
        hint = (
            "check the pod identity association of the service account, and that the role's trust"
        )
        hint += " policy lets pods.eks.amazonaws.com call sts:AssumeRole and sts:TagSession"
    elif "CredentialsV2Request" in text or variable == CONTAINER_URIS[0]:
        hint = f"check that {variable} is this task's own, not another's or an older one, and that"
        hint += " the task has a role (taskRoleArn) that trusts ecs-tasks.amazonaws.com"
    else:
        hint = f"check {variable}{token}, and the task's or pod's role"
    return HelperError(f"{what}: {call.refusal}", hint=hint, refused=refused)


def _explain_instance(call: CallContext) -> tuple[str, str]:
    """Return why instance metadata gives no credentials, and what to do."""
    refusal = call.refusal
    if is_metadata_disabled(os.environ):
        return "AWS_EC2_METADATA_DISABLED turns it off", "unset AWS_EC2_METADATA_DISABLED"
    if refusal and refusal.asks_token and refusal.status == _OFF:
        reason = f"instance metadata refuses a token: {refusal}"
        return reason, f"turn it on: {_MODIFY} --http-endpoint enabled"
    if call.lacks_token:
        cure = f"try again; in a container, {_HOP_LIMIT}{_HOP_COMMAND}"
        return "instance metadata gives no token", cure
    if refusal is None and (endpoint := os.environ.get(_ENDPOINT)):
        reason = f"metadata at {redact_url(endpoint)} does not answer, where {_ENDPOINT} sends it"
        return reason, f"if that variable is left over, run: unset {_ENDPOINT}"
    if refusal is None:
        cure = f"only EC2 instances have it; in a container on EC2, {_HOP_LIMIT}{_HOP_COMMAND}"
        return "instance metadata does not answer", cure
    if call.unreachable:
        return f"instance metadata cannot answer now: {refusal}", "try again in a minute"
    if "AssumeRole" in refusal.text:
        cure = "let ec2.amazonaws.com assume the role in the role's trust policy"
        return f"instance metadata has no keys of the role: {refusal}", cure
    if refusal.status == _NO_ROLE and not refusal.text:  # a text is that of a proxy for pods
        cure = "attach one: aws ec2 associate-iam-instance-profile --instance-id ID"
        return f"the instance has no role: {refusal}", f"{cure} --iam-instance-profile Name=PROFILE"
    cure = "check the role of the instance, or the proxy of metadata that answers for it"
    return f"instance metadata refuses: {refusal}", cure


def _is_in_container() -> bool:
    # The containers of Kubernetes have no mark file.
    marks = any(map(os.path.exists, _CONTAINER_MARKS))
    return marks or "KUBERNETES_SERVICE_HOST" in os.environ
