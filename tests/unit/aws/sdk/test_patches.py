"""botocore's data, loaded faster than botocore loads it."""

import json
from typing import Any

import botocore.session
import pytest
from botocore import exceptions

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.sdk.patches import SERVICES
from docker_credential_ecrpy.aws.session import make_session
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings.rules import Choice
from tests.world.machine import HOST, Machine


def _loaders(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Return botocore's own loader, and this program's replacement."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = registry.parse(HOST)
    assert found is not None
    call = CallContext(Choice(found), botocore.session.Session(), Watch(), lambda _: None)
    make_session(call)
    own: Any = botocore.session.Session().get_component("data_loader")
    return own, call.core.get_component("data_loader")


def test_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file that a client is made from has the same content and path."""
    own, ours = _loaders(monkeypatch)

    assert type(own) is not type(ours)
    for name in ("endpoints", "partitions", "sdk-default-configuration", "_retry"):
        assert ours.load_data_with_path(name) == own.load_data_with_path(name)
    for service in SERVICES:
        for model in ("service-2", "endpoint-rule-set-1"):
            loaded = ours.load_service_model(service, model)
            assert loaded == own.load_service_model(service, model)


def test_a_missing_file_gives_botocores_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing file gives botocore's error, for a known or unknown service."""
    own, ours = _loaders(monkeypatch)

    for loader in (own, ours):
        with pytest.raises(exceptions.DataNotFoundError):
            loader.load_data("nothing")
        with pytest.raises(exceptions.UnknownServiceError):
            loader.load_service_model("nothing", "service-2")


def test_a_users_own_models_count(machine: Machine) -> None:
    """Models in ~/.aws/models and AWS_DATA_PATH take precedence over botocore's."""
    machine.login()
    hosts = ["mine.amazonaws.com", "theirs.amazonaws.com"]
    for host, folder in zip(hosts, ("home/.aws/models", "data"), strict=True):
        rule = {"conditions": [], "endpoint": {"url": f"https://{host}"}, "type": "endpoint"}
        text = json.dumps({"version": "1.0", "parameters": {}, "rules": [rule]})
        machine.file(f"{folder}/ecr/2015-09-21/endpoint-rule-set-1.json", text)
    machine.get()
    machine.get(AWS_DATA_PATH=str(machine.root / "data"), AWS_ECR_DISABLE_CACHE="1")

    assert [call.host for call in machine.aws.calls] == hosts
