"""Errors of calls to AWS: each cause has its message and its hint."""

from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import exceptions as boto

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.errors.explain import explain
from docker_credential_ecrpy.aws.errors.sources import explain_no_credentials
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.settings.rules import Choice, Role
from tests.world import aws as world
from tests.world import credential_sources
from tests.world.failures import FAILURES
from tests.world.machine import HOST, NOT_FOUND, Machine, Result

ROLE = "arn:aws:iam::123456789012:role/puller"


@pytest.mark.parametrize("name", FAILURES, ids=FAILURES)
def test_each_cause_has_its_text_and_cure(machine: Machine, name: str) -> None:
    """The error is one line on both streams: what is wrong; what to do."""
    case = FAILURES[name]
    case.set_up(machine)

    error = machine.get().error

    said, _, cure = error.partition("; ")
    assert case.cause in said
    assert case.cure in cure
    assert error[0].islower() or error.startswith(("AWS", "ECR", "STS", "IAM", "/"))
    assert not error.endswith(".")
    if case.calls is not None:
        assert machine.aws.count()["ecr"] == case.calls


@pytest.mark.parametrize("name", FAILURES, ids=FAILURES)
def test_ecr_public_is_never_an_error(machine: Machine, name: str) -> None:
    """With any failure, a pull from ECR Public goes on anonymously."""
    FAILURES[name].set_up(machine)
    if "ecr" in machine.aws.faults:
        machine.aws.faults["ecr-public"] = machine.aws.faults["ecr"]
    machine.aws.denied |= {
        (arn, "ecr-public:GetAuthorizationToken") for arn, _ in machine.aws.denied
    }

    assert machine.get("public.ecr.aws") == Result(1, NOT_FOUND, b"")


@pytest.mark.parametrize(
    "fault",
    [
        world.refuse("ThrottlingException", "Rate exceeded", times=2),
        world.refuse("ServerException", "oops", 500, times=2),
        world.reset(times=2),
    ],
    ids=["throttled", "HTTP 500", "reset"],
)
def test_temporary_failures_are_retried(machine: Machine, fault: world.Fault) -> None:
    """Two temporary failures are retried, and the third attempt succeeds."""
    machine.login()
    machine.aws.faults["ecr"] = fault

    assert machine.get().secret in machine.aws.issued
    assert machine.aws.count() == {"ecr": 3}


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "AWS_ENDPOINT_URL"])
def test_passwords_in_urls_are_not_repeated(machine: Machine, variable: str) -> None:
    """The user info of a proxy or endpoint URL is not in the error."""
    machine.login()
    error = machine.get(**{variable: "http://user:hunter2@127.0.0.1:9"}).error

    assert "127.0.0.1:9" in error
    assert "hunter2" not in error


@pytest.fixture(name="call")
def _call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CallContext:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path) + "/config")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path) + "/credentials")
    found = registry.parse(HOST)
    assert found is not None
    return CallContext(Choice(found), botocore.session.Session(), Watch(), lambda _: None)


@pytest.mark.parametrize("disabled", ["true", "false"])
@pytest.mark.parametrize("inside", [True, False])
def test_in_a_container_the_hint_names_the_hop_limit(
    call: CallContext,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    disabled: str,
    inside: bool,
) -> None:
    """The hop limit is named only inside a container that uses instance metadata."""
    monkeypatch.setattr(
        "docker_credential_ecrpy.aws.errors.sources._CONTAINER_MARKS",
        (str(tmp_path if inside else "/nowhere"),),
    )
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", disabled)
    for name in ("config", "credentials"):
        (tmp_path / name).write_text("[default]\n")

    said = str(explain_no_credentials(call))

    assert ("hop limit" in said) == (inside and disabled == "false")


