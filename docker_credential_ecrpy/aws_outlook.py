"""Cold layer: what asking AWS would be like: whose credentials, which endpoint, who that is.

Only `caller` asks anybody.
"""

import os
from dataclasses import dataclass
from typing import Any

from botocore import UNSIGNED

from docker_credential_ecrpy import aws, aws_errors
from docker_credential_ecrpy.asking import Asking, shown_url
from docker_credential_ecrpy.deadline import Watch
from docker_credential_ecrpy.log import Log
from docker_credential_ecrpy.rules import Choice

_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")


@dataclass(frozen=True)
class Outlook:
    """Whose credentials would ask, in a person's words, and which endpoint, as a URL."""

    source: str
    endpoint: str


def outlook(choice: Choice, watch: Watch, log: Log) -> Outlook:
    """Return what asking AWS would be like, without asking.

    Raises HelperError where it is plain already that it would fail.
    """

    def look(asking: Asking) -> Outlook:
        session = aws.session_of(asking, log)
        aws.check_profile(asking)
        client, own = aws.client_of(session, asking, signature_version=UNSIGNED)
        # The URL comes from the same rules as a call's, and nothing is sent.
        url = client.generate_presigned_url("get_authorization_token")
        if not own:
            aws.check_partition(url, asking)
        return Outlook(_source(asking), shown_url(url))

    return aws.explained(choice, watch, log, look)


def caller(choice: Choice, watch: Watch, log: Log) -> str:
    """Return the ARN that AWS knows the identity by. Raises HelperError."""

    def ask(asking: Asking) -> str:
        session = aws.session_of(asking, log)
        aws.resolve_credentials(session, asking, log)
        client: Any = session.client("sts", region_name=choice.registry.region)
        try:
            return str(client.get_caller_identity()["Arn"])
        except LookupError as exc:
            raise aws_errors.not_ecr(asking) from exc

    return aws.explained(choice, watch, log, ask)


def _source(asking: Asking) -> str:
    resolver: Any = asking.core.get_component("credential_provider")
    for provider in resolver.providers:
        if _provides(provider, asking):
            asking.source = provider.METHOD
            return _described(asking)
    raise aws_errors.no_credentials(asking)


def _provides(provider: Any, asking: Asking) -> bool:
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


def _described(asking: Asking) -> str:
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
