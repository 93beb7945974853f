"""A boto3 session made fit for a credential helper: deadlines, trusted certificates, no prompts."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import boto3.session
import botocore.session
from botocore.config import Config
from botocore.credentials import create_credential_resolver

from docker_credential_ecrpy.aws import profiles, sdk_patches
from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.errors.explain import explain
from docker_credential_ecrpy.aws.sdk_patches import SdkData, never_prompt
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log

Result = TypeVar("Result")
# botocore's names of sources that no profile has a part in.
_NOT_A_PROFILES = ("ec2-credentials-file", "boto-config", "container-role", "iam-role")
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


def explained(
    choice: Choice, watch: Watch, log: Log, ask: Callable[[CallContext], Result]
) -> Result:
    """Return what `ask` returns. Raises HelperError for whatever goes wrong in it."""
    asking = CallContext(choice, profiles.botocore_session(choice.profile), watch)
    try:
        return ask(asking)
    except HelperError:
        raise
    except Exception as exc:
        log(f"aws: {type(exc).__name__} while asking {asking.stage}")
        raise explain(exc, asking) from exc


def make_session(asking: CallContext, log: Log) -> boto3.session.Session:
    """Return boto3's session, made to behave as a credential helper has to."""
    # Standard error belongs to the protocol: what libraries warn of is not for Docker's user.
    warnings.simplefilter("ignore")
    core = asking.core
    core.register_component("data_loader", SdkData(core.get_component("data_loader").search_paths))
    # For every client, also those that botocore makes to get credentials.
    core.set_default_client_config(
        Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
    )
    # Empty is unset. botocore takes it as an error or, in older releases, as trust in everybody;
    # True, its own certificates, keeps it from a look at the variables.
    named = (str(path) for path in _bundles(core, os.environ) if path)
    asking.bundle = next((path for path in named if path.strip()), "")
    core.set_config_variable("ca_bundle", asking.bundle or True)
    sdk_patches.make_careful()
    resolver = create_credential_resolver(
        core,
        sdk_patches.CliCache(),  # type: ignore[arg-type]  # the stub wants a dict, botocore any mapping
        asking.registry.region,
    )
    never_prompt(resolver, asking.watch)
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


def _bundles(core: botocore.session.Session, environ: Mapping[str, str]) -> Iterator[Any]:
    """Yield the files of certificates that are named, first choice first, then the system's."""
    yield environ.get("AWS_CA_BUNDLE")
    yield core.get_scoped_config().get("ca_bundle")
    yield environ.get("REQUESTS_CA_BUNDLE")
    yield environ.get("SSL_CERT_FILE")
    yield from filter(os.path.isfile, SYSTEM_BUNDLES)
