"""botocore's data, cut to the services that are called."""

import json
from itertools import product
from typing import Any

import botocore.session
import pytest
from botocore import exceptions
from botocore.client import ClientEndpointBridge
from botocore.config import Config
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.regions import EndpointResolver

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.sdk.data import SERVICES, SdkData
from docker_credential_ecrpy.aws.session import prepare_session
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings.rules import Choice
from tests.world.machine import HOST, Machine

REGIONS = [
    region
    for partition in Loader().load_data("partitions")["partitions"]
    for region in partition["regions"]
    if not region.endswith("-global")
]
NEW = ["eu-south-9", "us-gov-south-7", "cn-west-1"]  # which botocore does not know


def _loaders(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Return botocore's own loader, and this program's replacement."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = registry.parse(HOST)
    assert found is not None
    call = CallContext(Choice(found), botocore.session.Session(), Watch(), lambda _: None)
    prepare_session(call)
    own: Any = botocore.session.Session().get_component("data_loader")
    return own, call.core.get_component("data_loader")


def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _resolve(resolver: EndpointResolver, model: ServiceModel, region: str, config: Config) -> Any:
    """Return what botocore takes from a list of endpoints; the rules decide the URL."""
    bridge: Any = ClientEndpointBridge(
        resolver,
        client_config=config,
        service_signing_name=model.metadata.get("signingName"),
        service_signature_version=model.metadata.get("signatureVersion"),
    )
    found: dict[str, Any] = bridge.resolve(model.endpoint_prefix, region)
    metadata = found.pop("metadata")
    assert found.pop("endpoint_url").startswith("https://")
    return found, metadata["partition"], sorted(metadata.get("tags", []))


def test_files_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file that a client is made from has the same content and path."""
    own, ours = _loaders(monkeypatch)

    assert type(own) is not type(ours)
    for name in ("partitions", "sdk-default-configuration", "_retry"):
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


def test_a_users_own_list_of_endpoints_counts(machine: Machine) -> None:
    """As with botocore, an endpoints.json of the user's decides instead of the rules."""
    machine.login()
    endpoints = Loader().load_data("endpoints")
    region = endpoints["partitions"][0]["services"]["api.ecr"]["endpoints"]["us-east-1"]
    region["hostname"] = "mine.amazonaws.com"
    machine.file("home/.aws/models/endpoints.json", json.dumps(endpoints))
    machine.get()

    assert [call.host for call in machine.aws.calls] == ["mine.amazonaws.com"]


@pytest.mark.parametrize(
    ("variable", "host"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "api.ecr-fips.us-east-1.amazonaws.com"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "ecr.us-east-1.api.aws"),
    ],
)
def test_a_users_own_list_without_variants(machine: Machine, variable: str, host: str) -> None:
    """Where the user's endpoints.json has no endpoints of a kind, the rules of the service do."""
    machine.login()
    endpoints = Loader().load_data("endpoints")
    for partition in endpoints["partitions"]:
        del partition["defaults"]["variants"]
        for service in partition["services"].values():
            service.get("defaults", {}).pop("variants", None)
            for endpoint in service.get("endpoints", {}).values():
                endpoint.pop("variants", None)
    machine.file("home/.aws/models/endpoints.json", json.dumps(endpoints))
    machine.get(**{variable: "true"})

    assert [call.host for call in machine.aws.calls] == [host]


@pytest.mark.parametrize("service", SERVICES)
def test_the_list_of_endpoints_tells_botocore_the_same(service: str) -> None:
    """The region, the partition and the signature of each request are those of botocore's list."""
    model = _model(service)
    theirs = EndpointResolver(Loader().load_data("endpoints"), uses_builtin_data=True)
    listed = SdkData(Loader().search_paths).load_data("endpoints")
    ours = EndpointResolver(listed, uses_builtin_data=True)
    compared = 0
    for region, fips, dual_stack in product(REGIONS + NEW, (False, True), (False, True)):
        config = Config(use_fips_endpoint=fips, use_dualstack_endpoint=dual_stack)
        found = _resolve(ours, model, region, config)
        try:
            assert found == _resolve(theirs, model, region, config), (region, fips, dual_stack)
            compared += 1
        except exceptions.EndpointVariantError:
            pass  # it lacks endpoints of new partitions, which the rules have

    assert compared > len(REGIONS) * 2


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("region", ["us-west-2", "us-gov-west-1", "cn-north-1", "eusc-de-east-1"])
@pytest.mark.parametrize("sts", ["regional", "legacy"])
def test_requests_go_where_botocores_go(
    service: str, region: str, sts: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client has the URL and the signature's scope that botocore's own client has."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", sts)
    operation = next(iter(_model(service).operation_names))
    seen = []
    for cut in (False, True):
        core = botocore.session.Session()
        core.set_credentials("AKIDEXAMPLE", "secret")
        if cut:
            core.register_component("data_loader", SdkData(Loader().search_paths))
        for fips in (False, True):
            client: Any = core.create_client(
                service, region_name=region, config=Config(use_fips_endpoint=fips)
            )
            endpoint = client._ruleset_resolver.construct_endpoint(
                client.meta.service_model.operation_model(operation), {}, {}
            )
            signer = client._request_signer
            about = signer._region_name, signer._signing_name, signer._signature_version
            seen.append((endpoint.url, about, client.meta.region_name, client.meta.partition))

    assert seen[:2] == seen[2:]


def test_the_services() -> None:
    """Clients are made for these six alone."""
    assert SERVICES == {
        "ecr": "ECR",
        "ecr-public": "ECR Public",
        "sts": "STS",
        "sso": "IAM Identity Center",
        "sso-oidc": "IAM Identity Center",
        "signin": "signin",
    }
