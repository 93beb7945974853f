"""One call to AWS: its error boundary, and a session with timeouts and no prompts."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.credentials import create_credential_resolver
from botocore.loaders import Loader

from docker_credential_ecrpy.aws import profiles
from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.errors.answers import note_answers
from docker_credential_ecrpy.aws.sdk import known_secrets
from docker_credential_ecrpy.aws.sdk.data import SERVICES, SdkData
from docker_credential_ecrpy.aws.sdk.inputs import recording
from docker_credential_ecrpy.aws.sdk.patches import refuse_prompts
from docker_credential_ecrpy.aws.sdk.roles import accept_own_sources
from docker_credential_ecrpy.aws.sdk.sessions import caches, times
from docker_credential_ecrpy.aws.sdk.transport import trust
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text import faults
from docker_credential_ecrpy.text.log import Log

# botocore's names for credential sources that do not belong to a profile.
NOT_A_PROFILES = ("ec2-credentials-file", "boto-config", "container-role", "iam-role")
CONNECT_SECONDS = 3
READ_SECONDS = 10
ATTEMPTS = 3
# The systems' bundles of trusted certificates: a private CA that works for other programs has to
# work here. From https://go.dev/src/crypto/x509/root_linux.go
SYSTEM_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


@contextmanager
def aws_call(choice: Choice, watch: Watch, log: Log) -> Iterator[CallContext]:
    """Yield the context of a call to AWS; raise HelperError for any exception in its body."""
    call = CallContext(choice, profiles.make_botocore_session(choice.profile), watch, log)
    try:
        with recording(call.inputs):
            yield call
    except HelperError:
        raise
    except Exception as exc:
        from docker_credential_ecrpy.aws.errors.connection import iterate_causes
        from docker_credential_ecrpy.aws.errors.explain import explain

        log(f"aws: {type(exc).__name__} from {call.watch.target}")
        for cause in iterate_causes(exc):
            error = cause if isinstance(cause, HelperError) else faults.explain(cause)
            if error is not None:
                raise error from exc
        raise explain(exc, call) from exc


def prepare_session(call: CallContext) -> None:
    """Give a call's session timeouts, trusted certificates and no prompts."""
    core = call.core
    folders = core.get_component("data_loader").search_paths
    call.inputs.note_models([one for one in folders if one != Loader.BUILTIN_DATA_PATH], SERVICES)
    core.register_component("data_loader", SdkData(folders))
    parsers: Any = core.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=times.parse_response_time)
    # Timeouts of every client, also of those that botocore makes for credentials.
    core.set_default_client_config(
        Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
    )
    # Empty counts as unset: botocore fails on it or, in older releases, turns verification off.
    named = (str(path) for path in _list_bundles(core, os.environ) if path)
    configured = next((path for path in named if path.strip()), "")
    call.bundle = configured or next(filter(os.path.isfile, SYSTEM_BUNDLES), "")
    if call.bundle:
        trust.check_bundle(call.bundle)
    # Also without one, which stands for botocore's own: it keeps it from reading the variables.
    core.set_config_variable("ca_bundle", trust.share(call.bundle, is_configured=bool(configured)))
    # Every client gets the registry's region, except that of an `aws login`, which has its own.
    if not core.get_config_variable("region"):
        core.set_config_variable("region", call.registry.region)
    resolver = create_credential_resolver(core, region_name=call.registry.region)
    # Not for SSO and web identities: its entries do not say which session they belong to.
    assume_role: Any = resolver.get_provider("assume-role")
    assume_role.cache = caches.CliCache()
    accept_own_sources(assume_role)
    refuse_prompts(resolver, call.watch)
    note_answers(core, resolver, call)
    if call.choice.profile:
        for source in NOT_A_PROFILES:
            resolver.remove(source)  # a rule's profile without credentials is an error
    core.register_component("credential_provider", resolver)
    known_secrets.note_calls(core)

    def note(**sent: Any) -> None:
        # The URL of the request itself, which is not always that of the client's endpoint.
        call.note_request(sent["event_name"].split(".")[1], sent["request"].url)
        call.log(f"aws: calling {call.watch.target}")

    core.register("before-send", note)

    def check(**signed: Any) -> None:
        credentials = signed["request_signer"]._credentials  # noqa: SLF001 - nothing public
        if credentials and not _can_sign(credentials.get_frozen_credentials()):
            from docker_credential_ecrpy.aws.errors.explain import explain_characters

            raise explain_characters(call, signed["operation_name"])

    core.register("before-sign", check)


def _can_sign(keys: Any) -> bool:
    """Whether a request can hold these credentials; botocore sends and signs them as they are."""
    texts = (keys.access_key, keys.secret_key, keys.token or "")
    return all(text.isascii() and text.isprintable() for text in texts)


def _list_bundles(core: botocore.session.Session, environ: Mapping[str, str]) -> Iterator[Any]:
    """Yield the configured files of trusted certificates, in order."""
    yield environ.get("AWS_CA_BUNDLE")
    yield core.get_scoped_config().get("ca_bundle")
    yield environ.get("REQUESTS_CA_BUNDLE")
    yield environ.get("SSL_CERT_FILE")
