"""The checks of `doctor` on the answers of AWS and the registry. They make no network call."""

import difflib
import re
import shlex
import sys
from collections.abc import Iterable, Iterator
from http import HTTPStatus

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.doctor.check import (
    FAIL,
    PASS,
    SKIP,
    WARN,
    Check,
    CheckId,
    check_from_error,
)
from docker_credential_ecrpy.doctor.facts import EcrFacts, Facts, TokenFact
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import duration, moment
from docker_credential_ecrpy.tokens.lookup import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.doctor.probes.pull import PullTrace, Reply

# AWS refuses a signature that is 5 minutes old; a minute already shows a clock that is not set.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
SKEW_REFUSED = 300
SKEW_WARNED = 60
# What a pull through a cache needs in addition.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html
_IMPORTS = ("ecr:CreateRepository", "ecr:BatchImportUpstreamImage")
_WHY = re.compile(r"\bbecause no [\w-]+ policy\b.*|\bwith an explicit deny\b.*")
_NO_CREDENTIALS = "no credentials to request it with"
_NO_SUCH = ("NAME_UNKNOWN", "MANIFEST_UNKNOWN")


def check_network(facts: Facts) -> Iterator[Check]:
    """Yield the checks on AWS and the registry."""
    if isinstance(facts, EcrFacts):
        yield from _skip_repeated(_check_in_order(facts))


def _check_in_order(facts: EcrFacts) -> Iterator[Check]:
    yield _check_credentials(facts)
    yield from _check_region(facts)
    yield _check_endpoint(facts)
    yield _check_clock(facts)
    yield _check_identity(facts)
    yield _check_token(facts)
    yield _check_registry(facts)
    if facts.image.repository:
        yield _check_image(facts)


def _skip_repeated(checks: Iterable[Check]) -> Iterator[Check]:
    """Yield the checks; one with the error of an earlier check is skipped: it is the same problem.

    A failure is not skipped for a warning.
    """
    reported: dict[str, Check] = {}
    for check in checks:
        first = reported.get(check.seen)
        if first and check.status in (first.status, WARN):
            same = f"not checked: the same error as of {first.id.title}"
            seen = _NO_CREDENTIALS if first.id is CheckId.CREDENTIALS else same
            yield Check(check.id, SKIP, seen)
            continue
        if check.status in (WARN, FAIL):
            reported[check.seen] = check
        yield check


def _check_credentials(facts: EcrFacts) -> Check:
    check_id, found = CheckId.CREDENTIALS, facts.preview
    if isinstance(found, HelperError):
        return check_from_error(check_id, found, WARN if facts.choice.registry.public else FAIL)
    fetched = isinstance(facts.token, TokenFact) and facts.token.hit is None
    if found.is_certain or fetched or not isinstance(facts.caller, HelperError):
        return Check(check_id, PASS, found.source)
    return Check(check_id, SKIP, f"{found.summary}: no credentials came from there")


def _check_region(facts: EcrFacts) -> Iterator[Check]:
    """Judge a region that botocore does not know: a new one, or none at all."""
    found = facts.choice.registry
    if found.public or isinstance(facts.preview, HelperError):
        return
    known = regions.list_regions(found.service)
    if found.region not in known:
        near = " or ".join(difflib.get_close_matches(found.region, known, n=2))
        seen = f"{found.region!r} in {facts.host} is not a region that the AWS SDK knows"
        command = "" if near else "aws account list-regions"
        fix = f"did you mean {near}?" if near else f"use one that this command lists: {command}"
        status = FAIL if isinstance(facts.endpoint, HelperError) else WARN
        yield Check(CheckId.REGION, status, seen, fix, command)


def _check_endpoint(facts: EcrFacts) -> Check:
    check_id, found = CheckId.ENDPOINT, facts.endpoint
    if isinstance(found, HelperError):
        # A cached token needs no endpoint until it expires.
        status = WARN if isinstance(facts.token, TokenFact) else FAIL
        return check_from_error(check_id, found, status)
    proxy = f"through the proxy {found.proxy}" if found.proxy else "without a proxy"
    seen = f"{found.endpoint} answers in {found.milliseconds} ms, {proxy}; trusted: {found.trust}"
    return Check(check_id, PASS, seen)


