"""Probes of AWS: the credential source, the endpoint, and the identity of the caller.

`preview` makes no network call, `probe_endpoint` an unsigned one, `identify_caller` a signed one.
"""

import os
import time
from contextlib import closing
from typing import Any

import boto3.session
from botocore import UNSIGNED
from botocore.credentials import CredentialProvider, Credentials, EnvProvider
from botocore.validate import validate_parameters

from docker_credential_ecrpy.aws import ecr
from docker_credential_ecrpy.aws.context import CallContext, redact_url
from docker_credential_ecrpy.aws.credentials import check_profile, resolve_credentials
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.errors.explain import explain_wrong_answer
from docker_credential_ecrpy.aws.errors.sources import explain_no_credentials
from docker_credential_ecrpy.aws.faults.precedence import Shadowed, find_shadowed
from docker_credential_ecrpy.aws.faults.variables import Origin, find_endpoint
from docker_credential_ecrpy.aws.local_credentials import CONTAINER_URIS, is_metadata_disabled
from docker_credential_ecrpy.aws.profiles import find_account
from docker_credential_ecrpy.aws.sdk.credential_process.process import check as check_process
from docker_credential_ecrpy.aws.sdk.transport.peer import parse_date
from docker_credential_ecrpy.aws.session import NOT_A_PROFILES, aws_call, prepare_session
from docker_credential_ecrpy.doctor.probes.http import Connection
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log

READ_SECONDS = 5
BOTOCORES_OWN = "botocore's own"
"""The trusted certificates, where no file of them is configured or found."""
_PROFILE_KEYS = {"custom-process": "credential_process", "login": "login_session"}
_INSTANCE = "iam-role"  # botocore's name for the role from instance metadata
_TOKEN_FILE = "AWS_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105 - the name of a variable


@dataclass(frozen=True)
class Preview:
    """A fetch before it is made: the credential source in words, and the endpoint's URL.

    is_certain: whether the settings show that the source has credentials; only instance metadata
    knows whether the instance has a role. account: that of the identity, or "" if no file names it.
    shadowed: credentials that are not used, because the source takes precedence; None for none.
    """

    source: str
    endpoint: str
    is_certain: bool
    account: str = ""
    shadowed: Shadowed | None = None

    @property
    def summary(self) -> str:
        """The source, with the condition that it depends on."""
        return self.source if self.is_certain else f"{self.source}, if this machine has one"


@dataclass(frozen=True)
class EndpointProbe:
    """How the API endpoint is reached. milliseconds: from connecting to the answer.

    endpoint, proxy: URLs without user info and path; no proxy is "". clock_ahead: seconds that
    AWS's clock is ahead of this machine's, within about one; None where the answer has no date.
    trust: the file of trusted certificates, or `BOTOCORES_OWN`. origin: the setting that chooses
    the endpoint, if any.
    """

    endpoint: str
    milliseconds: int
    clock_ahead: float | None
    proxy: str
    trust: str
    origin: Origin | None = None


@dataclass(frozen=True)
class CallerIdentity:
    """The identity that STS sees. expires: when its credentials do, in ns since the epoch.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """

    arn: str
    expires: int | None

    @property
    def account(self) -> str:
        """The account that the identity belongs to."""
        return _read_account(self.arn)


def preview(choice: Choice, watch: Watch, log: Log) -> Preview:
    """Return the credential source and the endpoint of a fetch, without a network call.

    Raises HelperError where the settings alone show that a fetch would fail.
    """
    with aws_call(choice, watch, log) as call:
        url = _resolve_endpoint(call)
        source = _find_source(call)
        return Preview(
            source,
            redact_url(url),
            is_certain=call.source != _INSTANCE,
            account=_find_account(call),
            shadowed=find_shadowed(call),
        )


def probe_endpoint(choice: Choice, watch: Watch, log: Log) -> EndpointProbe:
    """Return how the endpoint of a fetch is reached, by one unsigned request.

    Any status counts as reached. Raises HelperError where there is no answer.
    """
    with aws_call(choice, watch, log) as call:
        url = _resolve_endpoint(call)
        call.note_request(call.registry.service, url)
        log(f"aws: asking {call.watch.target}, unsigned")
        with closing(Connection(call, url, READ_SECONDS)) as connection:
            before = time.time()
            answer = connection.send("GET", url, {})
            midway = (before + time.time()) / 2
        theirs = parse_date(answer.headers.get("Date", ""))
        return EndpointProbe(
            redact_url(url),
            answer.milliseconds,
            None if theirs is None else theirs - midway,
            connection.proxy,
            connection.bundle or BOTOCORES_OWN,
            find_endpoint(url),
        )


def identify_caller(choice: Choice, watch: Watch, log: Log) -> CallerIdentity:
    """Return the identity that STS sees. Raises HelperError."""
    with aws_call(choice, watch, log) as call:
        prepare_session(call)
        expires = resolve_credentials(call)
        session = boto3.session.Session(botocore_session=call.core)
        client: Any = session.client("sts", region_name=choice.registry.region)
        try:
            return CallerIdentity(str(client.get_caller_identity()["Arn"]), expires)
        except LookupError as exc:
            raise explain_wrong_answer(call) from exc


