"""The AWS credentials of a call: resolved, and the role of a rule assumed."""

from typing import Any

import boto3.session

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.errors.explain import no_credentials, not_ecr, unknown_profile
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.settings.rules import Role
from docker_credential_ecrpy.text.log import Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from botocore.credentials import Credentials


def check_profile(asking: CallContext) -> None:
    """Raise HelperError where the profile in use is in no file."""
    core = asking.core
    if core.profile is not None and core.profile not in core.available_profiles:
        raise unknown_profile(core.profile, asking)


def resolve_credentials(
    session: boto3.session.Session, asking: CallContext, log: Log
) -> int | None:
    """Resolve the credentials, and return when they expire in ns since the epoch, if ever."""
    asking.watch.stage = "the AWS credentials"
    core = asking.core
    check_profile(asking)
    credentials: Credentials | None = session.get_credentials()
    if credentials is None:
        raise no_credentials(asking)
    asking.source = credentials.method
    log(f"aws: credentials from {credentials.method}, profile {core.profile or 'default'}")
    credentials.get_frozen_credentials()
    asking.resolved = True
    role = asking.choice.role
    if role:
        return assume_role(role, session, asking, log)
    # The only place where botocore says so; None for keys without an end.
    end = getattr(credentials, "_expiry_time", None)
    if end is None:
        return None
    log(f"aws: credentials expire at {end.isoformat()}")
    return int(end.timestamp() * cache.SECOND)


def assume_role(role: Role, session: boto3.session.Session, asking: CallContext, log: Log) -> int:
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
        raise not_ecr(asking) from exc
    asking.role = role.arn
    log(f"aws: role {role.arn} assumed, credentials expire at {expires.isoformat()}")
    return end
