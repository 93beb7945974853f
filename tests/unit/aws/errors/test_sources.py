"""Refusals of instance and container metadata: their own reason, and the cure for it."""

from collections.abc import Callable

import pytest

from tests.unit.aws.errors.test_settings import ROLE, error_of
from tests.world import credential_sources
from tests.world.aws import Fault, reset, say
from tests.world.machine import Machine

pytestmark = pytest.mark.in_process

HOP_LIMIT = "--instance-id ID --http-put-response-hop-limit 2"


def _instance(machine: Machine) -> None:
    credential_sources.instance(machine)


def _instance_without_a_role(machine: Machine) -> None:
    credential_sources.instance(machine)
    machine.aws.instance_role = None


def _as_the_source_of_a_role(machine: Machine) -> None:
    _instance_without_a_role(machine)
    machine.config(f"[default]\nrole_arn = {ROLE}\ncredential_source = Ec2InstanceMetadata\n")


def _without_tokens(machine: Machine) -> None:
    credential_sources.instance(machine)
    machine.aws.faults["imds:token"] = say(b"", 404)


def _without_version_1(machine: Machine) -> None:
    credential_sources.instance(machine)
    machine.environ["AWS_EC2_METADATA_V1_DISABLED"] = "true"


_LATER = ("no token", "no token, and no version 1", "too many requests", "an empty list of roles")
ANSWERS: dict[str, tuple[Callable[[Machine], None], tuple[str, Fault] | None, str, str]] = {
    "no role": (
        _instance_without_a_role,
        None,
        "or from metadata: the instance has no role: HTTP 404",
        "aws ec2 associate-iam-instance-profile",
    ),
    "no role to assume another with": (
        _as_the_source_of_a_role,
        None,
        "'default' in {home}/.aws/config gives no credentials: the instance has no role: HTTP 404",
        "aws ec2 associate-iam-instance-profile",
    ),
    "a role that EC2 may not assume": (
        _instance,
        (
            "imds:credentials",
            say(b'{"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume it."}'),
        ),
        "instance metadata has no keys of the role: AssumeRoleUnauthorizedAccess: EC2 cannot",
        "let ec2.amazonaws.com assume the role in the role's trust policy",
    ),
    "metadata that is off": (
        _instance,
        ("imds:token", say(b"<html>403 - Forbidden</html>", 403)),
        "instance metadata refuses a token: HTTP 403",
        "--http-endpoint enabled",
    ),
    "no token": (_instance, ("imds:token", reset()), "gives no token", HOP_LIMIT),
    "no token, and no version 1": (
        _without_version_1,
        ("imds:token", reset()),
        "gives no token",
        HOP_LIMIT,
    ),
    "too many requests": (
        _instance,
        ("imds:credentials", say(b"<html>", 503)),
        "instance metadata cannot answer now: HTTP 503",
        "try again",
    ),
    "a proxy for pods": (
        _instance,
        ("imds:credentials", say(b"no role for pod 10.0.0.1", 404)),
        "instance metadata refuses: HTTP 404: no role for pod 10.0.0.1",
        "the proxy of metadata that answers for it",
    ),
    "an old metadata service without a role": (
        _without_tokens,
        ("imds:credentials", say(b"", 404)),
        "the instance has no role: HTTP 404",
        "aws ec2 associate-iam-instance-profile",
    ),
    "an empty list of roles": (
        _instance,
        ("imds:credentials", say(b"")),
        "instance metadata cannot answer now: an empty answer",
        "try again",
    ),
    "a task that has ended": (
        credential_sources.container,
        (
            "container",
            say(
                b'{"code": "InvalidIdInRequest", "message": "CredentialsV2Request: not found"}', 400
            ),
        ),
        "failed: HTTP 400: InvalidIdInRequest: CredentialsV2Request: not found",
        "is this task's own",
    ),
    "a pod's role without trust": (
        credential_sources.pod_identity,
        (
            "container",
            say(b"(AccessDeniedException): EKS does not have permissions to assume", 400),
        ),
        "failed: HTTP 400: (AccessDeniedException): EKS does not have permissions",
        "pods.eks.amazonaws.com call sts:AssumeRole and sts:TagSession",
    ),
}


@pytest.mark.parametrize("answer", ANSWERS)
def test_metadata_says_why(machine: Machine, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    """botocore drops the reason of instance metadata; the error has it, with its own cure."""
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    set_up, fault, cause, cure = ANSWERS[answer]
    set_up(machine)
    machine.aws.faults |= dict([fault] if fault else [])

    error = error_of(machine)

    assert cause.format(home=machine.home) in error.message
    assert cure in (error.hint or "")
    assert error.refused == (answer not in _LATER)


def test_secrets_in_an_answer_are_redacted(machine: Machine) -> None:
    """What looks like a secret is not repeated, though no one has noted it."""
    secret = "A1b2C3d4E5" * 4
    credential_sources.instance(machine)
    machine.aws.faults["imds:credentials"] = say(f"denied {secret}".encode(), 404)

    error = str(error_of(machine))

    assert "HTTP 404: denied [redacted]" in error
    assert secret not in error


def test_a_file_and_the_instance(machine: Machine) -> None:
    """A file that a variable names and the refusal of metadata are both the cause."""
    _instance_without_a_role(machine)
    machine.environ["AWS_CONFIG_FILE"] = "/nowhere/config"

    error = error_of(machine)

    assert error.message.startswith("/nowhere/config, which AWS_CONFIG_FILE names, does not exist;")
    assert "and from metadata: the instance has no role" in error.message
    assert "associate-iam-instance-profile" in str(error.hint)


def test_metadata_at_another_address(machine: Machine) -> None:
    """The variable that is left over is named."""
    machine.environ.pop("AWS_EC2_METADATA_DISABLED")
    machine.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:9/"

    error = error_of(machine)

    assert "or from metadata at http://127.0.0.1:9, where AWS_EC2_METADATA_SERV" in error.message
    assert error.command == "unset AWS_EC2_METADATA_SERVICE_ENDPOINT"


def test_a_relative_address_without_a_slash(machine: Machine) -> None:
    """It becomes a part of the host's name."""
    machine.environ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "v2/credentials/abc"

    error = error_of(machine)

    assert error.message.startswith("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: Unsupported host")
    assert str(error.hint).startswith("begin it with a slash")
