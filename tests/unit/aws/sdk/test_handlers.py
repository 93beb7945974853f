"""botocore's handlers of events, cut to the services that are called."""

import functools
from importlib.util import find_spec, module_from_spec
from itertools import product
from typing import Any

from botocore import xform_name
from botocore.compat import accepts_kwargs
from botocore.handlers import BUILTIN_HANDLERS
from botocore.hooks import EventAliaser, HierarchicalEmitter
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.utils import EVENT_ALIASES

from docker_credential_ecrpy.aws.sdk import handlers
from docker_credential_ecrpy.aws.sdk.data import SERVICES

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


def _handlers() -> list[Any]:
    """Return botocore's own table of handlers."""
    return list(_load_copy("botocore.handlers").BUILTIN_HANDLERS)


def _load_copy(name: str) -> Any:
    """Return a copy of a module that nothing has cut."""
    spec = find_spec(name)
    assert spec
    assert spec.loader
    copy = module_from_spec(spec)
    spec.loader.exec_module(copy)
    return copy


def _model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def test_no_handler_of_our_services_is_dropped() -> None:
    """No event of our services reaches a handler of botocore's that is dropped."""
    dropped = [handler for handler in _handlers() if not handlers._is_called(handler[0])]
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


def test_no_handler_of_every_service_is_dropped() -> None:
    """Every handler of an event without a service stays, and those that are known to matter."""
    of_all = [event for event, *_ in _handlers() if "." not in event]
    kept = [handler for handler in _handlers() if handlers._is_called(handler[0])]

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
    found = [call for _, call, *_ in _handlers()]
    found += [_Handler(), _Handler().method, _Handler().strict, _Handler.of_class]
    found += [_Handler.static, _wrapped, _Handler.strict, lambda: None, lambda **_: None]
    found += [functools.partial(_Handler.static, one=1), functools.partial(_Handler.of_class)]

    for handler in found:
        assert handlers.takes_any_keyword(handler) == bool(accepts_kwargs(handler)), handler


def test_a_session_has_the_handlers_that_stay() -> None:
    """The cut is made before the session registers what is left, and once."""
    handlers.drop_handlers()
    left = list(BUILTIN_HANDLERS)
    handlers.drop_handlers()

    assert left == BUILTIN_HANDLERS
    wanted = [event for event, *_ in _handlers() if handlers._is_called(event)]
    assert [event for event, *_ in left] == wanted


def test_former_names_of_our_services_stay() -> None:
    """The events of our services keep the names that botocore's own table gives them."""
    aliases: Any = _load_copy("botocore.utils").EVENT_ALIASES
    models = [_model(service) for service in SERVICES]
    names = [name for model in models for name in (model.service_name, model.endpoint_prefix)]
    handlers.drop_aliases()

    assert len(EVENT_ALIASES) < len(aliases)
    before: Any = EventAliaser(HierarchicalEmitter(), aliases)
    after: Any = EventAliaser(HierarchicalEmitter())
    for event in [f"before-call.{name}.Get" for name in names]:
        assert after._alias_event_name(event) == before._alias_event_name(event)


def test_an_event_may_be_of_any_service() -> None:
    """Those of another service, and of documentation, are not called."""
    events = ["before-call", "before-call.*", "before-call.*.Get", "before-call.sts.Get"]
    others = ["before-call.s3", "before-call.s3.*", "docs", "docs.*.sts", "docs.sts"]
    assert [event for event in events + others if handlers._is_called(event)] == events
