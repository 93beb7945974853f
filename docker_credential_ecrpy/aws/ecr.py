"""ECR authorization tokens: the client with the right endpoint, the call, its answer."""

from functools import partial
from typing import Any

from botocore.config import Config
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointVariantError

from docker_credential_ecrpy.aws.context import CallContext, find_origin
from docker_credential_ecrpy.aws.credentials import resolve_credentials
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.session import aws_call, prepare_session
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.tokens.token import Token, parse_authorization


def fetch(choice: Choice, watch: Watch, log: Log) -> Token:
    """Return a new token from AWS for the registry of `choice`. Raises HelperError."""
    with aws_call(choice, watch, log) as call:
        prepare_session(call)
        credentials_expire = resolve_credentials(call)
        token = _authorize(call, credentials_expire)
        # `aws login` renews its credentials every 15 minutes; its tokens do not outlive them.
        is_login = call.source == "login" and not call.role
        return replace(token, inputs=tuple(call.inputs), ends_with_credentials=is_login)


def _authorize(call: CallContext, credentials_expire: int | None) -> Token:
    answer: Any = make_checked_client(call).get_authorization_token()
    try:
        data = answer["authorizationData"]
        if isinstance(data, list):  # ECR answers with a list of one, ECR Public with an object
            data = data[0]
        expires = int(data["expiresAt"].timestamp() * cache.SECOND)
        return parse_authorization(data["authorizationToken"], expires, credentials_expire)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as exc:
        from docker_credential_ecrpy.aws.errors.explain import explain_wrong_answer

        raise explain_wrong_answer(call) from exc


def make_checked_client(call: CallContext) -> Any:
    """Return the client for the registry, which sends nothing to another partition."""
    client, has_own_endpoint = make_ecr_client(call)

    def check(request: Any, **_: Any) -> None:
        if not has_own_endpoint:
            check_partition(request.url, call)

    client.meta.events.register(f"before-send.{call.registry.service}", check)
    return client


def make_ecr_client(call: CallContext, **options: Any) -> tuple[Any, bool]:
    """Return the client for the registry's token, and whether the user configured its endpoint.

    options: further options for botocore's `Config`.
    """
    registry, core = call.registry, call.core
    own_endpoint: Any = call.choice.endpoint_url or None
    if not own_endpoint and not core.get_config_variable("ignore_configured_endpoint_urls"):
        own_endpoint = ConfiguredEndpointProvider(
            full_config=core.full_config,
            scoped_config=core.get_scoped_config(),
            client_name=registry.service,
        ).provide()
    # botocore refuses FIPS and dual-stack together with a configured endpoint.
    config = Config(
        use_fips_endpoint=False if own_endpoint else registry.fips or None,
        use_dualstack_endpoint=False if own_endpoint else registry.dual_stack or None,
        **options,
    )
    make = partial(core.create_client, registry.service, region_name=registry.region)
    try:
        client = make(endpoint_url=call.choice.endpoint_url or None, config=config)
    except EndpointVariantError:
        # The user's own list of endpoints has no variants, as for FIPS; the rules have them.
        plain = Config(use_fips_endpoint=False, use_dualstack_endpoint=False, **options)
        client = make(endpoint_url=_resolve_by_rules(call), config=plain)
    return client, bool(own_endpoint)


def _resolve_by_rules(call: CallContext) -> str:
    """Return the URL of the API by the service's endpoint rules alone."""
    registry, core = call.registry, call.core
    loader = core.get_component("data_loader")
    rules = loader.load_service_model(registry.service, "endpoint-rule-set-1")
    endpoint = EndpointProvider(rules, loader.load_data("partitions")).resolve_endpoint(
        Region=registry.region,
        UseFIPS=registry.fips or bool(core.get_config_variable("use_fips_endpoint")),
        UseDualStack=registry.dual_stack
        or bool(core.get_config_variable("use_dualstack_endpoint")),
    )
    return str(endpoint.url)


def check_partition(url: str, call: CallContext) -> None:
    """Raise HelperError if an API's URL is in another partition than the registry's host.

    A region of another partition would send the request, and the token, there.
    """
    registry = call.registry
    if registry.public:
        return
    suffixes: set[str] = set()
    loader = call.core.get_component("data_loader")
    for partition in loader.load_data("partitions")["partitions"]:
        standard = partition["outputs"]["dnsSuffix"]
        dual_stack = partition["outputs"]["dualStackDnsSuffix"]
        if registry.suffix in (standard, "on." + dual_stack.removeprefix("api.")):
            suffixes |= {standard, dual_stack}
    if not any(find_origin(url).endswith("." + suffix) for suffix in suffixes):
        from docker_credential_ecrpy.aws.errors.explain import explain_wrong_partition

        raise explain_wrong_partition(call)
