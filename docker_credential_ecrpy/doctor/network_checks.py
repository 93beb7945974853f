"""The checks of `doctor`: what AWS and the registry said. They ask nobody."""

import re
import shlex
import sys
from collections.abc import Iterator
from http import HTTPStatus

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.doctor.check import FAIL, PASS, SKIP, WARN, Check, check_from_error
from docker_credential_ecrpy.doctor.facts import Facts, TokenFact
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import duration, moment
from docker_credential_ecrpy.tokens.lookup import Kind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.doctor.probes.pull import PullTrace, Reply

# AWS refuses a signature that is 5 minutes old; well before that, something is wrong.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html
SKEW_REFUSED = 300
SKEW_ODD = 60
# What a pull through a cache needs besides.
# https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-iam.html
_IMPORTS = ("ecr:CreateRepository", "ecr:BatchImportUpstreamImage")
_WHY = re.compile(r"\bbecause no [\w-]+ policy\b.*|\bwith an explicit deny\b.*")
_NO_SUCH = ("NAME_UNKNOWN", "MANIFEST_UNKNOWN")


def check_network(facts: Facts) -> Iterator[Check]:
    """Yield what is to be said of AWS and the registry."""
    choice = facts.choice
    if not isinstance(choice, Choice):
        return
    yield _credentials(facts, choice)
    if facts.network.near_regions is not None:
        yield _region(facts, choice, facts.network.near_regions)
    yield _endpoint(facts)
    yield _clock(facts)
    yield _identity(facts, choice)
    yield _token(facts, choice)
    yield _registry(facts, choice)
    if facts.image.repository:
        yield _image(facts, choice)


def _credentials(facts: Facts, choice: Choice) -> Check:
    name, found = "credentials", facts.network.outlook
    if isinstance(found, HelperError):
        return check_from_error(name, found, WARN if choice.registry.public else FAIL)
    return Check(name, PASS, found.source) if found else Check(name, SKIP, "not looked at")


def _region(facts: Facts, choice: Choice, near: list[str]) -> Check:
    """Judge a region that botocore does not know: a new one, or none at all."""
    seen = f"{choice.registry.region!r} in {facts.host} is no region that the AWS SDK knows"
    fix = "see 'aws account list-regions' for what there is"
    if near:
        fix = f"did you mean {' or '.join(near)}?"
    unreached = isinstance(facts.network.reach, HelperError)
    return Check("region", FAIL if unreached else WARN, seen, fix)


def _endpoint(facts: Facts) -> Check:
    name, found = "endpoint", facts.network.reach
    if isinstance(found, HelperError):
        # A token in hand needs no endpoint, for as long as it lives.
        status = WARN if isinstance(facts.network.token, TokenFact) else FAIL
        return check_from_error(name, found, status)
    if found is None:
        return Check(name, SKIP, "not asked")
    proxy = f"through the proxy {found.proxy}" if found.proxy else "without a proxy"
    seen = f"{found.endpoint} answers in {found.milliseconds} ms, {proxy}; trusted: {found.trust}"
    return Check(name, PASS, seen)


def _clock(facts: Facts) -> Check:
    name, found = "clock", facts.network.reach
    if found is None or isinstance(found, HelperError) or found.clock_ahead is None:
        return Check(name, SKIP, "AWS did not say what time it is")
    ahead = found.clock_ahead
    if abs(ahead) < SKEW_ODD:
        return Check(name, PASS, f"within {max(round(abs(ahead)), 1)} s of AWS's")
    side = "behind" if ahead > 0 else "ahead of"
    seen = f"this machine's clock is {duration(abs(ahead))} {side} AWS's"
    status = FAIL if abs(ahead) >= SKEW_REFUSED and not facts.works else WARN
    command = "sudo timedatectl set-ntp true" if sys.platform == "linux" else ""
    return Check(name, status, seen, "set the clock", command)


