"""Asking AWS for an authorization token, by boto3.

boto3 finds the credentials and makes the call; what is decided here is what a credential
helper needs otherwise than a script does: never a prompt, an end to everything that may hang,
the AWS CLI's cache, the system's trusted certificates, and the endpoint that the host's name
asks for.
"""

from typing import Any

import boto3.session
from botocore.config import Config
from botocore.configprovider import ConfiguredEndpointProvider

from docker_credential_ecrpy.aws.context import CallContext, shown_url
from docker_credential_ecrpy.aws.credentials import resolve_credentials
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.errors.explain import (
    not_ecr,
    wrong_partition,
)
from docker_credential_ecrpy.aws.session import explained, make_session
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.tokens.token import Token, parse_authorization


def fetch(choice: Choice, watch: Watch, log: Log) -> Token:
    """Return a new token for the registry of `choice` from AWS, telling `watch` who is waited for.

    Raises HelperError, with the cause and the cure.
    """

    def ask(asking: CallContext) -> Token:
        session = make_session(asking, log)
        credentials_expire = resolve_credentials(session, asking, log)
        return _authorize(session, asking, credentials_expire)

    return explained(choice, watch, log, ask)


def _authorize(
    session: boto3.session.Session, asking: CallContext, credentials_expire: int | None
) -> Token:
    registry = asking.registry
    client, has_own_endpoint = make_ecr_client(session, asking)

    def check(request: Any, **_: Any) -> None:
        if not has_own_endpoint:
            check_partition(request.url, asking)

    client.meta.events.register(f"before-send.{registry.service}", check)
    answer = client.get_authorization_token()
    return _token(answer, credentials_expire, asking)


def make_ecr_client(
    session: boto3.session.Session, asking: CallContext, **options: Any
) -> tuple[Any, bool]:
    """Return the client that asks for the registry's token, and whether a user named its endpoint.

    options: further ones of botocore's `Config`.
    """
    registry, core = asking.registry, asking.core
    own_endpoint: Any = asking.choice.endpoint_url or None
    if not own_endpoint and not core.get_config_variable("ignore_configured_endpoint_urls"):
        own_endpoint = ConfiguredEndpointProvider(
            full_config=core.full_config,
            scoped_config=core.get_scoped_config(),
            client_name=registry.service,
        ).provide()
    # botocore refuses FIPS and dual-stack together with an endpoint that the user named.
    config = Config(
        use_fips_endpoint=False if own_endpoint else registry.fips or None,
        use_dualstack_endpoint=False if own_endpoint else registry.dual_stack or None,
        **options,
    )
    client = session.client(
        registry.service,  # type: ignore[call-overload]  # the stub wants the name as a literal
        region_name=registry.region,
        endpoint_url=asking.choice.endpoint_url or None,
        config=config,
    )
    return client, bool(own_endpoint)


def check_partition(url: str, asking: CallContext) -> None:
    """Raise HelperError where an API's URL is of another partition than the registry's name.

    A region that another partition owns would send the request, and the token, elsewhere.
    """
    registry = asking.registry
    if registry.public:
        return
    suffixes: set[str] = set()
    loader = asking.core.get_component("data_loader")
    for partition in loader.load_data("partitions")["partitions"]:
        standard = partition["outputs"]["dnsSuffix"]
        dual_stack = partition["outputs"]["dualStackDnsSuffix"]
        if registry.suffix in (standard, "on." + dual_stack.removeprefix("api.")):
            suffixes |= {standard, dual_stack}
    if not any(shown_url(url).endswith("." + suffix) for suffix in suffixes):
        raise wrong_partition(asking)


def _token(answer: Any, credentials_expire: int | None, asking: CallContext) -> Token:
    try:
        data = answer["authorizationData"]
        if isinstance(data, list):  # ECR's is a list of one, ECR Public's the one alone
            data = data[0]
        return parse_authorization(
            data["authorizationToken"],
            int(data["expiresAt"].timestamp() * cache.SECOND),
            credentials_expire,
        )
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as exc:
        raise not_ecr(asking) from exc
