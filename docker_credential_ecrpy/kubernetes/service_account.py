"""A pod's service account as the AWS identity: the role for its token (KEP-4412).

The claims of the token are read, and not verified: STS does that. So they are part of the cache's
key and of messages, and decide nothing alone: the key has a digest of the whole token, too. Only
who holds the very token that fetched a cached result is answered with it.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.bounded import check_depth
from docker_credential_ecrpy.hot import identity
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.kubernetes.options import REQUIRE_ROLE, Options
from docker_credential_ecrpy.kubernetes.request import GROUP, VERSIONS, Request
from docker_credential_ecrpy.settings.rules import ROLE_ARN, Choice, Place, Role, WebIdentity
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.text.sanitize import one_line

ROLE = "AWS_ECR_ROLE_ARN"
"""The variable with the role of service accounts that name none, for every account."""
_MOST_DEPTH = 32
# https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
_SHORTEST, _LONGEST = 4, 20_000
_PARTS = 3  # of a JSON Web Token: header, claims, signature


def choose_identity(
    choice: Choice, request: Request, options: Options, environ: Mapping[str, str], log: Log
) -> Choice:
    """Return the choice with the role and token of the pod's service account.

    Without a token, or a role for it, the choice stays: the node's identity. Raises HelperError if
    an option wants a role, or where one is named by what is no role's ARN.
    """
    if options.require_role and not request.can_have_token:
        msg = f"--{REQUIRE_ROLE} needs service account tokens, and {request.api_version} has none"
        hint = f"set the provider's apiVersion to {GROUP}/{VERSIONS[0]} in the kubelet's"
        raise HelperError(msg, hint=f"{hint} configuration, or drop that option")
    if not request.token:
        log("kubelet: no service account token: the node's identity")
        return choice
    claims = _read_claims(request.token)
    role, place = _find_role(choice, request, options, environ, _name(claims))
    if role is None:
        if options.require_role:
            msg = f"the service account {_name(claims)} has no role, and --{REQUIRE_ROLE} is set"
            hint = f"annotate it with {options.role_annotations[0]}: <the role's ARN>"
            raise HelperError(msg, hint=f"{hint}, or set {ROLE} for the kubelet", refused=True)
        log(f"kubelet: service account {_name(claims)} has no role: the node's identity is used")
        return choice
    if not _SHORTEST <= len(request.token) <= _LONGEST:
        msg = f"the service account token has {len(request.token)} characters, and STS takes"
        msg += f" {_SHORTEST} to {_LONGEST}"
        hint = "send the token that the API server has issued"
        raise HelperError(msg, hint=hint, refused=True)
    log(f"kubelet: role {role.arn} for service account {_name(claims)}, by {place}")
    web = WebIdentity(request.token, _claim(claims, "iss"), _claim(claims, "sub"))
    # The credentials of a profile are not used, so none has to exist here.
    return replace(choice, role=role, web_identity=web, chosen_at=place, profile="")


def _find_role(
    choice: Choice,
    request: Request,
    options: Options,
    environ: Mapping[str, str],
    name: str,
) -> tuple[Role | None, Place]:
    """Return the role of a service account, or None, and where it is named. Raises HelperError."""
    rule = choice.rule
    for key in options.role_annotations:
        if arn := request.annotations.get(key, "").strip():
            place = Place(f"annotation {one_line(key)} of service account {name}")
            return _make_role(arn, place), place
    variable = identity.ROLE_OF + choice.registry.account
    if choice.registry.account and environ.get(variable):
        return choice.role, Place(variable)  # which was checked with the rules
    if arn := environ.get(ROLE, "").strip():
        return _make_role(arn, Place(ROLE)), Place(ROLE)
    return choice.role, rule.places.get("role_arn", rule.place) if rule else Place("a rule")


def _make_role(arn: str, place: Place) -> Role:
    if not ROLE_ARN.fullmatch(arn):
        msg = f"{place} is {one_line(arn)[:200]!r}, which is not the ARN of a role"
        hint = 'set it to one such as "arn:aws:iam::123456789012:role/puller"'
        raise HelperError(msg, hint=hint, refused=True)
    return Role(arn)


def _read_claims(token: str) -> dict[str, Any]:
    """Return the claims of a JSON Web Token, unverified; none for another kind of token."""
    parts = token.split(".")
    if len(parts) != _PARTS:
        return {}
    padded = parts[1] + "=" * (-len(parts[1]) % 4)
    try:
        claims = json.loads(base64.urlsafe_b64decode(padded).decode())
        check_depth(claims, _MOST_DEPTH)
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _claim(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _name(claims: Mapping[str, Any]) -> str:
    """Return a service account's name with its namespace, as its token has it, for a message."""
    kubernetes = claims.get("kubernetes.io")
    if isinstance(kubernetes, dict) and isinstance(kubernetes.get("serviceaccount"), dict):
        names = _claim(kubernetes, "namespace"), _claim(kubernetes["serviceaccount"], "name")
        if all(names):
            return one_line("/".join(names))[:200]
    subject = _claim(claims, "sub").removeprefix("system:serviceaccount:").replace(":", "/")
    return one_line(subject)[:200] or "of the request"
