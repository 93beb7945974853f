"""The check on whether the registry accepts the token, and what its refusals mean."""

import re
from http import HTTPStatus

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.aws import gateway
from docker_credential_ecrpy.doctor.check import (
    FAIL,
    PASS,
    SKIP,
    Check,
    CheckId,
    check_from_error,
    quote_answer,
)
from docker_credential_ecrpy.doctor.facts import EcrFacts, TokenFact
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.tokens.lookup import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.doctor.probes.trace import Reply

# Why ECR needs an action that is not that of the request itself.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html,
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-creation-templates.html and
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/managed-signing.html
_PURPOSES = {
    "ecr:CreateRepository": "the first pull through a cache rule imports the image into a new"
    " repository, as the first push with create-on-push does",
    "ecr:BatchImportUpstreamImage": "the first pull through a cache rule imports the image",
    "signer:": "managed signing signs each push as the identity that pushes",
    "kms:": "the repository is encrypted with that key",
}
_SERVICE_ROLE = "AWSServiceRoleFor"
_USER = re.compile(r"\bUser: (arn:\S+) is not authorized")
_RESOURCE = re.compile(r"\bon resource: (arn:\S+)")
_WHY = re.compile(r"\bbecause no ([\w -]+) (?:allows|grants)\b.*|\bwith an explicit deny\b.*")
# The kind of policy that allows too little, in AWS's words -> where it is.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_POLICIES = {
    "VPC endpoint policy": "the policy of the VPC endpoint com.amazonaws.{region}.ecr.dkr",
    "permissions boundary": "the permissions boundary of the identity",
    "session policy": "the session policy that the role is assumed with",
    "service control policy": "the organization's service control policies",
    "resource control policy": "the organization's resource control policies",
    "resource-based policy": "the repository policy",
}
_UPSTREAM = re.compile(r"(?i)\bupstream|secrets ?manager")
_KEY = re.compile(r"(?i)\bkms")
_LIMIT = re.compile(r"(?i)too ?many|rate|limit")


def check_registry(facts: EcrFacts) -> Check:
    """Judge whether the registry accepts the token."""
    check_id, pull = CheckId.REGISTRY, facts.pull
    if pull is None:
        return Check(check_id, SKIP, "not requested: there is no token to send")
    if isinstance(pull, HelperError):
        return check_from_error(check_id, pull)
    base = pull.replies[0]
    if base.status == HTTPStatus.OK:
        return Check(check_id, PASS, f"{facts.host} accepts the token, in {base.milliseconds} ms")
    return explain_reply(check_id, f"{facts.host} answers {_quote(base)}", base, facts)


def explain_image_reply(check_id: CheckId, shown: str, reply: "Reply", facts: EcrFacts) -> Check:
    """Judge an error answer to a request for an image."""
    return explain_reply(check_id, f"{reply.what} of {shown}: {_quote(reply)}", reply, facts)


def explain_reply(check_id: CheckId, seen: str, reply: "Reply", facts: EcrFacts) -> Check:
    """Judge an error answer. seen: it in words."""
    if reply.action:
        return _explain_denial(check_id, reply, facts)
    words = f"{reply.code} {reply.message}"
    if _UPSTREAM.search(words):
        return _explain_upstream(check_id, seen, reply, facts)
    if _KEY.search(words):
        fix = "enable the KMS key of the repository, and keep ECR's grants on it"
        return Check(check_id, FAIL, seen, fix)
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _explain_limit(check_id, seen, facts)
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fix = "try again; if it lasts, see https://health.aws.amazon.com/health/status"
        return Check(check_id, FAIL, seen, fix)
    if reply.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _explain_strange(check_id, seen, reply, facts)
    return _explain_refusal(check_id, seen, facts)


def _explain_limit(check_id: CheckId, seen: str, facts: EcrFacts) -> Check:
    # https://docs.aws.amazon.com/AmazonECR/latest/public/public-service-quotas.html
    token = facts.token
    if isinstance(token, TokenFact):
        return Check(check_id, FAIL, seen, "try again in a minute, with fewer pulls at once")
    fix = "authenticate, since anonymous pulls have low limits for each address"
    fix += f": {token.hint}" if token.hint else ""
    return Check(check_id, FAIL, f"{seen}: this pull is anonymous", fix, token.command)