@pytest.mark.parametrize(
    ("exc", "part"),
    [
        (boto.LoginTokenLoadError(error_msg="x"), "run: aws login --profile default"),
        (boto.LoginInsufficientPermissions(), "ask for permission to sign in"),
        (boto.MissingDependencyException(msg="pip install botocore[crt]"), "botocore[crt]"),
        (
            boto.ConnectTimeoutError(endpoint_url="https://a.test/x"),
            "no connection to https://a.test",
        ),
        (boto.ReadTimeoutError(endpoint_url="https://a.test/x"), "did not answer"),
        (
            boto.SSLError(endpoint_url="https://a.test", error=OSError("odd")),
            "no TLS connection to",
        ),
        (boto.EndpointConnectionError(endpoint_url="https://a.test", error="odd"), "no connection"),
        (boto.CredentialRetrievalError(provider="odd", error_msg="why"), "why"),
        (
            RuntimeError("out of cheese\nagain"),
            "the AWS SDK failed while waiting for the AWS settings: out",
        ),
        (RuntimeError(), "a failure without a place"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_the_loopback_cannot_cause(call: CallContext, exc: Exception, part: str) -> None:
    """Other exceptions of boto3, and unknown ones, give one line without class names."""
    error = str(explain(exc, call))

    assert part in error
    assert "\n" not in error
    assert type(exc).__name__ not in error


@pytest.mark.parametrize("operation", ["GetRoleCredentials", "GetAuthorizationToken"])
def test_a_denial_without_names_still_names_the_action(call: CallContext, operation: str) -> None:
    """A denial names the action, also if AWS's text has neither identity nor action."""
    response: Any = {"Error": {"Code": "AccessDenied", "Message": "No access"}}
    error = str(explain(boto.ClientError(response, operation), call))

    assert error.startswith("this AWS identity may not call ")
    assert f":{operation}" in error


@pytest.mark.parametrize(
    ("operation", "text", "named"),
    [
        ("AssumeRole", f"is not authorized: sts:AssumeRole on resource: {ROLE}-2", f" on {ROLE}-2"),
        ("AssumeRole", "Access denied", f" on {ROLE};"),
        ("AssumeRoleWithWebIdentity", "Access denied", f" on {ROLE};"),
        ("GetAuthorizationToken", "Access denied", "GetAuthorizationToken;"),
    ],
)
def test_a_denial_of_a_role_names_it(
    call: CallContext, monkeypatch: pytest.MonkeyPatch, operation: str, text: str, named: str
) -> None:
    """AWS's text has the role in the middle of a chain; without it, the settings name the role."""
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    response: Any = {"Error": {"Code": "AccessDenied", "Message": text}}

    assert named in str(explain(boto.ClientError(response, operation), call))


def test_a_denial_of_the_chosen_role_names_it(call: CallContext) -> None:
    """It is the rule's role, once the credentials to assume it with are there."""
    call.choice, call.resolved = replace(call.choice, role=Role(ROLE)), True
    response: Any = {"Error": {"Code": "AccessDenied", "Message": "Access denied"}}

    assert f"sts:AssumeRole on {ROLE};" in str(
        explain(boto.ClientError(response, "AssumeRole"), call)
    )


@pytest.mark.parametrize(
    ("role", "source", "cure"),
    [
        ("arn:aws:iam::123456789012:role/Environment", "sso", "run: aws sso login"),
        ("arn:aws:iam::123456789012:role/Environment", "env", "export fresh"),
        ("", "shared-credentials-file", "renew them"),
    ],
)
def test_a_roles_name_does_not_say_where_credentials_come_from(
    call: CallContext, role: str, source: str, cure: str
) -> None:
    """For expired credentials, their source decides the hint, not the role's name."""
    call.role, call.source = role, source
    response: Any = {"Error": {"Code": "ExpiredToken", "Message": "The token has expired"}}
    error = explain(boto.ClientError(response, "GetAuthorizationToken"), call)

    assert (error.hint or "").startswith(cure)


@pytest.mark.parametrize(
    "fault", [world.reset(), world.say(b"<html></html>")], ids=["none", "page"]
)
def test_metadata_without_a_token_has_its_own_cure(machine: Machine, fault: world.Fault) -> None:
    """A container behind too many hops gets no token: neither a profile nor a login helps."""
    credential_sources.instance(machine)
    machine.aws.faults["imds:token"] = fault

    error = machine.get().error

    assert "instance metadata gives no token; try again; in a container, raise" in error
    assert "aws configure" not in error


@pytest.mark.parametrize(
    "fault",
    [world.refuse("ServiceUnavailable", "later", 503), world.say(b"<html></html>", 403)],
    ids=["HTTP 503", "page"],
)
def test_an_sso_session_that_cannot_be_renewed_is_not_over(
    machine: Machine, fault: world.Fault
) -> None:
    """The cure of a network that fails is not another login."""
    credential_sources.sso_session_that_needs_a_refresh(machine)
    machine.aws.faults["sso-oidc:CreateToken"] = fault

    error = machine.get().error

    assert "of AWS profile 'work' is not renewed: IAM Identity Center at https://oidc" in error
    assert "cannot answer; check the network" in error
