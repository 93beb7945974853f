"""botocore's data and handlers, cut to the services that are called."""

import functools
import json
from importlib.util import find_spec, module_from_spec
from itertools import product
from typing import Any

import botocore.session
import pytest
from botocore import exceptions, xform_name
from botocore.client import ClientEndpointBridge
from botocore.compat import accepts_kwargs
from botocore.config import Config
from botocore.handlers import BUILTIN_HANDLERS
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.regions import EndpointResolver

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.sdk import data
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
# What our services need of the handlers of every service.
NEEDED = {
    ("before-call", "add_recursion_detection_header"),
    ("before-call", "inject_api_version_header_if_needed"),
    ("before-parameter-build", "generate_idempotent_uuid"),
    ("before-parse.sso-oidc.*", "_map_oauth2_errors"),
    ("choose-service-name", "handle_service_name_alias"),
    ("choose-signer", "set_operation_specific_signer"),
    ("choose-signer.sts.AssumeRoleWithSAML", "disable_signing"),
    ("choose-signer.sts.AssumeRoleWithWebIdentity", "disable_signing"),
    ("creating-client-class", "add_generate_presigned_url"),
    ("request-created", "add_retry_headers"),
}


def _loaders(monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    """Return botocore's own loader, and this program's replacement."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    found = registry.parse(HOST)
    assert found is not None
    call = CallContext(Choice(found), botocore.session.Session(), Watch(), lambda _: None)
    prepare_session(call)
    own: Any = botocore.session.Session().get_component("data_loader")
    return own, call.core.get_component("data_loader")


def _handlers() -> list[Any]:
    """Return botocore's own table of handlers, in a copy that nothing has cut."""
    spec = find_spec("botocore.handlers")
    assert spec
    assert spec.loader
    copy: Any = module_from_spec(spec)
    spec.loader.exec_module(copy)
    return list(copy.BUILTIN_HANDLERS)


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
def test_requests_go_where_botocores_go(
    service: str, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client has the URL and the signature's scope that botocore's own client has."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
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


def test_no_handler_of_our_services_is_dropped() -> None:
    """No event of our services reaches a handler of botocore's that is dropped."""
    dropped = [handler for handler in _handlers() if not data._is_called(handler[0])]
    reached: list[str] = []
    events = EventAliaser(HierarchicalEmitter())
    for event, *_ in dropped:

        def note(event: str = event, **_: Any) -> None:
            reached.append(event)

        events.register(event, note)
    kinds = {event.partition(".")[0] for event, *_ in _handlers()} - {"docs"}
    for service in SERVICES:
        model = _model(service)
        for name, kind in product((model.service_id.hyphenize(), model.endpoint_prefix), kinds):
            events.emit(f"{kind}.{name}")
            for operation in model.operation_names:
                for form in (operation, xform_name(operation)):
                    events.emit(f"{kind}.{name}.{form}")

    assert len(dropped) > 100
    assert {"request-created", "before-sign", "needs-retry", "choose-signer"} <= kinds
    assert not reached


def test_the_services_and_their_events() -> None:
    """Clients are made for six services; an event may also be one of any service."""
    assert data.SERVICES == {
        "ecr": "ECR",
        "ecr-public": "ECR Public",
        "sts": "STS",
        "sso": "IAM Identity Center",
        "sso-oidc": "IAM Identity Center",
        "signin": "signin",
    }
    events = ["before-call", "before-call.*", "before-call.*.Get", "before-call.sts.Get"]
    others = ["before-call.s3", "before-call.s3.*", "docs", "docs.*.sts", "docs.sts"]
    assert [event for event in events + others if data._is_called(event)] == events


def test_no_handler_of_every_service_is_dropped() -> None:
    """Every handler of an event without a service stays, and those that are known to matter."""
    of_all = [event for event, *_ in _handlers() if "." not in event]
    kept = [handler for handler in _handlers() if data._is_called(handler[0])]

    assert len(of_all) > 5
    assert [event for event, *_ in kept if "." not in event] == of_all
    assert {(event, getattr(call, "__name__", "")) for event, call, *_ in kept} >= NEEDED


class _Handler:
    def __call__(self, one: int, **_: Any) -> None: ...
    def method(self, **_: Any) -> None: ...
    def strict(self, one: int) -> None: ...
    @classmethod
    def of_class(cls, **_: Any) -> None: ...
    @staticmethod
    def static(one: int) -> None: ...


@functools.wraps(_Handler.of_class)
def _wrapped(one: int) -> None: ...


def test_handlers_are_accepted_as_botocore_does() -> None:
    """A handler that takes any keyword is told from one that does not, of whatever kind."""
    handlers = [call for _, call, *_ in _handlers()]
    handlers += [_Handler(), _Handler().method, _Handler().strict, _Handler.of_class]
    handlers += [_Handler.static, _wrapped, _Handler.strict, lambda: None, lambda **_: None]
    handlers += [functools.partial(_Handler.static, one=1), functools.partial(_Handler.of_class)]

    for handler in handlers:
        assert data.takes_any_keyword(handler) == bool(accepts_kwargs(handler)), handler


def test_a_session_has_the_handlers_that_stay() -> None:
    """The cut is made before the session registers what is left, and once."""
    data.drop_handlers()
    left = list(BUILTIN_HANDLERS)
    data.drop_handlers()

    assert left == BUILTIN_HANDLERS
    wanted = [event for event, *_ in _handlers() if data._is_called(event)]
    assert [event for event, *_ in left] == wanted