def _explain_strange(check_id: CheckId, seen: str, reply: "Reply", facts: EcrFacts) -> Check:
    proxy = gateway.describe_proxy(f"https://{facts.host}")
    fix = f"check the host name, {proxy} and other proxies in between"
    if reply.status < HTTPStatus.BAD_REQUEST and reply.message:
        fix = f"use that host's name, or let {facts.host} pass requests on:"
        fix += f" {facts.machine.client} does not send the token to another host"
    elif not reply.code:
        seen += ", which is not the answer of a registry"
    return Check(check_id, FAIL, seen, fix)


def _explain_refusal(check_id: CheckId, seen: str, facts: EcrFacts) -> Check:
    """Judge a registry that does not accept the token."""
    probe = facts.endpoint
    if not isinstance(probe, HelperError) and (origin := probe.origin):
        fix = f"{origin.name} sends the request for the token to {probe.endpoint}: if it is left"
        return Check(check_id, FAIL, seen, f"{fix} over, {origin.cure}", origin.command)
    token, rule = facts.token, facts.choice.rule
    if rule and (rule.region or (rule.registry is None and facts.choice.endpoint_url)):
        key = "region" if rule.region else "endpoint_url"
        fix = f"{rule.places[key]}: {key} must be that of {facts.host}"
        return Check(check_id, FAIL, f"{seen}: its token is for the wrong region", fix)
    if isinstance(token, TokenFact) and token.hit is not None:
        of_login = token.hit.kind is Kind.LOGIN
        remove = f"{facts.machine.client} logout" if of_login else f"{PACKAGE} cache clear"
        what = "the stored login" if of_login else "the cached token"
        fix = f"remove {what}: it may be for another region, or for a deleted role"
        return Check(check_id, FAIL, seen, fix, f"{remove} {facts.host}")
    fix = "check the account and the region in the host name"
    if rule is not None and rule.registry is not None:
        fix = f"{rule.place}: check that registry = names the registry behind {facts.host}"
    return Check(check_id, FAIL, seen, fix)


def _explain_upstream(check_id: CheckId, seen: str, reply: "Reply", facts: EcrFacts) -> Check:
    """Judge the error of a registry that ECR pulls through.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/error-pullthroughcache.html
    """
    found, repository = facts.choice.registry, facts.image.repository
    prefix = repository.partition("/")[0]
    command = f"aws ecr validate-pull-through-cache-rule --ecr-repository-prefix {prefix}"
    command += f" --region {found.region}"
    limited = reply.status == HTTPStatus.TOO_MANY_REQUESTS or _LIMIT.search(reply.message)
    if limited:
        fix = "try again later, or give the cache rule credentials in Secrets Manager: the upstream"
        fix += " registry allows more to a user"
    elif reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fix = "try again: the upstream registry does not answer ECR"
    else:
        fix = "renew the credentials in the Secrets Manager secret ecr-pullthroughcache/... of the"
        fix += f" cache rule for {prefix}, and check the image's name upstream: Docker Hub's"
        fix += " official images are in library/"
    return Check(check_id, FAIL, seen, fix, "" if limited else command)


def _explain_denial(check_id: CheckId, reply: "Reply", facts: EcrFacts) -> Check:
    caller, action = facts.caller, reply.action
    who = "the identity" if caller is None or isinstance(caller, HelperError) else caller.arn
    named = _USER.search(reply.message)
    who = named[1] if named else who
    seen = f"{who} is not permitted {action}: HTTP {reply.status}"
    # AWS's text repeats identity, action and resource before the reason.
    why = _WHY.search(reply.message)
    if why or (reply.message and action not in reply.message):
        seen += f", {why[0] if why else reply.message}"
    if why and "deny" in why[0]:
        fix = "ask the owner of that policy to change it, or use another AWS identity"
        return Check(check_id, FAIL, seen, fix)
    if action.startswith("signer:") and _SERVICE_ROLE in who:
        fix = "exclude the repositories of the cache rule from the registry's signing rules: ECR"
        fix += " cannot sign what it imports"
        return Check(check_id, FAIL, seen, fix)
    on = _RESOURCE.search(reply.message)
    what = facts.image.repository or "the repository"
    what = on[1] if on and not action.startswith("ecr:") else what
    where = "the identity's policy; for another account, also in the repository policy"
    if why and why[1] in _POLICIES:
        where = _POLICIES[why[1]].format(region=facts.choice.registry.region)
    fix = f"allow {action} on {what} in {where}"
    purpose = [text for name, text in _PURPOSES.items() if action.startswith(name)]
    return Check(check_id, FAIL, seen, ": ".join((fix, *purpose)))


def _quote(reply: "Reply") -> str:
    return quote_answer(reply.status, reply.code, reply.message)