def _identity(facts: Facts, choice: Choice) -> Check:
    name, found = "identity", facts.network.caller
    if found is None:
        return Check(name, SKIP, "there are no credentials to ask with")
    if isinstance(found, HelperError):
        # Networks may have a way to ECR and none to STS.
        works = isinstance(facts.network.token, TokenFact) or choice.registry.public
        return check_from_error(name, found, WARN if works else FAIL)
    until = f", until {moment(found.expires, facts.now)}" if found.expires else ""
    return Check(name, PASS, f"{found.arn}{until}")


def _token(facts: Facts, choice: Choice) -> Check:
    name, found = "token", facts.network.token
    if isinstance(found, HelperError):
        if choice.registry.public:
            seen = f"none, so pulls are anonymous: {found.message}"
            return Check(name, WARN, seen, found.hint or "")
        return check_from_error(name, found)
    if found is None:
        return Check(name, SKIP, "not asked for")
    expires = f"expires at {moment(found.entry.expires, facts.now)}"
    if found.kept is None:
        seen = f"fetched in {found.milliseconds} ms; {expires}"
        return Check(name, PASS, seen) if found.stays else _not_kept(name, seen, facts)
    age = duration((facts.now - found.entry.written) // cache.SECOND)
    return Check(name, PASS, f"{found.kept.kind.value}, kept for {age}; {expires}")


def _not_kept(name: str, seen: str, facts: Facts) -> Check:
    helper = facts.machine.helper
    if helper.find_directory():
        fix = f"see that {helper.find_directory()} is yours to write, or set AWS_ECR_CACHE_DIR"
        return Check(name, WARN, f"{seen}; it cannot be kept, so each pull asks AWS", fix)
    if helper.environ.get("AWS_ECR_DISABLE_CACHE"):
        return Check(name, PASS, f"{seen}; none is kept, as AWS_ECR_DISABLE_CACHE is set")
    fix = "set HOME or AWS_ECR_CACHE_DIR"
    return Check(name, WARN, f"{seen}; there is no home directory to keep it in", fix)


# --- the registry -----------------------------------------------------------------------------


def _registry(facts: Facts, choice: Choice) -> Check:
    name, visit = "registry", facts.network.visit
    if visit is None:
        return Check(name, SKIP, "not asked: there is no token to ask with")
    if isinstance(visit, HelperError):
        return check_from_error(name, visit)
    base = visit.replies[0]
    if base.status == HTTPStatus.OK:
        return Check(name, PASS, f"{facts.host} takes the token, in {base.milliseconds} ms")
    seen = f"{facts.host} answers {_said(base)}"
    if base.action:
        return _not_permitted(name, base, facts)
    return _refused(name, seen, base, facts, choice)


def _refused(name: str, seen: str, reply: "Reply", facts: Facts, choice: Choice) -> Check:
    """Judge an answer that is no good: most often to a token that the registry does not take."""
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Check(name, FAIL, seen, "try again in a minute, with fewer pulls at once")
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        fix = "try again; if it lasts, see https://health.aws.amazon.com/health/status"
        return Check(name, FAIL, seen, fix)
    if reply.status not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        fix = "check the host name, HTTPS_PROXY and whatever else stands in between"
        return Check(name, FAIL, seen if reply.code else f"{seen}, as no registry does", fix)
    token = facts.network.token
    rule = choice.rule
    moved = rule is not None and (
        bool(rule.region) or (rule.registry is None and bool(choice.endpoint_url))
    )
    if rule is not None and moved:
        key = "region" if rule.region else "endpoint_url"
        fix = f"{rule.places[key]}: {key} has to be that of {facts.host}"
        return Check(name, FAIL, f"{seen}: its token is of the wrong region", fix)
    if isinstance(token, TokenFact) and token.kept is not None:
        of_login = token.kept.kind is Kind.LOGIN
        forget = "docker logout" if of_login else f"{PACKAGE} cache clear"
        what = "the login that was stored" if of_login else "the token that is kept"
        fix = f"forget {what}, which may be of another region or of a role that is gone"
        return Check(name, FAIL, seen, fix, f"{forget} {facts.host}")
    fix = "see that the region in the host's name is the registry's, and that the account is there"
    if rule is not None and rule.registry is not None:
        fix = f"{rule.place}: see that registry = is what is behind {facts.host}, region and all"
    return Check(name, FAIL, seen, fix)


def _image(facts: Facts, choice: Choice) -> Check:
    name, image, visit = "image", facts.image, facts.network.visit
    if image.mistake:
        return Check(name, FAIL, f"{one_line(image.repository)}: {image.mistake}", "write it so")
    if visit is None or isinstance(visit, HelperError) or len(visit.replies) == 1:
        return Check(name, SKIP, "not asked for, as the registry was not reached")
    last = visit.replies[-1]
    shown = _shown(facts)
    if last.status < HTTPStatus.BAD_REQUEST:
        took = sum(reply.milliseconds for reply in visit.replies[1:])
        return Check(name, PASS, f"{shown} can be pulled: manifest and a layer, in {took} ms")
    if last.status == HTTPStatus.NOT_FOUND and last.code in _NO_SUCH:
        return _not_there(name, last, facts, visit, choice)
    if last.action:
        return _not_permitted(name, last, facts)
    return _refused(name, f"{last.what} of {shown}: {_said(last)}", last, facts, choice)


def _not_there(name: str, last: "Reply", facts: Facts, visit: "PullTrace", choice: Choice) -> Check:
    image, found = facts.image, choice.registry
    if last.code == "NAME_UNKNOWN":
        whose = f"account {found.account} in {found.region}" if found.account else facts.host
        seen = f"there is no repository {image.repository!r} in {whose}"
        if facts.network.elsewhere:
            right = _shown(facts, facts.network.elsewhere)
            seen += f": the region is wrong, {facts.network.elsewhere} has it"
            return Check(name, FAIL, seen, "pull from there", f"docker pull {right}")
        return Check(name, FAIL, seen, "check its name, the account and the region")
    seen = f"{image.repository} has no {'digest' if ':' in image.reference else 'tag'}"
    seen += f" {image.reference!r}"
    if not visit.tags:
        return Check(name, FAIL, seen, "check what was pushed")
    seen += f"; there are: {', '.join(visit.tags)}"
    near = f"docker pull {shlex.quote(f'{facts.host}/{image.repository}:{visit.tags[0]}')}"
    return Check(name, FAIL, seen, "pull one that is there", near)


def _not_permitted(name: str, reply: "Reply", facts: Facts) -> Check:
    caller = facts.network.caller
    who = "the identity" if caller is None or isinstance(caller, HelperError) else caller.arn
    seen = f"{who} is not permitted {reply.action}: HTTP {reply.status}"
    # AWS's text repeats who, what and where, before it comes to why.
    why = _WHY.search(reply.message)
    if why or (reply.message and reply.action not in reply.message):
        seen += f", {why[0] if why else reply.message}"
    if why and "deny" in why[0]:
        fix = "only whoever wrote that policy can lift it, or use another AWS identity"
        return Check(name, FAIL, seen, fix)
    repository = facts.image.repository or "the repository"
    fix = f"allow {reply.action} on {repository} in the identity's policies"
    fix += ", and where it is another account's, in the repository's policy"
    if reply.action in _IMPORTS:
        fix += ": the first pull through a cache rule imports the image"
    return Check(name, FAIL, seen, fix)


def _said(reply: "Reply") -> str:
    text = f"HTTP {reply.status}"
    text += f" {reply.code}" if reply.code else ""
    return f"{text}: {reply.message}" if reply.message else text


def _shown(facts: Facts, host: str = "") -> str:
    image = facts.image
    mark = "@" if ":" in image.reference else ":"
    return f"{host or facts.host}/{image.repository}{mark}{image.reference}"
