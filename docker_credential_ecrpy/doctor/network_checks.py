"""The checks of `doctor` on the answers of AWS and the registry. They make no network call."""

import difflib
import re
import shlex
import sys
from collections.abc import Iterator
from http import HTTPStatus

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.doctor.check import FAIL, PASS, SKIP, WARN, Check, check_from_error
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
SKEW_ODD = 60
# What a pull through a cache needs in addition.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html
_IMPORTS = ("ecr:CreateRepository", "ecr:BatchImportUpstreamImage")
_WHY = re.compile(r"\bbecause no [\w-]+ policy\b.*|\bwith an explicit deny\b.*")
_NO_SUCH = ("NAME_UNKNOWN", "MANIFEST_UNKNOWN")


def check_network(facts: Facts) -> Iterator[Check]:
    """Yield the checks on AWS and the registry."""
    if not isinstance(facts, EcrFacts):
        return
    yield _check_credentials(facts)
    yield from _check_region(facts)
    yield _check_endpoint(facts)
    yield _check_clock(facts)
    yield _check_identity(facts)
    yield _check_token(facts)
    yield _check_registry(facts)
    if facts.image.repository:
        yield _check_image(facts)


def _check_credentials(facts: EcrFacts) -> Check:
    name, found = "credentials", facts.preview
    if isinstance(found, HelperError):
        return check_from_error(name, found, WARN if facts.choice.registry.public else FAIL)
    return Check(name, PASS, found.source)


def _check_region(facts: EcrFacts) -> Iterator[Check]:
    """Judge a region that botocore does not know: a new one, or none at all."""
    found = facts.choice.registry
    if found.public or isinstance(facts.preview, HelperError):
        return
    known = regions.list_regions(found.service)
    if found.region not in known:
        near = " or ".join(difflib.get_close_matches(found.region, known, n=2))
        seen = f"{found.region!r} in {facts.host} is no region that the AWS SDK knows"
        fix = (
            f"did you mean {near}?" if near else "see 'aws account list-regions' for what there is"
        )
        yield Check("region", FAIL if isinstance(facts.endpoint, HelperError) else WARN, seen, fix)


def _check_endpoint(facts: EcrFacts) -> Check:
    name, found = "endpoint", facts.endpoint
    if isinstance(found, HelperError):
        # A cached token needs no endpoint until it expires.
        status = WARN if isinstance(facts.token, TokenFact) else FAIL
        return check_from_error(name, found, status)
    proxy = f"through the proxy {found.proxy}" if found.proxy else "without a proxy"
    seen = f"{found.endpoint} answers in {found.milliseconds} ms, {proxy}; trusted: {found.trust}"
    return Check(name, PASS, seen)


def _check_clock(facts: EcrFacts) -> Check:
    name, found = "clock", facts.endpoint
    if isinstance(found, HelperError) or found.clock_ahead is None:
        return Check(name, SKIP, "AWS did not say what time it is")
    ahead = found.clock_ahead
    if abs(ahead) < SKEW_ODD:
        return Check(name, PASS, f"within {max(round(abs(ahead)), 1)} s of AWS's")
    side = "behind" if ahead > 0 else "ahead of"
    seen = f"this machine's clock is {duration(abs(ahead))} {side} AWS's"
    pull = facts.pull
    works = pull and not isinstance(pull, HelperError) and pull.replies[0].status == HTTPStatus.OK
    status = FAIL if abs(ahead) >= SKEW_REFUSED and not works else WARN
    command = "sudo timedatectl set-ntp true" if sys.platform == "linux" else ""
    return Check(name, status, seen, "set the clock", command)


def _check_identity(facts: EcrFacts) -> Check:
    name, found = "identity", facts.caller
    if found is None:
        return Check(name, SKIP, "there are no credentials to ask with")
    if isinstance(found, HelperError):
        # Some networks reach ECR and not STS.
        works = isinstance(facts.token, TokenFact) or facts.choice.registry.public
        return check_from_error(name, found, WARN if works else FAIL)
    until = f", until {moment(found.expires, facts.now)}" if found.expires else ""
    return Check(name, PASS, f"{found.arn}{until}")


