"""Asking AWS for an authorization token, by boto3.

boto3 finds the credentials and makes the call; what is decided here is what a credential
helper needs otherwise than a script does: never a prompt, an end to everything that may hang,
the AWS CLI's cache, the system's trusted certificates, and the endpoint that the host's name
asks for.
"""

import gzip
import json
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import boto3.session
import botocore.session
from botocore.config import Config
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.credentials import Credentials, create_credential_resolver
from botocore.loaders import JSONFileLoader, Loader

from docker_credential_ecrpy import aws_caches, aws_errors, profiles
from docker_credential_ecrpy.asking import Asking, shown_url
from docker_credential_ecrpy.deadline import Watch
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.settings.rules import Choice, Role
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.tokens.token import Token, parse_authorization

Result = TypeVar("Result")

# botocore's names of sources that no profile has a part in.
_NOT_A_PROFILES = ("ec2-credentials-file", "boto-config", "container-role", "iam-role")
SERVICES = ("ecr", "ecr-public", "sts", "sso", "sso-oidc", "signin")
"""Whom clients are made for, here and by botocore for credentials, in botocore's names."""
CONNECT_SECONDS = 3
READ_SECONDS = 10
ATTEMPTS = 3
# Where systems keep the certificates that their administrators trust: a private authority that
# works for other programs has to work here. As in https://go.dev/src/crypto/x509/root_linux.go
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def fetch(choice: Choice, watch: Watch, log: Log) -> Token:
    """Return a new token for the registry of `choice` from AWS, telling `watch` who is waited for.

    Raises HelperError, with the cause and the cure.
    """

    def ask(asking: Asking) -> Token:
        session = session_of(asking, log)
        credentials_expire = resolve_credentials(session, asking, log)
        return _authorize(session, asking, credentials_expire)

    return explained(choice, watch, log, ask)


def explained(choice: Choice, watch: Watch, log: Log, ask: Callable[[Asking], Result]) -> Result:
    """Return what `ask` returns. Raises HelperError for whatever goes wrong in it."""
    asking = Asking(choice, profiles.session(choice.profile), watch)
    try:
        return ask(asking)
    except HelperError:
        raise
    except Exception as exc:
        log(f"aws: {type(exc).__name__} while asking {asking.stage}")
        raise aws_errors.explain(exc, asking) from exc


def session_of(asking: Asking, log: Log) -> boto3.session.Session:
    """Return boto3's session, made to behave as a credential helper has to."""
    # Standard error belongs to the protocol: what libraries warn of is not for Docker's user.
    warnings.simplefilter("ignore")
    core = asking.core
    core.register_component("data_loader", _Data(core.get_component("data_loader").search_paths))
    # For every client, also those that botocore makes to get credentials.
    core.set_default_client_config(
        Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
    )
    bundle = _system_bundle(core, os.environ)
    if bundle:
        core.set_config_variable("ca_bundle", bundle)
    aws_caches.make_careful()
    resolver = create_credential_resolver(
        core,
        aws_caches.CliCache(),  # type: ignore[arg-type]  # the stub wants a dict, botocore any mapping
        asking.registry.region,
    )
    _never_prompt(resolver, asking.watch)
    if asking.choice.profile:
        for source in _NOT_A_PROFILES:
            resolver.remove(source)  # a rule's profile is that one, and not whoever else is there
    core.register_component("credential_provider", resolver)

    def note(**sent: Any) -> None:
        # What a client says of its endpoint before a call is not always where the call goes.
        asking.sends(sent["event_name"].split(".")[1], sent["request"].url)
        log(f"aws: asking {asking.stage}")

    core.register("before-send", note)
    return boto3.session.Session(botocore_session=core)


class _Files(JSONFileLoader):
    """The files of botocore's data, as plain dictionaries: read in half the time of ordered ones.

    Its list of endpoints has a megabyte.
    """

    def load_file(self, file_path: str) -> Any:
        """Return what is in the file, whose path lacks its suffix; None where there is none."""
        for suffix, open_file in ((".json", open), (".json.gz", gzip.open)):
            try:
                with open_file(file_path + suffix, "rb") as file:
                    return json.load(file)
            except FileNotFoundError:
                pass
        return None


class _Data(Loader):
    """botocore's data, where botocore finds it; no service is looked for among all.

    For a list of those that there are, botocore looks into four hundred directories.
    """

    def __init__(self, search_paths: list[str]) -> None:
        super().__init__(search_paths, _Files(), include_default_search_paths=False)

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - botocore's
        """Return the services that clients are made for."""
        return list(SERVICES)


