"""Cold layer: asking AWS for an authorization token. With `aws_errors`, all that knows boto3.

boto3 finds the credentials and makes the call; what is decided here is what a credential
helper needs otherwise than a script does: never a prompt, an end to everything that may hang,
the AWS CLI's cache, the system's trusted certificates, and the endpoint that the host's name
asks for.
"""

import os
import subprocess
from collections.abc import Mapping
from typing import Any

import boto3.session
import botocore.session
from botocore.config import Config
from botocore.configprovider import ConfiguredEndpointProvider
from botocore.credentials import Credentials, create_credential_resolver
from botocore.utils import JSONFileCache

from docker_credential_ecrpy import authorization, aws_errors, cache, deadline
from docker_credential_ecrpy.aws_errors import Asking
from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.log import Log
from docker_credential_ecrpy.registry import Registry

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


def fetch(registry: Registry, seconds: float, log: Log) -> authorization.Token:
    """Return a new token for `registry` from AWS, within `seconds`, whatever hangs.

    Raises HelperError, with the cause and the cure.
    """
    asking = Asking(registry, botocore.session.Session())
    children: list[subprocess.Popen[bytes]] = []
    try:
        return deadline.within(seconds, lambda: _ask(asking, children, log))
    except DeadlineExceeded as exc:
        for child in children:
            child.kill()
        raise aws_errors.too_slow(asking, seconds) from exc


def _ask(
    asking: Asking, children: "list[subprocess.Popen[bytes]]", log: Log
) -> authorization.Token:
    try:
        _configure(asking.core, asking.registry, children)
        session = boto3.session.Session(botocore_session=asking.core)
        credentials_expire = _credentials_expire(session, asking, log)
        return _authorize(session, asking, credentials_expire, log)
    except HelperError:
        raise
    except Exception as exc:
        log(f"aws: {type(exc).__name__} while asking {asking.stage}")
        raise aws_errors.explain(exc, asking) from exc


def _configure(
    core: botocore.session.Session,
    registry: Registry,
    children: "list[subprocess.Popen[bytes]]",
) -> None:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        if not os.environ.get(name, "unset"):
            del os.environ[name]  # botocore would look for a profile without a name
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
    resolver = create_credential_resolver(
        core,
        _CliCache(),  # type: ignore[arg-type]  # the stub wants a dict, botocore any mapping
        registry.region,
    )
    _never_prompt(resolver, children)
    core.register_component("credential_provider", resolver)


def _system_bundle(core: botocore.session.Session, environ: Mapping[str, str]) -> str | None:
    """Return the certificates to trust where neither AWS's settings nor requests' name any."""
    if core.get_config_variable("ca_bundle") or environ.get("REQUESTS_CA_BUNDLE"):
        return None
    named = environ.get("SSL_CERT_FILE")
    if named:
        return named
    return next((path for path in SYSTEM_BUNDLES if os.path.isfile(path)), None)


def _never_prompt(resolver: Any, children: "list[subprocess.Popen[bytes]]") -> None:
    """Keep credential sources from asking a person, and note the programs that they start.

    botocore has no public way to say so once its resolver is made, and making the resolver by
    hand would copy its order of sources; tests of each source notice if these names go.
    """

    def start(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)
        children.append(child)
        return child

    assume_role = resolver.get_provider("assume-role")
    assume_role._prompter = aws_errors.refuse_mfa_prompt
    builder = assume_role._profile_provider_builder
    make_process_provider = builder._create_process_provider

    def quiet_process_provider(profile_name: str) -> Any:
        provider = make_process_provider(profile_name)
        provider._popen = start
        return provider

    builder._create_process_provider = quiet_process_provider
    resolver.get_provider("custom-process")._popen = start


def _credentials_expire(session: boto3.session.Session, asking: Asking, log: Log) -> int | None:
    """Resolve the credentials, and return when they expire in ns since the epoch, if ever."""
    asking.stage = "the AWS credentials"
    core = asking.core
    if core.profile is not None and core.profile not in core.available_profiles:
        raise aws_errors.unknown_profile(core.profile, asking)
    credentials: Credentials | None = session.get_credentials()
    if credentials is None:
        raise aws_errors.no_credentials(asking)
    asking.source = credentials.method
    log(f"aws: credentials from {credentials.method}, profile {core.profile or 'default'}")
    credentials.get_frozen_credentials()
    # The only place where botocore says so; None for keys without an end.
    end = getattr(credentials, "_expiry_time", None)
    if end is None:
        return None
    log(f"aws: credentials expire at {end.isoformat()}")
    return int(end.timestamp() * cache.SECOND)


def _authorize(
    session: boto3.session.Session, asking: Asking, credentials_expire: int | None, log: Log
) -> authorization.Token:
    registry = asking.registry
    core = asking.core
    own_endpoint = ConfiguredEndpointProvider(
        full_config=core.full_config,
        scoped_config=core.get_scoped_config(),
        client_name=registry.service,
    ).provide()
    if core.get_config_variable("ignore_configured_endpoint_urls"):
        own_endpoint = None
    # botocore refuses FIPS and dual-stack together with an endpoint that the user named.
    config = Config(
        use_fips_endpoint=False if own_endpoint else registry.fips or None,
        use_dualstack_endpoint=False if own_endpoint else registry.dual_stack or None,
    )
    # boto3's stubs want the service's name as a literal.
    client: Any = session.client(
        registry.service,
        region_name=registry.region,
        config=config,  # type: ignore[call-overload]
    )

    def check(request: Any, **_: Any) -> None:
        # What a client says of its endpoint before a call is not always where the call goes.
        asking.stage = f"ECR at {aws_errors.shown_url(request.url)}"
        log(f"aws: asking {asking.stage}")
        if not own_endpoint and not _serves(request.url, registry):
            raise aws_errors.wrong_partition(asking)

    client.meta.events.register(f"before-send.{registry.service}", check)
    answer = client.get_authorization_token()
    log("aws: answered")
    return _token(answer, credentials_expire, asking)


def _serves(url: str, registry: Registry) -> bool:
    """Whether an API's URL belongs to the partition that the registry's name ends in.

    A region that another partition owns would send the request, and the token, elsewhere.
    """
    if registry.public:
        return True
    suffix = registry.suffix
    # Registries at on.<suffix> have their dual-stack API at api.<suffix>.
    expected = "api." + suffix.removeprefix("on.") if registry.dual_stack else suffix
    return aws_errors.shown_url(url).endswith("." + expected)


def _token(answer: Any, credentials_expire: int | None, asking: Asking) -> authorization.Token:
    try:
        data = answer["authorizationData"]
        if isinstance(data, list):  # ECR's is a list of one, ECR Public's the one alone
            data = data[0]
        return authorization.from_authorization(
            data["authorizationToken"],
            int(data["expiresAt"].timestamp() * cache.SECOND),
            credentials_expire,
        )
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as exc:
        raise aws_errors.not_ecr(asking) from exc


class _CliCache(JSONFileCache):
    """The AWS CLI's cache of assumed-role and SSO credentials, in `~/.aws/cli/cache`.

    Sharing it makes one `aws` command with an MFA code serve Docker too. That it cannot be
    written is no reason to fail.
    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
    """

    def __init__(self) -> None:
        self._directory = os.path.expanduser(os.path.join("~", ".aws", "cli", "cache"))
        super().__init__(self._directory)

    def __setitem__(self, key: str, value: Any) -> None:
        try:
            os.makedirs(os.path.dirname(self._directory), mode=0o700, exist_ok=True)
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            super().__setitem__(key, value)
        except OSError:
            pass  # these credentials serve this call all the same
