"""The session that every client is made from."""

from typing import Any

import botocore.session
import pytest

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.session import prepare_session
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings.rules import Choice
from tests.world.machine import HOST


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