def _system_bundle(core: botocore.session.Session, environ: Mapping[str, str]) -> str | None:
    """Return the certificates to trust where neither AWS's settings nor requests' name any."""
    if core.get_config_variable("ca_bundle") or environ.get("REQUESTS_CA_BUNDLE"):
        return None
    named = environ.get("SSL_CERT_FILE")
    if named:
        return named
    return next((path for path in SYSTEM_BUNDLES if os.path.isfile(path)), None)


def _never_prompt(resolver: Any, watch: Watch) -> None:
    """Keep credential sources from asking a person, and have the programs they start watched.

    botocore has no public way to say so once its resolver is made, and making the resolver by
    hand would copy its order of sources; tests of each source notice if these names go.
    """
    assume_role = resolver.get_provider("assume-role")
    assume_role._prompter = aws_errors.refuse_mfa_prompt
    builder = assume_role._profile_provider_builder
    make_process_provider = builder._create_process_provider

    def watched(provider: Any) -> Any:
        def start(command: list[str], stdout: int, stderr: int) -> Any:
            watch.stage = f"{aws_errors.PROCESS} of AWS profile {provider._profile_name!r}"
            return watch.start(command, stdout, stderr)

        provider._popen = start
        return provider

    builder._create_process_provider = lambda profile_name: watched(
        make_process_provider(profile_name=profile_name)
    )
    watched(resolver.get_provider("custom-process"))


def check_profile(asking: Asking) -> None:
    """Raise HelperError where the profile in use is in no file."""
    core = asking.core
    if core.profile is not None and core.profile not in core.available_profiles:
        raise aws_errors.unknown_profile(core.profile, asking)


def resolve_credentials(session: boto3.session.Session, asking: Asking, log: Log) -> int | None:
    """Resolve the credentials, and return when they expire in ns since the epoch, if ever."""
    asking.watch.stage = "the AWS credentials"
    core = asking.core
    check_profile(asking)
    credentials: Credentials | None = session.get_credentials()
    if credentials is None:
        raise aws_errors.no_credentials(asking)
    asking.source = credentials.method
    log(f"aws: credentials from {credentials.method}, profile {core.profile or 'default'}")
    credentials.get_frozen_credentials()
    asking.resolved = True
    role = asking.choice.role
    if role:
        return _assume(role, session, asking, log)
    # The only place where botocore says so; None for keys without an end.
    end = getattr(credentials, "_expiry_time", None)
    if end is None:
        return None
    log(f"aws: credentials expire at {end.isoformat()}")
    return int(end.timestamp() * cache.SECOND)


def _assume(role: Role, session: boto3.session.Session, asking: Asking, log: Log) -> int:
    """Go on with the credentials of `role`; return when they expire in ns since the epoch.

    They are in no cache on disk: the AWS CLI's knows a role, and not who assumed it.
    """
    options: dict[str, Any] = {"ExternalId": role.external_id} if role.external_id else {}
    options |= {"RoleSessionName": role.session_name, "DurationSeconds": role.duration}
    client = session.client("sts", region_name=asking.registry.region)
    answer = client.assume_role(RoleArn=role.arn, **options)["Credentials"]
    try:
        keys = answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]
        expires = answer["Expiration"]
        asking.core.set_credentials(*keys)
        end = int(expires.timestamp() * cache.SECOND)
    except (LookupError, TypeError, ValueError, AttributeError) as exc:
        raise aws_errors.not_ecr(asking) from exc
    asking.role = role.arn
    log(f"aws: role {role.arn} assumed, credentials expire at {expires.isoformat()}")
    return end


def _authorize(
    session: boto3.session.Session, asking: Asking, credentials_expire: int | None
) -> Token:
    registry = asking.registry
    client, has_own_endpoint = client_of(session, asking)

    def check(request: Any, **_: Any) -> None:
        if not has_own_endpoint:
            check_partition(request.url, asking)

    client.meta.events.register(f"before-send.{registry.service}", check)
    answer = client.get_authorization_token()
    return _token(answer, credentials_expire, asking)


def client_of(session: boto3.session.Session, asking: Asking, **options: Any) -> tuple[Any, bool]:
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


def check_partition(url: str, asking: Asking) -> None:
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
        raise aws_errors.wrong_partition(asking)


def _token(answer: Any, credentials_expire: int | None, asking: Asking) -> Token:
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
        raise aws_errors.not_ecr(asking) from exc
