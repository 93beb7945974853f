"""The session that every client is made from."""

from typing import Any

import botocore.session
import pytest

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.session import prepare_session
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings.rules import Choice
from tests.world.aws import Fault
from tests.world.machine import HOST, Machine
from tests.world.web import Request


def test_every_client_has_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """ECR's client, and botocore's own, have timeouts of 3 s and 10 s, and three attempts."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = registry.parse(HOST)
    assert found is not None
    call = CallContext(Choice(found), botocore.session.Session(), Watch(), lambda _: None)
    prepare_session(call)

    for service in ("ecr", "sts", "sso", "sso-oidc"):
        config: Any = call.core.create_client(service, region_name="us-east-1").meta.config
        assert (config.connect_timeout, config.read_timeout) == (3, 10)
        assert config.retries["mode"] == "standard"
        assert config.retries["total_max_attempts"] == 3


def test_botocore_makes_the_calls(machine: Machine) -> None:
    """The user agent of a `get` is botocore's alone."""
    machine.login()
    agents: list[str] = []

    def note(request: Request) -> None:
        agents.append(request.headers["User-Agent"])

    machine.aws.faults["ecr"] = Fault(note)
    machine.get()

    assert [agent.partition("/")[0] for agent in agents] == ["Botocore"]
    assert "Boto3" not in agents[0]
