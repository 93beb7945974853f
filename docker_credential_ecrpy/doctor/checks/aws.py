"""The checks on the answers of AWS, and all network checks in the order of causes."""

import difflib
from collections.abc import Iterable, Iterator
from http import HTTPStatus

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
from docker_credential_ecrpy.doctor.checks.image import check_image
from docker_credential_ecrpy.doctor.checks.registry import check_registry
from docker_credential_ecrpy.doctor.facts import EcrFacts, Facts, TokenFact
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.text.times import duration, moment, set_clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.aws.faults.precedence import Shadowed

# AWS refuses a signature that is 5 minutes old; a minute already shows a clock that is not set.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
SKEW_REFUSED = 300
SKEW_WARNED = 60
_NO_CREDENTIALS = "no credentials to request it with"


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
    yield check_registry(facts)
    if facts.image.repository:
        yield check_image(facts)


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
    if not (found.is_certain or fetched or not isinstance(facts.caller, HelperError)):
        return Check(check_id, SKIP, f"{found.summary}: no credentials came from there")
    if found.shadowed:
        return _check_shadowed(check_id, found.shadowed, found.source, facts)
    return Check(check_id, PASS, found.source)


def _check_shadowed(check_id: CheckId, found: "Shadowed", source: str, facts: EcrFacts) -> Check:
    """Judge credentials that are used instead of others: a denied pull is theirs."""
    seen, pull = f"{source}, {found.reason}", facts.pull
    caller = facts.caller
    arn = caller.arn if caller and not isinstance(caller, HelperError) else ""
    is_other = found.is_other(arn)
    denied = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
    if is_other is False:
        return Check(check_id, PASS, source)
    if pull and not isinstance(pull, HelperError) and pull.replies[-1].status in denied:
        status = FAIL if is_other else WARN
        return Check(check_id, status, f"{seen}; it may not pull", found.cure, found.command)
    if found.is_fault:
        return Check(check_id, WARN, seen, found.cure, found.command)
    return Check(check_id, PASS, seen)


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
    return Check(check_id, status, seen, "set the clock", set_clock())


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
