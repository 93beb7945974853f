"""Refused is not unreachable: which errors end the use of a token in hand, and which do not."""

import json
import signal
import sys
import time
from collections.abc import Callable

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings.rules import Choice
from tests.world import aws as world
from tests.world import credential_sources, in_process
from tests.world.failures import FAILURES
from tests.world.machine import HOST, Machine

pytestmark = pytest.mark.in_process

# AWS was not reached, or it was and could not answer; every other failure is a refusal.
UNREACHABLE = {
    "no credentials, metadata unreachable",
    "an answer that is not STS's",
    "CA bundle without certificates",
    "TLS to a server without",
    "proxy down, with a slash in its password",
    "HTTP 429 without a body",
    "throttled",
    "HTTP 500",
    "HTTP 503 without a body",
    "connection refused",
    "connection reset",
    "name not resolved",
    "proxy down",
    "TLS not trusted",
    "TLS for another name",
    "CA bundle missing",
    "an HTML page",
    "an HTML page that refuses",
    "JSON that is not ECR's",
    "a token that is none",
    "an expiry that is none",
    "an expiry that is a word",
    "a list in place of an object",
    "JSON without an end",
    "an empty list",
}


def _fault(
    kind: str, fault: world.Fault, source: Callable[[Machine], None]
) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        source(machine)
        machine.aws.faults[kind] = fault

    return set_up


def _process(code: str) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        credential_sources.process(machine, code)

    return set_up


def _no_role(machine: Machine) -> None:
    credential_sources.instance(machine)
    machine.aws.instance_role = None


def _container_is_gone(machine: Machine) -> None:
    machine.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:9/x"


def _login_over(machine: Machine) -> None:
    machine.config("[default]\nlogin_session = arn:aws:iam::123456789012:user/dev\n")


def _login_damaged(machine: Machine) -> None:
    credential_sources.aws_login(machine)
    path = credential_sources.write_login(machine, 900)
    path.write_text(json.dumps({**json.loads(path.read_text()), "accessToken": {}}))


def _login_without_a_key(machine: Machine) -> None:
    LOGIN(machine)
    (path,) = (machine.home / ".aws" / "login" / "cache").iterdir()
    path.write_text(json.dumps({**json.loads(path.read_text()), "dpopKey": "AAAA"}))


def _login_with_another_key(machine: Machine) -> None:
    LOGIN(machine)
    machine.aws.login_refresh_tokens = {key: {} for key in machine.aws.login_refresh_tokens}


def _unreadable_process(machine: Machine) -> None:
    program = machine.file("program", "not a program", 0o700)
    machine.config(f"[default]\ncredential_process = {program}\n")


def _short_role(machine: Machine) -> None:
    credential_sources.web_identity(machine)
    machine.environ["AWS_ROLE_ARN"] = "arn"


def _empty_token(machine: Machine) -> None:
    credential_sources.web_identity(machine)
    machine.file("oidc", "")


def _killed_below_a_shell(number: int) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        program = machine.file("program", f"#!/bin/sh\nsh -c 'kill -{number} $$'\nexit $?\n", 0o700)
        machine.config(f"[default]\ncredential_process = {program}\n")

    return set_up


def _expired_soon(machine: Machine) -> None:
    answer = json.loads(credential_sources.process_answer(machine))
    answer["Expiration"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60))
    credential_sources.process(machine, f"print({json.dumps(answer)!r})")


