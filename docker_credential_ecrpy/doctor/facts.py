"""What `doctor` looks at, gathered once, all of it within one deadline."""

import difflib
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http import HTTPStatus

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.docker import credential_lookup
from docker_credential_ecrpy.docker.config import DockerConfig, Login
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.doctor.machine import Machine, attempt
from docker_credential_ecrpy.doctor.probes import gateway
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.cache import Entry
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.tokens.lookup import CacheHit
from docker_credential_ecrpy.tokens.token import login_in_reply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.doctor.probes.aws import CallerIdentity, EndpointProbe, Preview
    from docker_credential_ecrpy.doctor.probes.pull import PullTrace

_ELSEWHERE = 3  # other regions that an image is looked for in


@dataclass(frozen=True)
class TokenFact:
    """What answers for a registry.

    kept: where it was already; None where AWS was asked now. stays: whether the next one who
    asks finds it there.
    """

    entry: Entry
    kept: CacheHit | None
    milliseconds: int
    stays: bool

    def login(self) -> tuple[str, str]:
        """Return user name and password."""
        return login_in_reply(self.entry.reply)


@dataclass(frozen=True)
class NetworkFacts:
    """What is found out by asking. None: not asked, since what it needs is not there."""

    outlook: "Preview | HelperError | None" = None
    reach: "EndpointProbe | HelperError | None" = None
    caller: "CallerIdentity | HelperError | None" = None
    token: "TokenFact | HelperError | None" = None
    visit: "PullTrace | HelperError | None" = None
    elsewhere: str = ""
    """Another region's host that has the image which the registry does not know."""
    near_regions: list[str] | None = None
    """Where botocore knows no such region: those that may be meant, nearest first."""


@dataclass(frozen=True)
class Facts:
    """All that the checks look at, for one registry, or with an empty host for none.

    choice: None where the host is not ECR's. now: nanoseconds since the epoch (UTC).
    sent: what the registry says to the login that Docker sends, where that is not ours to give.
    """

    machine: Machine
    image: Image
    now: int
    choice: Choice | HelperError | None
    network: NetworkFacts
    sent: "PullTrace | HelperError | None" = None

    @property
    def host(self) -> str:
        """The registry's host, with its port where that is none of ECR's own, or ""."""
        return self.image.host

    @property
    def is_ecrs(self) -> bool:
        """Whether the host is one of ECR's, even where our settings make no sense."""
        return self.choice is not None or registry.parse(self.host) is not None

    @property
    def mechanism(self) -> credential_lookup.CredentialSource | None:
        """Where Docker gets the credentials; None where its file cannot be read."""
        config = self.machine.config
        if not isinstance(config, DockerConfig):
            return None
        return credential_lookup.lookup_credentials(
            self.host, config, self.machine.heeded, self.machine.default_store
        )

    @property
    def works(self) -> bool:
        """Whether the registry takes the token that this program gives."""
        visit = self.network.visit
        if visit is None or isinstance(visit, HelperError):
            return False
        return visit.replies[0].status == HTTPStatus.OK

    def refusal(self, login: Login | None) -> int:
        """Return the status with which the registry refuses a login, or 0 where it may not."""
        if login and login.expires is not None and login.expires <= self.now:
            return HTTPStatus.FORBIDDEN
        found = self.mechanism
        if self.sent is None or isinstance(self.sent, HelperError):
            return 0
        if found is None or login is None or found.login != login:
            return 0
        status = self.sent.replies[-1].status
        return status if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) else 0


def local_facts(machine: Machine, image: Image) -> Facts:
    """Return those facts of a registry or an image that nobody has to be asked for."""
    machine.look()
    choice = _choice(machine, image)
    return Facts(machine, image, machine.helper.clock(), choice, NetworkFacts())


def _choice(machine: Machine, image: Image) -> Choice | HelperError | None:
    helper = machine.helper
    choice: Choice | HelperError | None = None
    if image.host and not isinstance(machine.settings, HelperError):
        choice = attempt(lambda: helper.choose(image.host))
    if isinstance(choice, Choice):
        chosen = choice
        choice = attempt(lambda: helper.resolve(chosen))
    return choice


