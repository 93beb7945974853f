"""What asking AWS would be like: whose credentials, which endpoint, who that is.

`preview` asks nobody, `probe_endpoint` asks without credentials, `identify_caller` with them.
"""

import email.utils
import os
import time
from dataclasses import dataclass
from datetime import timezone
from typing import Any

import boto3.session
from botocore import UNSIGNED

from docker_credential_ecrpy.aws import ecr
from docker_credential_ecrpy.aws.context import CallContext, shown_url
from docker_credential_ecrpy.aws.credentials import check_profile, resolve_credentials
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.errors.explain import no_credentials, not_ecr
from docker_credential_ecrpy.aws.session import explained, make_session
from docker_credential_ecrpy.doctor.probes.http import Connection
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log

READ_SECONDS = 5
BOTOCORES_OWN = "botocore's own"
"""The trusted certificates, where no file of them is named or found."""
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


@dataclass(frozen=True)
class Preview:
    """Whose credentials would ask, in a person's words, and which endpoint, as a URL."""

    source: str
    endpoint: str


@dataclass(frozen=True)
class EndpointProbe:
    """How the API endpoint is reached.

    endpoint, proxy: URLs without user info and path; no proxy is "". milliseconds: from
    connecting to the answer. clock_ahead: seconds that AWS's clock is ahead of this machine's,
    good to about one; None where the answer has no date. trust: the file of trusted
    certificates, or `BOTOCORES_OWN`.
    """

    endpoint: str
    milliseconds: int
    clock_ahead: float | None
    proxy: str
    trust: str


@dataclass(frozen=True)
class CallerIdentity:
    """Who AWS knows the identity as. expires: its credentials' end in ns since the epoch, if any.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """

    arn: str
    expires: int | None


def preview(choice: Choice, watch: Watch, log: Log) -> Preview:
    """Return what asking AWS would be like, without asking.

    Raises HelperError where it is plain already that it would fail.
    """

    def look(asking: CallContext) -> Preview:
        url = _endpoint(make_session(asking, log), asking)
        return Preview(_source(asking), shown_url(url))

    return explained(choice, watch, log, look)


def probe_endpoint(choice: Choice, watch: Watch, log: Log) -> EndpointProbe:
    """Return how the endpoint is reached that a token would be asked of.

    One request without a signature, tried once: whatever the answer's status, it was reached.
    Raises HelperError where it is not.
    """

    def ask(asking: CallContext) -> EndpointProbe:
        url = _endpoint(make_session(asking, log), asking)
        asking.sends(asking.registry.service, url)
        log(f"aws: asking {asking.stage}, unsigned")
        connection = Connection(asking, url, READ_SECONDS)
        try:
            before = time.time()
            answer = connection.send("GET", url, {})
            midway = (before + time.time()) / 2
        finally:
            connection.close()
        theirs = _when(answer.headers.get("Date", ""))
        return EndpointProbe(
            shown_url(url),
            answer.milliseconds,
            None if theirs is None else theirs - midway,
            connection.proxy,
            connection.bundle or BOTOCORES_OWN,
        )

    return explained(choice, watch, log, ask)


def identify_caller(choice: Choice, watch: Watch, log: Log) -> CallerIdentity:
    """Return who AWS knows the identity as. Raises HelperError."""

    def ask(asking: CallContext) -> CallerIdentity:
        session = make_session(asking, log)
        expires = resolve_credentials(session, asking, log)
        client: Any = session.client("sts", region_name=choice.registry.region)
        try:
            return CallerIdentity(str(client.get_caller_identity()["Arn"]), expires)
        except LookupError as exc:
            raise not_ecr(asking) from exc

    return explained(choice, watch, log, ask)


def _endpoint(session: boto3.session.Session, asking: CallContext) -> str:
    """Return the URL that a token would be asked of. Raises HelperError where it is wrong."""
    check_profile(asking)
    client, own = ecr.make_ecr_client(session, asking, signature_version=UNSIGNED)
    # The URL comes from the same rules as a call's, and nothing is sent.
    url = str(client.generate_presigned_url("get_authorization_token"))
    if not own:
        ecr.check_partition(url, asking)
    return url


def _when(date: str) -> float | None:
    """Return an HTTP date as seconds since the epoch, or None where it is none."""
    try:
        moment = email.utils.parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _source(asking: CallContext) -> str:
    resolver: Any = asking.core.get_component("credential_provider")
    for provider in resolver.providers:
        if _provides(provider, asking):
            asking.source = provider.METHOD
            return _described(asking)
    raise no_credentials(asking)


def _provides(provider: Any, asking: CallContext) -> bool:
    """Whether a source of credentials has any. Those that would ask or run something are not."""
    profile = asking.profiles().get(asking.profile, {})
    method = provider.METHOD
    if method == "assume-role":
        return "role_arn" in profile and "web_identity_token_file" not in profile
    if method == "custom-process":
        return "credential_process" in profile
    if method == "login":
        return "login_session" in profile
    if method == "container-role":
        return any(name in os.environ for name in _CONTAINER)
    if method == "iam-role":
        return os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true"
    return provider.load() is not None


def _described(asking: CallContext) -> str:
    text = asking.source_name()
    profile = asking.profiles().get(asking.profile, {})
    if asking.source == "assume-role":
        text += f", {profile['role_arn']}, assumed from {asking.source_name('AssumeRole')}"
    elif asking.source == "env":
        text += " (AWS_ACCESS_KEY_ID)"
    elif asking.source == "sso":
        text += f", role {profile.get('sso_role_name')} in account {profile.get('sso_account_id')}"
    elif asking.source == "assume-role-with-web-identity":
        text += f", {profile.get('role_arn') or os.environ.get('AWS_ROLE_ARN')}"
    elif asking.source == "iam-role":
        text += ", if this machine has one"
    role = asking.choice.role
    if role:
        with_id = " with an external id" if role.external_id else ""
        text = f"the role {role.arn}, assumed{with_id} from {text}"
    return text