def _check_clock(facts: EcrFacts) -> Check:
    check_id, found = CheckId.CLOCK, facts.endpoint
    if isinstance(found, HelperError) or found.clock_ahead is None:
        return Check(check_id, SKIP, "the endpoint's answer has no date")
    ahead = found.clock_ahead
    if abs(ahead) < SKEW_WARNED:
        return Check(check_id, PASS, f"within {max(round(abs(ahead)), 1)} s of AWS's clock")
    side = "behind" if ahead > 0 else "ahead of"
    seen = f"this machine's clock is {duration(abs(ahead))} {side} AWS's"
    pull = facts.pull
    works = pull and not isinstance(pull, HelperError) and pull.replies[0].status == HTTPStatus.OK
    status = FAIL if abs(ahead) >= SKEW_REFUSED and not works else WARN
    command = "sudo timedatectl set-ntp true" if sys.platform == "linux" else ""
    return Check(check_id, status, seen, "set the clock", command)


def _check_identity(facts: EcrFacts) -> Check:
    check_id, found = CheckId.IDENTITY, facts.caller
    if found is None:
        return Check(check_id, SKIP, "no credentials to call STS with")
    if isinstance(found, HelperError):
        # Some networks reach ECR and not STS.
        works = isinstance(facts.token, TokenFact) or facts.choice.registry.public
        return check_from_error(check_id, found, WARN if works else FAIL)
    until = f", until {moment(found.expires, facts.now)}" if found.expires else ""
    return Check(check_id, PASS, f"{found.arn}{until}")


