"""The network calls of `doctor` for one registry: to the endpoint, STS, ECR and the registry."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus

from docker_credential_ecrpy.aws import gateway as aws
from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.doctor.deadline import Deadline, attempt
from docker_credential_ecrpy.doctor.facts import Download, EcrFacts, TokenFact
from docker_credential_ecrpy.doctor.machine import Machine, list_registries
from docker_credential_ecrpy.doctor.probes import gateway
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.settings.rules import Choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.doctor.probes.storage import Redirect, StorageReply
    from docker_credential_ecrpy.doctor.probes.trace import PullTrace

STORAGE_SECONDS = 10.0  # storage without a route takes minutes to fail
_OTHER_REGIONS = 8  # at most so many other regions are searched for an image


def ask_network(
    helper: Helper, choice: Choice, image: Image, deadline: Deadline, asked: "Future[Machine]"
) -> EcrFacts:
    """Return the facts of a registry; the calls to the endpoint, STS and ECR run at the same time.

    asked: the machine, once its programs have printed their versions.
    """
    left, log = deadline.left, helper.log
    preview = attempt(
        lambda: gateway.preview(choice, left(), log)
    )  # loads the AWS SDK for all three
    with ThreadPoolExecutor(max_workers=2) as pool:
        endpoint = pool.submit(attempt, lambda: gateway.probe_endpoint(choice, left(), log))
        caller = not isinstance(preview, HelperError) and pool.submit(
            attempt, lambda: gateway.identify_caller(choice, left(), log)
        )
        token = attempt(lambda: _find_token(helper, choice, deadline))
        login = token.login() if isinstance(token, TokenFact) else None
        pull, other = None, ""
        status: str | HelperError = ""
        if login or choice.registry.public:
            pull = attempt(lambda: gateway.trace_pull(choice, image, login, left(), log))
        download = _download(helper, choice, pull, deadline)
        last = pull.replies[-1] if pull and not isinstance(pull, HelperError) else None
        if last and last.status == HTTPStatus.NOT_FOUND and last.code == "NAME_UNKNOWN":
            hosts = _list_other_regions(choice, list_registries(helper, asked.result()), helper)
            other = find_host(helper, hosts, image, deadline)
        elif last and last.status == HTTPStatus.NOT_FOUND and not choice.registry.public:
            status = attempt(lambda: gateway.find_image_status(choice, image, left(), log))
        return EcrFacts(
            endpoint=endpoint.result(),
            caller=caller.result() if caller else None,
            machine=asked.result(),
            image=image,
            now=helper.clock(),
            choice=choice,
            preview=preview,
            token=token,
            pull=pull,
            download=download,
            other_host=other,
            image_status=status,
        )


def _find_token(helper: Helper, choice: Choice, deadline: Deadline) -> TokenFact:
    """Return the token that Docker would get. Raises HelperError."""
    hit = helper.find_cached(choice).first
    before = time.monotonic()
    entry = helper.find_token(choice, deadline.left())
    took = round((time.monotonic() - before) * 1000)
    unchanged = hit is not None and hit.entry.written == entry.written
    is_stored = unchanged or helper.find_cached(choice).first is not None
    return TokenFact(entry, hit if unchanged else None, took, is_stored)


def _download(
    helper: Helper, choice: Choice, pull: "PullTrace | HelperError | None", deadline: Deadline
) -> Download | None:
    """Return the first download that fails, or else the last; None where nothing is redirected."""
    if pull is None or isinstance(pull, HelperError):
        return None
    found, platform = None, pull.image_platform
    for redirect in pull.redirects:

        def request(to: "Redirect" = redirect) -> "StorageReply":
            seconds = min(deadline.left(), STORAGE_SECONDS)
            return gateway.request_storage(choice, to, seconds, helper.log)

        reply = attempt(request)
        if not isinstance(reply, HelperError):
            platform = reply.platform or platform
        found = Download(redirect, reply, platform)
        if not found.works:
            break
    return found


def find_host(helper: Helper, hosts: list[str], image: Image, deadline: Deadline) -> str:
    """Return the first of these registries that has the image, or ""."""
    for done, host in enumerate(hosts):
        share = deadline.share(len(hosts) - done)  # one that hangs leaves time for the others
        try:
            choice = helper.choose(host)
            if choice is None:
                continue
            login = _find_token(helper, helper.resolve(choice), share).login()
            there = replace(image, host=host)
            found = gateway.trace_pull(choice, there, login, share.left(), helper.log)
        except HelperError:
            continue  # this registry is only a guess
        if found.replies[-1].status < HTTPStatus.BAD_REQUEST:
            return host
    return ""


def _list_other_regions(choice: Choice, known_hosts: list[str], helper: Helper) -> list[str]:
    """Return the account's registries in other regions that a host, a profile or a variable names.

    First those that are named with the account.
    """
    own = choice.registry
    if not choice.is_ecr_host or own.public:
        return []
    profiles = attempt(lambda: aws.list_profiles(helper.environ))
    pairs = [(at.account, at.region) for at in map(registry.parse, known_hosts) if at]
    if not isinstance(profiles, HelperError):
        pairs += [(profile.account, profile.region) for profile in profiles]
    variables = (helper.environ.get(name, "") for name in ("AWS_REGION", "AWS_DEFAULT_REGION"))
    names = [region for account, region in pairs if account == own.account]
    names += [*variables, *(region for _, region in pairs)]
    names = [name for name in dict.fromkeys(names) if _is_near(name, own.region)]
    return [own.host.replace(f".{own.region}.", f".{name}.") for name in names[:_OTHER_REGIONS]]


def _is_near(region: str, own: str) -> bool:
    """Whether a region is another one of the same partition."""
    suffix = attempt(lambda: regions.dns_suffix(region))
    return region != own and isinstance(suffix, str) and suffix == regions.dns_suffix(own)
