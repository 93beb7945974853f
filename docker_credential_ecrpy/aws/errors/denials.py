"""Errors for calls that AWS's policies do not allow: which policy, and who can change it."""

import os
import re
import shlex

from botocore.exceptions import ClientError

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.errors.places import describe_profile
from docker_credential_ecrpy.aws.errors.values import explain_surplus
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

_ACTIONS = {
    "AssumeRole": "sts:AssumeRole",
    "AssumeRoleWithWebIdentity": "sts:AssumeRoleWithWebIdentity",
    "GetAuthorizationToken": "ecr:GetAuthorizationToken",
    "GetRoleCredentials": "sso:GetRoleCredentials",
}
_PRINCIPAL = re.compile(r"\barn:[\w-]+:(?:iam|sts)::\d*:[\w+=,.@/-]+")
# The reason, which AWS's texts name since 2021, and the policy's ARN since 2026.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_REASON = re.compile(
    r"(?:because no (?P<silent>[\w\s-]+?) allows"
    r"|with an explicit deny(?: in (?:an? |the )?(?P<denies>[\w\s-]+?(?:policy|boundary)))?)"
    r"[^:.]*(?:: (?P<arn>arn:[\w:/+=,.@-]*\w))?",
    re.IGNORECASE,
)
_RESOURCE = re.compile(r"on resource: (arn:[\w-]+:iam::\d*:role/[\w+=,.@/-]+)")
_ACTION = re.compile(r"not authorized to perform:? ([\w-]+:\w+)")
_ENDPOINTS = {"ecr": "ecr.api", "sts": "sts"}
"""The prefix of an action -> the end of the name of its VPC endpoint's service."""
_CONDITIONS = {"ExternalId": "external_id", "SerialNumber": "mfa_serial"}
"""Parameters that a role's trust policy may want -> their keys in a profile."""
_OWNERS = {
    "service control policy": "an administrator of the AWS organization",
    "resource control policy": "an administrator of the AWS organization",
    "permissions boundary": "the administrator who set the boundary of this user or role",
    "session policy": "the owner of the program that starts the session with that policy",
    "role trust policy": "an owner of the role",
    "resource-based policy": "an owner of the role",
    "identity-based policy": "an IAM administrator of the account",
}
"""A kind of policy -> who can change it."""


def explain_denial(exc: ClientError, text: str, call: CallContext) -> HelperError:
    """Return the error for a call that a policy denies, or that none allows."""
    operation = exc.operation_name
    if operation != "GetAuthorizationToken" and (surplus := explain_surplus(call)):
        return surplus
    principal, named, reason = _PRINCIPAL.search(text), _ACTION.search(text), _REASON.search(text)
    action = named[1] if named else _ACTIONS.get(operation, operation)
    who = principal[0] if principal else "this AWS identity"
    msg = f"{who} may not call {action}"
    if role := _find_role(operation, text, call):
        msg += f" on {role}"
    if operation == "GetRoleCredentials":
        return explain_assignment(msg, text, call)
    if reason:
        policy = " ".join((reason["silent"] or reason["denies"] or "").split())
        denies = reason["silent"] is None
        msg += f": {_say_reason(policy, reason['arn'], denies=denies)}"
        return HelperError(msg, hint=_say_cure(policy, action, call, denies=denies))
    if operation == "GetAuthorizationToken":
        return HelperError(msg, hint=f"allow {action} on resource * in its IAM policy")
    if "WebIdentity" in operation:
        hint = (
            "let the role's trust policy allow it for the issuer, audience (aud) and subject (sub)"
        )
        return HelperError(msg, hint=f"{hint} of the token, and check the role's ARN")
    if "root account" in text:
        hint = "use the keys of an IAM user or a role: AWS's root user can assume no role"
        return HelperError(f"{msg}: {text}", hint=hint)
    hint = (
        f"check that the role exists, allow {action} in the IAM policy of this identity, and name"
    )
    hint += " it in the role's trust policy"
    if "ExternalId" in call.parameters:
        hint += ", with the external_id that is set here"
    keys = [key for name, key in _CONDITIONS.items() if name not in call.parameters]
    hint += f"; if that wants it, set {' or '.join(keys)}" if keys else ""
    return HelperError(msg, hint=hint)


def _say_reason(policy: str, arn: str | None, *, denies: bool) -> str:
    named = f" {arn}" if arn else ""
    if not policy:
        return "with an explicit deny"
    a = "an" if policy[0].lower() in "aeiou" else "a"
    return f"with an explicit deny in {a} {policy}{named}" if denies else f"no {policy} allows it"


def _say_cure(policy: str, action: str, call: CallContext, *, denies: bool) -> str:
    kind = policy.lower()
    if kind == "vpc endpoint policy":
        what = f"the policy of the VPC endpoint {_name_endpoint(action, call)}"
        return f"ask the VPC's administrator to allow {action} for this identity in {what}"
    owner = _OWNERS.get(kind, "the policy's owner")
    if denies:
        hint = f"ask {owner} to change it, or use another AWS identity"
        if kind in ("", "identity-based policy"):
            hint += f"; if it wants MFA, {_say_mfa(call)}"
        return hint
    where = {
        "identity-based policy": "in an IAM policy of this identity",
        "resource-based policy": "for this identity in the role's trust policy",
        "role trust policy": "for this identity in the role's trust policy",
    }.get(kind, "in it")
    on_all = " on resource *" if action.endswith(":GetAuthorizationToken") else ""
    return f"ask {owner} to allow {action}{on_all} {where}"


def _say_mfa(call: CallContext) -> str:
    """Return how to use MFA; `mfa_serial` is used for roles alone."""
    profile = call.read_profiles().get(call.profile, {})
    if call.source == "env" or "mfa_serial" not in profile or "role_arn" in profile:
        return "use a profile with mfa_serial"
    serial = shlex.quote(one_line(profile["mfa_serial"]))
    cure = "get session keys, as the AWS SDK uses mfa_serial for a role_arn alone: aws sts"
    return f"{cure} get-session-token --serial-number {serial} --token-code CODE"


def _name_endpoint(action: str, call: CallContext) -> str:
    prefix = action.partition(":")[0]
    country = "cn." if call.registry.region.startswith("cn-") else ""
    return f"{country}com.amazonaws.{call.registry.region}.{_ENDPOINTS.get(prefix, prefix)}"


def explain_assignment(msg: str, text: str, call: CallContext) -> HelperError:
    """Return the error for a permission set that the user of an SSO session does not get."""
    name = call.list_chain()[-1]
    profile = call.read_profiles().get(name, {})
    role, account = (one_line(profile.get(k, "")) for k in ("sso_role_name", "sso_account_id"))
    if role and account:
        msg += f" for the role {role} in account {account}"
    msg += f": {text}" if text else ""
    hint = "ask for this permission set in IAM Identity Center, or correct sso_role_name or"
    return HelperError(msg, hint=f"{hint} sso_account_id of {describe_profile(name, call)}")


def _find_role(operation: str, text: str, call: CallContext) -> str:
    """Return the ARN of the role that a refused call was to assume; "" for another call."""
    if not operation.startswith("AssumeRole"):
        return ""
    if named := _RESOURCE.search(text):  # also the roles in the middle of a chain
        return named[1]
    if call.resolved and call.choice.role:
        return one_line(call.choice.role.arn)
    profile = call.read_profiles().get(call.profile, {})
    return one_line(profile.get("role_arn") or os.environ.get("AWS_ROLE_ARN", ""))