def _check_token(facts: EcrFacts) -> Check:
    check_id, found = CheckId.TOKEN, facts.token
    if isinstance(found, HelperError):
        if not facts.choice.registry.public:
            return check_from_error(check_id, found)
        preview = facts.preview
        if isinstance(preview, HelperError) and preview.message == found.message:
            return Check(check_id, SKIP, f"{_NO_CREDENTIALS}: pulls are anonymous")
        seen = f"none, so pulls are anonymous: {found.message}"
        return Check(check_id, WARN, seen, found.hint or "", found.command)
    expires = f"expires at {moment(found.entry.expires, facts.now)}"
    if found.hit is None:
        seen = f"fetched in {found.milliseconds} ms; {expires}"
        return (
            Check(check_id, PASS, seen)
            if found.is_stored
            else _check_storage(check_id, seen, facts)
        )
    age = duration((facts.now - found.entry.written) // cache.SECOND)
    return Check(check_id, PASS, f"{found.hit.kind.value}, cached {age} ago; {expires}")


def _check_storage(check_id: CheckId, seen: str, facts: EcrFacts) -> Check:
    directory = facts.machine.cache
    if facts.machine.refusals:  # the check of the cache says why
        return Check(check_id, PASS, f"{seen}; not cached")
    if directory:
        fix = f"make {directory} writable, or set AWS_ECR_CACHE_DIR"
        return Check(check_id, WARN, f"{seen}; it cannot be cached, so each pull calls AWS", fix)
    if facts.machine.environ.get("AWS_ECR_DISABLE_CACHE"):
        return Check(check_id, PASS, f"{seen}; not cached: AWS_ECR_DISABLE_CACHE is set")
    fix = "set HOME or AWS_ECR_CACHE_DIR"
    return Check(check_id, WARN, f"{seen}; there is no home directory to cache it in", fix)


def _check_registry(facts: EcrFacts) -> Check:
    check_id, pull = CheckId.REGISTRY, facts.pull
    if pull is None:
        return Check(check_id, SKIP, "not requested: there is no token to send")
    if isinstance(pull, HelperError):
        return check_from_error(check_id, pull)
    base = pull.replies[0]
    if base.status == HTTPStatus.OK:
        return Check(check_id, PASS, f"{facts.host} accepts the token, in {base.milliseconds} ms")
    if base.action:
        return _explain_denial(check_id, base, facts)
    return _explain_refusal(check_id, f"{facts.host} answers {_quote(base)}", base, facts)


def _explain_refusal(check_id: CheckId, seen: str, reply: "Reply", facts: EcrFacts) -> Check:
    """Judge an error answer: most often the registry does not accept the token."""
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Check(check_id, FAIL, seen, "try again in a minute, with fewer pulls at once")
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fix = "try again; if it lasts, see https://health.aws.amazon.com/health/status"
        return Check(check_id, FAIL, seen, fix)
    if reply.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        fix = "check the host name, HTTPS_PROXY and other proxies in between"
        return Check(
            check_id,
            FAIL,
            seen if reply.code else f"{seen}, which is not the answer of a registry",
            fix,
        )
    token, rule = facts.token, facts.choice.rule
    if rule and (rule.region or (rule.registry is None and facts.choice.endpoint_url)):
        key = "region" if rule.region else "endpoint_url"
        fix = f"{rule.places[key]}: {key} must be that of {facts.host}"
        return Check(check_id, FAIL, f"{seen}: its token is for the wrong region", fix)
    if isinstance(token, TokenFact) and token.hit is not None:
        of_login = token.hit.kind is Kind.LOGIN
        remove = "docker logout" if of_login else f"{PACKAGE} cache clear"
        what = "the stored login" if of_login else "the cached token"
        fix = f"remove {what}: it may be for another region, or for a deleted role"
        return Check(check_id, FAIL, seen, fix, f"{remove} {facts.host}")
    fix = "check the account and the region in the host name"
    if rule is not None and rule.registry is not None:
        fix = f"{rule.place}: check that registry = names the registry behind {facts.host}"
    return Check(check_id, FAIL, seen, fix)


def _check_image(facts: EcrFacts) -> Check:
    check_id, image, pull = CheckId.IMAGE, facts.image, facts.pull
    if image.mistake:
        return Check(
            check_id, FAIL, f"{one_line(image.repository)}: {image.mistake}", "correct the name"
        )
    if pull is None or isinstance(pull, HelperError) or len(pull.replies) == 1:
        return Check(check_id, SKIP, "not requested: the registry was not reached")
    last = pull.replies[-1]
    shown = _name_image(facts)
    if last.status < HTTPStatus.BAD_REQUEST:
        took = sum(reply.milliseconds for reply in pull.replies[1:])
        return Check(check_id, PASS, f"{shown} can be pulled: manifest and a layer, in {took} ms")
    if last.status == HTTPStatus.NOT_FOUND and last.code in _NO_SUCH:
        return _explain_missing(check_id, facts, pull)
    if last.action:
        return _explain_denial(check_id, last, facts)
    return _explain_refusal(check_id, f"{last.what} of {shown}: {_quote(last)}", last, facts)


def _explain_missing(check_id: CheckId, facts: EcrFacts, pull: "PullTrace") -> Check:
    image, found = facts.image, facts.choice.registry
    if pull.replies[-1].code == "NAME_UNKNOWN":
        whose = f"account {found.account} in {found.region}" if found.account else facts.host
        seen = f"there is no repository {image.repository!r} in {whose}"
        if other := facts.other_host:
            seen += f": the region is wrong, {other} has it"
            command = f"docker pull {_name_image(facts, other)}"
            return Check(check_id, FAIL, seen, f"pull it from {other}", command)
        return Check(check_id, FAIL, seen, "check its name, the account and the region")
    what = "digest" if ":" in image.reference else "tag"
    seen = f"{image.repository} has no {what} {image.reference!r}"
    if not pull.tags:
        return Check(check_id, FAIL, seen, "check what was pushed")
    seen += f"; there are: {', '.join(pull.tags)}"
    near = f"docker pull {shlex.quote(f'{facts.host}/{image.repository}:{pull.tags[0]}')}"
    return Check(check_id, FAIL, seen, "pull an existing tag", near)


def _explain_denial(check_id: CheckId, reply: "Reply", facts: EcrFacts) -> Check:
    caller = facts.caller
    who = "the identity" if caller is None or isinstance(caller, HelperError) else caller.arn
    seen = f"{who} is not permitted {reply.action}: HTTP {reply.status}"
    # AWS's text repeats identity, action and resource before the reason.
    why = _WHY.search(reply.message)
    if why or (reply.message and reply.action not in reply.message):
        seen += f", {why[0] if why else reply.message}"
    if why and "deny" in why[0]:
        fix = "ask the owner of that policy to change it, or use another AWS identity"
        return Check(check_id, FAIL, seen, fix)
    fix = f"allow {reply.action} on {facts.image.repository or 'the repository'} in the identity's"
    fix += " policy; for another account, also in the repository policy"
    if reply.action in _IMPORTS:
        fix += ": the first pull through a cache rule imports the image"
    return Check(check_id, FAIL, seen, fix)


def _quote(reply: "Reply") -> str:
    text = f"HTTP {reply.status}"
    text += f" {reply.code}" if reply.code else ""
    return f"{text}: {reply.message}" if reply.message else text


def _name_image(facts: EcrFacts, host: str = "") -> str:
    image = facts.image
    mark = "@" if ":" in image.reference else ":"
    return f"{host or facts.host}/{image.repository}{mark}{image.reference}"
