"""AWS credentials of a call: resolving them, and assuming the role of a rule."""

from typing import Any

from botocore import UNSIGNED
from botocore.config import Config

from docker_credential_ecrpy.aws.context import WEB_IDENTITY, CallContext
from docker_credential_ecrpy.aws.deadline import Stage
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.settings.rules import Role, WebIdentity
from docker_credential_ecrpy.text import secrets


def check_profile(call: CallContext) -> None:
    """Raise HelperError if no file has the profile in use."""
    core = call.core
    if core.profile is not None and core.profile not in core.available_profiles:
        from docker_credential_ecrpy.aws.errors.explain import explain_unknown_profile

        raise explain_unknown_profile(core.profile, call)


def resolve_credentials(call: CallContext) -> int | None:
    """Resolve the credentials; return their expiry in ns since the epoch, or None.

    Raises HelperError if there are none, and botocore's errors.
    """
    call.watch.enter(Stage.CREDENTIALS)
    check_profile(call)
    if call.choice.web_identity and call.choice.role:
        return assume_role_with_web_identity(call.choice.role, call.choice.web_identity, call)
    credentials = call.core.get_credentials()
    if credentials is None:
        from docker_credential_ecrpy.aws.errors.sources import explain_no_credentials

        raise explain_no_credentials(call)
    call.source = credentials.method
    call.log(f"aws: credentials from {credentials.method}, profile {call.profile}")
    frozen = credentials.get_frozen_credentials()
    for secret in (frozen.secret_key, frozen.token):
        secrets.note(secret or "")
    call.resolved = True
    if call.choice.role:
        return assume_role(call.choice.role, call)
    # botocore has the expiry only here; None for keys that do not expire.
    end = getattr(credentials, "_expiry_time", None)
    if end is None:
        return None
    call.log(f"aws: credentials expire at {end.isoformat()}")
    return int(end.timestamp() * cache.SECOND)


def assume_role(role: Role, call: CallContext) -> int:
    """Use the credentials of `role` from here on; return their expiry in ns since the epoch.

    They are not cached on disk: the keys of the AWS CLI's cache name the role, but not the identity
    that assumed it. Raises HelperError, and botocore's errors.
    """
    options: dict[str, Any] = {"ExternalId": role.external_id} if role.external_id else {}
    options |= {"RoleSessionName": role.session_name, "DurationSeconds": role.duration}
    client: Any = call.core.create_client("sts", region_name=call.registry.region)
    return _use(client.assume_role(RoleArn=role.arn, **options), role, call)


def assume_role_with_web_identity(role: Role, web: WebIdentity, call: CallContext) -> int:
    """Use the credentials of `role`, by a token; return their expiry in ns since the epoch.

    No credentials of this machine are resolved: the token is all that STS gets. Raises HelperError,
    and botocore's errors.
    """
    call.source = WEB_IDENTITY
    unsigned = Config(signature_version=UNSIGNED)
    client: Any = call.core.create_client("sts", region_name=call.registry.region, config=unsigned)
    answer = client.assume_role_with_web_identity(
        RoleArn=role.arn,
        RoleSessionName=role.session_name,
        DurationSeconds=role.duration,
        WebIdentityToken=web.token,
    )
    call.resolved = True
    return _use(answer, role, call)


def _use(answered: Any, role: Role, call: CallContext) -> int:
    """Use the credentials in an answer of STS; return their expiry in ns since the epoch."""
    try:
        answer = answered["Credentials"]
        keys = answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]
        expires = answer["Expiration"]
        call.core.set_credentials(*keys)
        end = int(expires.timestamp() * cache.SECOND)
    except (LookupError, TypeError, ValueError, AttributeError) as exc:
        from docker_credential_ecrpy.aws.errors.explain import explain_wrong_answer

        raise explain_wrong_answer(call) from exc
    call.role = role.arn
    call.log(f"aws: role {role.arn} assumed, credentials expire at {expires.isoformat()}")
    return end