def gather_facts(machine: Machine, image: Image) -> Facts:
    """Return the facts of a registry or an image. Never raises HelperError: that is a fact, too."""
    choice = _choice(machine, image)
    with ThreadPoolExecutor(max_workers=1) as pool:  # programs of this machine may hang, too
        looking = pool.submit(machine.look)
        network = _ask(machine, choice, image) if isinstance(choice, Choice) else NetworkFacts()
        looking.result()
    facts = Facts(machine, image, machine.helper.clock(), choice, network)
    return replace(facts, sent=_sent(facts))


def _sent(facts: Facts) -> "PullTrace | HelperError | None":
    """Return what the registry says to the login that Docker sends in place of asking us."""
    login = facts.mechanism.login if facts.mechanism else None
    choice = facts.choice
    if login is None or facts.refusal(login) or not isinstance(choice, Choice):
        return None
    pair = login.username, login.password
    alone = Image(facts.host)
    return attempt(lambda: _visit(facts.machine, choice, alone, pair))


def _ask(machine: Machine, choice: Choice, image: Image) -> NetworkFacts:
    """Ask the endpoint, STS, and ECR and the registry, all three at once."""
    log = machine.helper.log
    outlook = attempt(
        lambda: gateway.preview(choice, machine.left(), log)
    )  # loads boto3 for all three
    with ThreadPoolExecutor(max_workers=3) as pool:
        reach = pool.submit(attempt, lambda: gateway.probe_endpoint(choice, machine.left(), log))
        caller = None
        if not isinstance(outlook, HelperError):
            caller = pool.submit(
                attempt, lambda: gateway.identify_caller(choice, machine.left(), log)
            )
        token = attempt(lambda: _token(machine, choice))
        login = token.login() if isinstance(token, TokenFact) else None
        visit = None
        if login or choice.registry.public:
            visit = attempt(lambda: _visit(machine, choice, image, login))
        elsewhere = ""
        if visit is not None and not isinstance(visit, HelperError) and _is_unknown(visit):
            elsewhere = _elsewhere(machine, choice, image)
        asked = caller.result() if caller else None
        near = None if isinstance(outlook, HelperError) else _near_regions(choice)
        return NetworkFacts(outlook, reach.result(), asked, token, visit, elsewhere, near)


def _near_regions(choice: Choice) -> list[str] | None:
    region, known_ones = choice.registry.region, regions.list_regions(choice.registry.service)
    if choice.registry.public or region in known_ones:
        return None
    return difflib.get_close_matches(region, known_ones, n=2)


def _token(machine: Machine, choice: Choice) -> TokenFact:
    """Return the token that Docker would get. Raises HelperError."""
    helper = machine.helper
    found = helper.find_cached(choice).first
    before = time.monotonic()
    entry = helper.find_token(choice, machine.left())
    took = round((time.monotonic() - before) * 1000)
    as_it_was = found is not None and found.entry.written == entry.written
    stays = as_it_was or helper.find_cached(choice).first is not None
    return TokenFact(entry, found if as_it_was else None, took, stays)


def _visit(
    machine: Machine, choice: Choice, image: Image, login: tuple[str, str] | None
) -> "PullTrace":
    return gateway.trace_pull(choice, image, login, machine.left(), machine.helper.log)


def _is_unknown(visit: "PullTrace") -> bool:
    """Whether the registry has no such repository."""
    last = visit.replies[-1]
    return last.status == HTTPStatus.NOT_FOUND and last.code == "NAME_UNKNOWN"


def _elsewhere(machine: Machine, choice: Choice, image: Image) -> str:
    """Return the registry of the same account in another region that has the image, or ""."""
    for host in _other_regions(machine, choice):
        try:
            other = machine.helper.choose(host)
            if other is None:
                continue
            login = _token(machine, other).login()
            found = _visit(machine, other, replace(image, host=host), login)
        except HelperError:
            continue  # it is only a guess
        if found.replies[-1].status < HTTPStatus.BAD_REQUEST:
            return host
    return ""


def _other_regions(machine: Machine, choice: Choice) -> Iterable[str]:
    """Return the registries of the account in the regions that this machine knows of."""
    own = choice.registry
    if not choice.is_ecr_host or own.public:
        return []
    regions = [machine.environ.get(name, "") for name in ("AWS_REGION", "AWS_DEFAULT_REGION")]
    found = (registry.parse(host) for host in machine.registries())
    regions += [other.region for other in found if other and other.account == own.account]
    hosts = [own.host.replace(f".{own.region}.", f".{region}.") for region in regions if region]
    return list(dict.fromkeys(host for host in hosts if host != own.host))[:_ELSEWHERE]