def _check_token(facts: EcrFacts) -> Check:
    name, found = "token", facts.token
    if isinstance(found, HelperError):
        if not facts.choice.registry.public:
            return check_from_error(name, found)
        seen = f"none, so pulls are anonymous: {found.message}"
        return Check(name, WARN, seen, found.hint or "")
    expires = f"expires at {moment(found.entry.expires, facts.now)}"
    if found.hit is None:
        seen = f"fetched in {found.milliseconds} ms; {expires}"
        return Check(name, PASS, seen) if found.is_stored else _check_storage(name, seen, facts)
    age = duration((facts.now - found.entry.written) // cache.SECOND)
    return Check(name, PASS, f"{found.hit.kind.value}, kept for {age}; {expires}")


def _check_storage(name: str, seen: str, facts: EcrFacts) -> Check:
    directory = facts.machine.cache
    if directory:
        fix = f"see that {directory} is yours to write, or set AWS_ECR_CACHE_DIR"
        return Check(name, WARN, f"{seen}; it cannot be kept, so each pull asks AWS", fix)
    if facts.machine.environ.get("AWS_ECR_DISABLE_CACHE"):
        return Check(name, PASS, f"{seen}; none is kept, as AWS_ECR_DISABLE_CACHE is set")
    fix = "set HOME or AWS_ECR_CACHE_DIR"
    return Check(name, WARN, f"{seen}; there is no home directory to keep it in", fix)


def _check_registry(facts: EcrFacts) -> Check:
    name, pull = "registry", facts.pull
    if pull is None:
        return Check(name, SKIP, "not asked: there is no token to ask with")
    if isinstance(pull, HelperError):
        return check_from_error(name, pull)
    base = pull.replies[0]
    if base.status == HTTPStatus.OK:
        return Check(name, PASS, f"{facts.host} takes the token, in {base.milliseconds} ms")
    if base.action:
        return _explain_denial(name, base, facts)
    return _explain_refusal(name, f"{facts.host} answers {_quote(base)}", base, facts)


def _explain_refusal(name: str, seen: str, reply: "Reply", facts: EcrFacts) -> Check:
    """Judge an error answer: most often the registry does not accept the token."""
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Check(name, FAIL, seen, "try again in a minute, with fewer pulls at once")
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fix = "try again; if it lasts, see https://health.aws.amazon.com/health/status"
        return Check(name, FAIL, seen, fix)
    if reply.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        fix = "check the host name, HTTPS_PROXY and whatever else stands in between"
        return Check(name, FAIL, seen if reply.code else f"{seen}, as no registry does", fix)
    token, rule = facts.token, facts.choice.rule
    if rule and (rule.region or (rule.registry is None and facts.choice.endpoint_url)):
        key = "region" if rule.region else "endpoint_url"
        fix = f"{rule.places[key]}: {key} has to be that of {facts.host}"
        return Check(name, FAIL, f"{seen}: its token is of the wrong region", fix)
    if isinstance(token, TokenFact) and token.hit is not None:
        of_login = token.hit.kind is Kind.LOGIN
        forget = "docker logout" if of_login else f"{PACKAGE} cache clear"
        what = "the login that was stored" if of_login else "the token that is kept"
        fix = f"forget {what}, which may be of another region or of a role that is gone"
        return Check(name, FAIL, seen, fix, f"{forget} {facts.host}")
    fix = "see that the region in the host's name is the registry's, and that the account is there"
    if rule is not None and rule.registry is not None:
        fix = f"{rule.place}: see that registry = is what is behind {facts.host}, region and all"
    return Check(name, FAIL, seen, fix)


def _check_image(facts: EcrFacts) -> Check:
    name, image, pull = "image", facts.image, facts.pull
    if image.mistake:
        return Check(name, FAIL, f"{one_line(image.repository)}: {image.mistake}", "write it so")
    if pull is None or isinstance(pull, HelperError) or len(pull.replies) == 1:
        return Check(name, SKIP, "not asked for, as the registry was not reached")
    last = pull.replies[-1]
    shown = _name_image(facts)
    if last.status < HTTPStatus.BAD_REQUEST:
        took = sum(reply.milliseconds for reply in pull.replies[1:])
        return Check(name, PASS, f"{shown} can be pulled: manifest and a layer, in {took} ms")
    if last.status == HTTPStatus.NOT_FOUND and last.code in _NO_SUCH:
        return _explain_missing(name, facts, pull)
    if last.action:
        return _explain_denial(name, last, facts)
    return _explain_refusal(name, f"{last.what} of {shown}: {_quote(last)}", last, facts)


def _explain_missing(name: str, facts: EcrFacts, pull: "PullTrace") -> Check:
    image, found = facts.image, facts.choice.registry
    if pull.replies[-1].code == "NAME_UNKNOWN":
        whose = f"account {found.account} in {found.region}" if found.account else facts.host
        seen = f"there is no repository {image.repository!r} in {whose}"
        if other := facts.other_host:
            seen += f": the region is wrong, {other} has it"
            command = f"docker pull {_name_image(facts, other)}"
            return Check(name, FAIL, seen, "pull from there", command)
        return Check(name, FAIL, seen, "check its name, the account and the region")
    what = "digest" if ":" in image.reference else "tag"
    seen = f"{image.repository} has no {what} {image.reference!r}"
    if not pull.tags:
        return Check(name, FAIL, seen, "check what was pushed")
    seen += f"; there are: {', '.join(pull.tags)}"
    near = f"docker pull {shlex.quote(f'{facts.host}/{image.repository}:{pull.tags[0]}')}"
    return Check(name, FAIL, seen, "pull one that is there", near)


def _explain_denial(name: str, reply: "Reply", facts: EcrFacts) -> Check:
    caller = facts.caller
    who = "the identity" if caller is None or isinstance(caller, HelperError) else caller.arn
    seen = f"{who} is not permitted {reply.action}: HTTP {reply.status}"
    # AWS's text repeats identity, action and resource before the reason.
    why = _WHY.search(reply.message)
    if why or (reply.message and reply.action not in reply.message):
        seen += f", {why[0] if why else reply.message}"
    if why and "deny" in why[0]:
        fix = "only whoever wrote that policy can lift it, or use another AWS identity"
        return Check(name, FAIL, seen, fix)
    fix = f"allow {reply.action} on {facts.image.repository or 'the repository'} in the identity's"
    fix += " policies, and where it is another account's, in the repository's policy"
    if reply.action in _IMPORTS:
        fix += ": the first pull through a cache rule imports the image"
    return Check(name, FAIL, seen, fix)


def _quote(reply: "Reply") -> str:
    text = f"HTTP {reply.status}"
    text += f" {reply.code}" if reply.code else ""
    return f"{text}: {reply.message}" if reply.message else text


def _name_image(facts: EcrFacts, host: str = "") -> str:
    image = facts.image
    mark = "@" if ":" in image.reference else ":"
    return f"{host or facts.host}/{image.repository}{mark}{image.reference}"