def _resolve_endpoint(call: CallContext) -> str:
    """Return the URL of a fetch. Raises HelperError where it is wrong."""
    prepare_session(call)
    check_profile(call)
    client, own = ecr.make_ecr_client(call, signature_version=UNSIGNED)
    # botocore makes this URL by the rules for a call's, and sends nothing.
    url = str(client.generate_presigned_url("get_authorization_token"))
    if not own:
        ecr.check_partition(url, call)
    return url


def _find_source(call: CallContext) -> str:
    resolver: Any = call.core.get_component("credential_provider")
    for provider in resolver.providers:
        if _provides(provider, call):
            call.source = provider.METHOD
            return _describe_source(call)
    raise explain_no_credentials(call)


def _provides(provider: Any, call: CallContext, name: str = "") -> bool:
    """Whether a credential source has credentials, by the settings where it would have to run.

    name: the AWS profile that it reads; that in use by default. Raises botocore's errors for
    settings that cannot work.
    """
    profile = call.read_profiles().get(name or call.profile, {})
    method = provider.METHOD
    if method == "assume-role":
        return _load_role(provider, call)
    if method == "custom-process" and (command := profile.get("credential_process")):
        check_process(command, name or call.profile)
    if method in _PROFILE_KEYS:
        return _PROFILE_KEYS[method] in profile
    if method == "container-role":
        return _has_container()
    if method == _INSTANCE:
        return _has_metadata()
    if provider.load() is None:
        return False
    if method == "assume-role-with-web-identity":
        file = profile.get("web_identity_token_file") or os.environ.get(_TOKEN_FILE, "")
        with open(os.path.expanduser(file), "rb"):
            pass
    return True


def _has_container() -> bool:
    return any(name in os.environ for name in CONTAINER_URIS)


def _has_metadata() -> bool:
    return not is_metadata_disabled(os.environ)


def _load_role(provider: Any, call: CallContext) -> bool:
    """Let botocore check a profile's role and its chain of source profiles.

    It loads the credentials of the last profile then, which may run a program or call AWS: instead
    of them, it gets credentials that stand for any.
    """
    with_profiles, sourcer = provider._profile_provider_builder, provider._credential_sourcer  # noqa: SLF001 - botocore checks a chain only while it loads it
    provider._profile_provider_builder = _OfflineSources(with_profiles, call)  # noqa: SLF001 - same
    provider._credential_sourcer = _AnySource(sourcer)  # noqa: SLF001 - same
    if provider.load() is None:
        return False
    call.source = provider.METHOD
    _check_role_arns(call)
    return True


def _check_role_arns(call: CallContext) -> None:
    """Raise botocore's error for a role's ARN that it refuses to send."""
    shape = call.core.get_service_model("sts").operation_model("AssumeRole").input_shape
    for name in reversed(call.list_chain()):
        arn = call.read_profiles().get(name, {}).get("role_arn")
        if arn and shape:
            validate_parameters({"RoleArn": arn, "RoleSessionName": "any"}, shape)


_ANY = Credentials("any", "any")


@dataclass(frozen=True)
class _OfflineSources:
    """Stands for botocore's sources of a profile, without their credentials."""

    builder: Any
    call: CallContext

    def providers(self, profile_name: str, **options: Any) -> "list[_OfflineSource]":
        made = self.builder.providers(profile_name, **options)
        return [_OfflineSource(provider, profile_name, self.call) for provider in made]


class _OfflineSource(CredentialProvider):
    def __init__(self, provider: Any, name: str, call: CallContext) -> None:
        super().__init__()
        self._provider, self._name, self._call = provider, name, call

    def load(self) -> Credentials | None:
        return _ANY if _provides(self._provider, self._call, self._name) else None


@dataclass(frozen=True)
class _AnySource:
    """Stands for what botocore asks for the credentials of a `credential_source`."""

    sourcer: Any

    def is_supported(self, source_name: str) -> bool:
        return bool(self.sourcer.is_supported(source_name))

    def source_credentials(self, source_name: str) -> Credentials | None:
        """Return None where the variables show that there are none: botocore's error names it."""
        has_any = {
            "environment": lambda: EnvProvider().load() is not None,
            "ecscontainer": _has_container,
            "ec2instancemetadata": _has_metadata,
        }.get(source_name.lower(), lambda: True)
        return _ANY if has_any() else None


def _find_account(call: CallContext) -> str:
    """Return the account of the identity in use, or "" if no file names it."""
    if call.choice.role:
        return _read_account(call.choice.role.arn)
    if call.source == "env" or call.source in NOT_A_PROFILES:
        return ""
    return find_account(call.read_profiles(), call.profile)[1]


def _read_account(arn: str) -> str:
    return arn.split(":")[4]


def _describe_source(call: CallContext) -> str:
    text = call.describe_source()
    profile = call.read_profiles().get(call.profile, {})
    if call.source == "assume-role":
        text += f", {profile['role_arn']}, assumed from {call.describe_source('AssumeRole')}"
    elif call.source == "env":
        text += " (AWS_ACCESS_KEY_ID)"
    elif call.source == "sso":
        text += f", role {profile.get('sso_role_name')} in account {profile.get('sso_account_id')}"
    elif call.source == "assume-role-with-web-identity":
        text += f", {profile.get('role_arn') or os.environ.get('AWS_ROLE_ARN')}"
    if role := call.choice.role:
        with_id = " with an external id" if role.external_id else ""
        text = f"the role {role.arn}, assumed{with_id} from {text}"
    return text