ROLE, SSO = credential_sources.assumed_role, credential_sources.sso_session
RENEWED = credential_sources.sso_session_that_needs_a_refresh
POD, EC2 = credential_sources.container, credential_sources.instance
WEB = credential_sources.web_identity
LOGIN = credential_sources.aws_login_that_needs_a_refresh
UNAVAILABLE = world.refuse("ServiceUnavailable", "later", 503)
SLOW = world.refuse("TooManyRequestsException", "later", 429)
PAGE = b"<html><body>Sign in to the network</body></html>"
# A set-up -> whether AWS or the source of credentials refuses.
MORE: dict[str, tuple[Callable[[Machine], None], bool]] = {
    "STS fails": (_fault("sts:AssumeRole", UNAVAILABLE, ROLE), False),
    "STS throttles": (_fault("sts:AssumeRole", world.refuse("Throttling"), ROLE), False),
    "STS hangs up": (_fault("sts:AssumeRole", world.reset(), ROLE), False),
    "STS takes too long": (
        _fault("sts:AssumeRole", world.refuse("RequestTimeout", "slow"), ROLE),
        False,
    ),
    "STS denies": (_fault("sts:AssumeRole", world.refuse("AccessDenied", "no", 403), ROLE), True),
    "STS fails for a web identity": (
        _fault("sts:AssumeRoleWithWebIdentity", UNAVAILABLE, WEB),
        False,
    ),
    "the identity provider does not answer STS": (
        _fault("sts:AssumeRoleWithWebIdentity", world.refuse("IDPCommunicationError", "slow"), WEB),
        False,
    ),
    "the identity provider rejects": (
        _fault("sts:AssumeRoleWithWebIdentity", world.refuse("IDPRejectedClaim", "no", 403), WEB),
        True,
    ),
    "SSO fails": (_fault("sso:GetRoleCredentials", UNAVAILABLE, SSO), False),
    "SSO throttles": (_fault("sso:GetRoleCredentials", SLOW, SSO), False),
    "SSO hangs up": (_fault("sso:GetRoleCredentials", world.reset(), SSO), False),
    "SSO does not renew now": (_fault("sso-oidc:CreateToken", UNAVAILABLE, RENEWED), False),
    "SSO throttles a renewal": (_fault("sso-oidc:CreateToken", SLOW, RENEWED), False),
    "SSO hangs up at a renewal": (_fault("sso-oidc:CreateToken", world.reset(), RENEWED), False),
    "SSO refuses a renewal": (
        _fault("sso-oidc:CreateToken", world.refuse("InvalidGrantException"), RENEWED),
        True,
    ),
    "the container's endpoint fails": (
        _fault("container", world.say(b"{}", 500, "application/json"), POD),
        False,
    ),
    "the container's endpoint hangs up": (_fault("container", world.reset(), POD), False),
    "the container's endpoint is gone": (_container_is_gone, False),
    "the container may not": (_fault("container", world.say(b"{}", 401), POD), True),
    "instance metadata fails": (_fault("imds:credentials", world.say(b"", 500), EC2), False),
    "instance metadata hangs up": (_fault("imds:credentials", world.reset(), EC2), False),
    "instance metadata has no role": (_no_role, True),
    "instance metadata denies": (_fault("imds:credentials", world.say(b"", 403), EC2), True),
    # botocore asks as IMDSv1 did if it gets no token, and is refused.
    "instance metadata gives no token in time": (_fault("imds:token", world.delay(3), EC2), False),
    "instance metadata hangs up at a token": (_fault("imds:token", world.reset(), EC2), False),
    "instance metadata fails at a token": (_fault("imds:token", world.say(b"", 500), EC2), False),
    "instance metadata is busy at a token": (_fault("imds:token", world.say(b"", 429), EC2), False),
    "another network gives a token": (_fault("imds:token", world.say(PAGE), EC2), False),
    "instance metadata gives no token": (_fault("imds:token", world.say(b"", 403), EC2), True),
    "another network is instance metadata": (
        _fault("imds:credentials", world.say(PAGE), EC2),
        False,
    ),
    "another network redirects instance metadata": (
        _fault("imds:credentials", world.say(b"", 302), EC2),
        False,
    ),
    "another network is the container's": (_fault("container", world.say(PAGE), POD), False),
    "the container's answer is a word": (_fault("container", world.say(b"hello"), POD), False),
    "another network refuses a renewal of SSO": (
        _fault("sso-oidc:CreateToken", world.say(PAGE, 403), RENEWED),
        False,
    ),
    "another network asks to sign in for SSO": (
        _fault("sso-oidc:CreateToken", world.say(PAGE, 401), RENEWED),
        False,
    ),
    "another network answers a renewal of SSO": (
        _fault("sso-oidc:CreateToken", world.say(PAGE), RENEWED),
        False,
    ),
    "another network refuses SSO": (
        _fault("sso:GetRoleCredentials", world.say(PAGE, 401), SSO),
        False,
    ),
    "another network refuses a web identity": (
        _fault("sts:AssumeRoleWithWebIdentity", world.say(PAGE, 403), WEB),
        False,
    ),
    "an unknown error of AWS without a text": (
        _fault("ecr", world.refuse("OptInRequired", "", 403), credential_sources.environment),
        True,
    ),
    "a web identity's file is empty": (_empty_token, True),
    "a role's ARN is cut short": (_short_role, True),
    "a program below a shell is killed": (_killed_below_a_shell(9), False),
    "a program below a shell is ended": (_killed_below_a_shell(15), False),
    "a program is killed": (
        _process(f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"),
        False,
    ),
    "a program is none": (_unreadable_process, True),
    "a program's credentials are over": (_expired_soon, True),
    "an AWS login is over": (_login_over, True),
    "an AWS login is damaged": (_login_damaged, True),
    "an AWS login has no key": (_login_without_a_key, True),
    "an AWS login is of another key": (_login_with_another_key, True),
    "an AWS login is not renewed now": (
        _fault("signin:CreateOAuth2Token", UNAVAILABLE, LOGIN),
        False,
    ),
    "an AWS login is renewed without a network": (
        _fault("signin:CreateOAuth2Token", world.reset(), LOGIN),
        False,
    ),
    "ECR is too busy": (
        _fault(
            "ecr", world.refuse("LimitExceededException", "busy"), credential_sources.environment
        ),
        False,
    ),
    "ECR refuses the token's session": (
        _fault("ecr", world.refuse("ExpiredTokenException"), credential_sources.environment),
        True,
    ),
}
BROKERS = {"an expired new token"}  # AWS has given a token, and the broker refuses it
CASES = {
    **{
        name: (case.set_up, name not in UNREACHABLE)
        for name, case in FAILURES.items()
        if name not in BROKERS
    },
    **MORE,
}


def test_every_failure_has_its_class() -> None:
    """The names of failures that are no refusals exist."""
    assert set(FAILURES) >= UNREACHABLE | BROKERS
    assert not set(FAILURES) & set(MORE)


@pytest.mark.parametrize("name", CASES, ids=CASES)
@pytest.mark.skipif(sys.platform == "win32", reason="programs and signals of Unix")
def test_each_error_is_a_refusal_or_none(machine: Machine, name: str) -> None:
    """Only timeouts, failed connections, HTTP 5xx and throttling are not a refusal."""
    set_up, refused = CASES[name]
    set_up(machine)
    found = registry.parse(HOST)
    assert found

    with in_process.environment(machine.environ), pytest.raises(HelperError) as caught:
        in_process.fetch(Choice(found), 25)

    assert caught.value.refused == refused, str(caught.value)
