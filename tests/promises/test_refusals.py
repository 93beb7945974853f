"""Refused is not unreachable: what a get does with a token in hand whose renewal fails."""

import time
from collections.abc import Callable

import pytest

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens import entry as entry_file
from tests.world import aws as world
from tests.world import credential_sources
from tests.world.machine import HOST, NOT_FOUND, Machine, Result

OTHER = "2" + HOST[1:]


def _make_due(machine: Machine, lives: int = 6 * 3600) -> None:
    """Make each token due for renewal; they live for so many seconds more."""
    for path in machine.entries():
        entry, subject = cache.read_any(str(path))
        entry.refresh = entry.written
        entry.expires = entry.written + lives * cache.SECOND
        entry_file.write(str(path), subject, entry)


def _session_over(machine: Machine) -> None:
    machine.aws.sso_tokens.clear()


def _denied(machine: Machine) -> None:
    machine.aws.denied.add((credential_sources.USER, "ecr:GetAuthorizationToken"))


def _deleted(machine: Machine) -> None:
    machine.aws.keys.clear()


def _not_trusted(machine: Machine) -> None:
    machine.aws.web_identity_tokens.clear()


def _not_authorized(machine: Machine) -> None:
    machine.aws.container_authorization = "another"


def _no_instance_role(machine: Machine) -> None:
    machine.aws.instance_role = None


# The source -> what happens to it, and the cure in the error.
REFUSED: dict[str, tuple[Callable[[Machine], None], Callable[[Machine], None], str]] = {
    "SSO session over": (
        credential_sources.sso_session,
        _session_over,
        "run: aws sso login --profile work",
    ),
    "access denied": (
        credential_sources.environment,
        _denied,
        "allow ecr:GetAuthorizationToken on resource *",
    ),
    "key deleted": (credential_sources.named_profile, _deleted, "the key may be deleted"),
    "web identity": (credential_sources.web_identity, _not_trusted, "trusts its issuer"),
    "container": (credential_sources.container, _not_authorized, "the task's or pod's role"),
    "instance": (
        credential_sources.instance,
        _no_instance_role,
        "attach one: aws ec2 associate-iam-instance-profile",
    ),
}


@pytest.mark.parametrize("name", REFUSED, ids=REFUSED)
def test_a_refusal_ends_the_use_of_a_token(machine: Machine, name: str) -> None:
    """The error has its cure, also for the endpoint's other hosts, and later without a network."""
    source, happens, cure = REFUSED[name]
    source(machine)
    assert machine.get().secret
    assert machine.get(OTHER).secret
    _make_due(machine)
    happens(machine)

    assert cure in machine.get().error
    assert not any("ecr@" in path.name for path in machine.entries())
    offline = {"HTTPS_PROXY": "http://127.0.0.1:9"}
    assert machine.get(OTHER, **offline).code == 1


@pytest.mark.parametrize(
    "fault",
    [
        world.refuse("ThrottlingException", "Rate exceeded"),
        world.refuse("ServerException", "oops", 500),
        world.reset(),
        world.say(b"<html>Sign in to the airport's network</html>"),
    ],
    ids=["throttled", "HTTP 500", "reset", "another network"],
)
def test_an_unreachable_aws_leaves_the_token_in_use(machine: Machine, fault: world.Fault) -> None:
    """A token in hand is used while AWS cannot be asked."""
    machine.login()
    first = machine.get().secret
    _make_due(machine)
    machine.aws.faults["ecr"] = fault

    assert machine.get().secret == first


def test_after_the_cure_a_get_works(machine: Machine) -> None:
    """A refusal is not remembered: after `aws sso login` the next get has a new token."""
    credential_sources.sso_session(machine)
    first = machine.get().secret
    _make_due(machine)
    _session_over(machine)
    assert "aws sso login" in machine.get().error
    credential_sources.sso_login(machine, "corp", time.time() + 3600)

    assert machine.get().secret != first


def test_a_herd_is_refused_with_few_calls(machine: Machine) -> None:
    """Processes that wait for one that is refused fail with it, and use no token in hand."""
    machine.login()
    machine.get()
    _make_due(machine, lives=30)
    _denied(machine)
    before = machine.aws.count("ecr")["ecr"]
    machine.aws.latency = 1.5

    results = machine.get_many([HOST] * 6)

    assert all("may not call ecr:GetAuthorizationToken" in result.error for result in results)
    assert machine.aws.count("ecr")["ecr"] - before < len(results)


def test_ecr_public_is_anonymous_after_a_refusal(machine: Machine) -> None:
    """A refused identity pulls anonymously from ECR Public, and not with its old token."""
    machine.login()
    assert machine.get("public.ecr.aws").secret
    _make_due(machine)
    machine.aws.denied.add((credential_sources.USER, "ecr-public:GetAuthorizationToken"))

    assert machine.get("public.ecr.aws") == Result(1, NOT_FOUND, b"")
    assert machine.get("public.ecr.aws", HTTPS_PROXY="http://127.0.0.1:9").stdout == NOT_FOUND


def test_a_stored_login_is_not_touched(machine: Machine) -> None:
    """A login that the user stored does not depend on an AWS identity, and stays."""
    login = b'{"ServerURL": "%b", "Username": "AWS", "Secret": "x"}' % HOST.encode()
    machine.login()
    _denied(machine)
    assert machine.get().code == 1
    machine.run("store", stdin=login)

    assert machine.get().secret == "x"
    assert machine.get(OTHER).code == 1
    assert machine.get().secret == "x"
