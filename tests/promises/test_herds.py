"""Single flight: many processes at once make one call to AWS, and share its failure."""

import re
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.world import aws as world
from tests.world import credential_sources
from tests.world.machine import HOST, Machine


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (credential_sources.assumed_role, "sts:AssumeRole"),
        (credential_sources.web_identity, "sts:AssumeRoleWithWebIdentity"),
        (credential_sources.sso_session, "sso:GetRoleCredentials"),
        (credential_sources.environment, None),
    ],
    ids=["assumed role", "web identity", "SSO", "static"],
)
def test_a_herd_makes_one_call(
    machine: Machine, source: Callable[[Machine], None], kind: str | None
) -> None:
    """Sixteen cold gets for four accounts of one region, started at once, make one call."""
    source(machine)
    hosts = [f"{number % 4:012}{HOST[12:]}" for number in range(16)]

    secrets = {result.secret for result in machine.get_many(hosts)}

    assert len(secrets) == 1
    assert machine.aws.count() == Counter({"ecr": 1} | ({kind: 1} if kind else {}))


def test_an_individual_failure_is_not_shared(machine: Machine) -> None:
    """A get with less time or another secret key fails alone: those that wait call AWS again."""
    machine.login()
    machine.aws.latency = 1.5
    environ, other = dict(machine.environ), machine.aws.user("other").secret_key
    first = []
    for change in ({"AWS_ECR_TIMEOUT": "1"}, {"AWS_SECRET_ACCESS_KEY": other}):
        machine.environ = environ | change
        first.append(machine.start_get())
        time.sleep(0.6)
        machine.environ = dict(environ)
        (result,) = machine.get_many([HOST])
        assert result.secret in machine.aws.issued
        for entry in machine.entries():
            entry.unlink()
    outputs = [child.communicate()[0].decode() for child in first]

    assert re.search(r"within (1|0\.\d+) s", outputs[0]), outputs[0]  # a part of its second is over
    assert "refused the signature" in outputs[1]


def test_a_slow_aws_is_called_once(machine: Machine) -> None:
    """Those that wait for the lock wait for most of their time before they call AWS too."""
    credential_sources.assumed_role(machine)
    machine.aws.latency = 3
    secrets = {result.secret for result in machine.get_many([HOST] * 8)}

    assert len(secrets) == 1
    assert machine.aws.count() == {"ecr": 1, "sts:AssumeRole": 1}


def test_a_herd_fails_with_one_call(machine: Machine) -> None:
    """Sixteen processes that are denied make one call, and each prints the reason."""
    machine.login()
    machine.aws.latency = 2
    machine.aws.faults["ecr"] = world.refuse("AccessDeniedException", "no")

    errors = {result.error for result in machine.get_many([HOST] * 16)}

    assert len(errors) == 1
    assert machine.aws.count()["ecr"] <= 2  # one that starts after the failure calls again
