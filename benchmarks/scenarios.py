"""The scenarios: each is a row of a table, each of its programs a cell."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.identities import PROCESS, ROLE, SSO, SSO_SESSION, STATIC, WEB
from benchmarks.programs import BARE, GO, ISOLATED, OURS, SCRIPT, TRUE
from tests.world.machine import HOST

HELPERS = (*OURS, GO)
STARTS = (BARE, ISOLATED, TRUE)
ENTRIES = 10_000
MANY = 64
OTHER_ACCOUNT = f"210987654321{HOST[12:]}"
"""The registry of a second account, in the first one's region."""
SLOWEST = 300
"""Milliseconds; a distant or a busy service."""
CACHED, FIRST, NO_AWS = "A cached get", "A first get", "What needs no AWS"
FULL = f"After the tokens of {ENTRIES:,} other registries"
AT_ONCE = f"{MANY} gets at once"
BUILD = "One classic docker build"


@dataclass(frozen=True)
class Scenario:
    """One row of a table.

    what: a description of the work. host: the registry in the request.
    code: the expected exit code.
    latency: milliseconds of each AWS call, and of a credential_process.
    share: the share of the requested runs that this row gets.
    cold: clear the previous run's cache before each run.
    after: an untimed action before each run, for the first account's registry.
    plain: call AWS at one HTTP address, not by its names over TLS through a proxy.
    rules: the number of rules for accounts in our settings. globs: the number of rules with globs.
    entries: the number of other tokens that were stored before. registries: instead of one action,
    list and a get of so many registries in turn. new: each run asks for another host.
    """

    section: str
    what: str
    identity: str = STATIC
    latency: int = 0
    programs: tuple[str, ...] = HELPERS
    share: float = 1
    action: str = "get"
    host: str = HOST
    code: int = 0
    cold: bool = False
    after: str = ""
    plain: bool = False
    rules: int = 0
    globs: int = 0
    entries: int = 0
    registries: int = 0
    new: bool = False
    at_once: int = 1

    @property
    def title(self) -> str:
        """The row's name: the work, the identity, and AWS's latency."""
        return f"{self.what}, {self.identity}, {self.latency} ms"

    def runs(self, asked: int) -> int:
        """Return how often each program runs if the fastest rows run `asked` times."""
        return max(1, round(asked * self.share))

    @property
    def slow(self) -> bool:
        """Whether `--quick` leaves it out."""
        return self.latency == SLOWEST or (self.at_once > 1 and self.programs == (SCRIPT,))


def _cached() -> Iterator[Scenario]:
    get = "cached get"
    yield Scenario(CACHED, get, programs=(*HELPERS, SCRIPT, *STARTS))
    yield Scenario(CACHED, f"{get}, by Bazel", programs=(*OURS, BARE), host=f'{{"uri":"{HOST}"}}')
    yield Scenario(CACHED, f"{get}, 200 rules", programs=(*OURS, BARE), rules=200)
    for latency, share in ((0, 0.5), (80, 0.35), (SLOWEST, 0.15)):
        for identity in (STATIC, ROLE, WEB, SSO, PROCESS):
            if (latency, identity) != (0, STATIC):
                programs = (*HELPERS, SCRIPT)
                yield Scenario(CACHED, get, identity, latency, programs, share)
    yield Scenario(CACHED, get, SSO_SESSION, 80, (*HELPERS, SCRIPT), 0.35)


def _first() -> Iterator[Scenario]:
    get, programs = "first get", (*HELPERS, SCRIPT, BARE)
    yield Scenario(FIRST, get, programs=programs, share=0.5, cold=True)
    yield Scenario(FIRST, f"{get}, over HTTP", programs=programs, share=0.5, cold=True, plain=True)
    for identity in (STATIC, ROLE):
        yield Scenario(FIRST, get, identity, 80, (*HELPERS, SCRIPT), 0.35, cold=True)
    yield Scenario(
        FIRST,
        "get, a second account's registry",
        programs=(*HELPERS, BARE),
        share=0.5,
        host=OTHER_ACCOUNT,
        cold=True,
        after="get",
    )


def _without_aws() -> Iterator[Scenario]:
    foreign = (*HELPERS, BARE, ISOLATED)
    yield Scenario(NO_AWS, "get, not ECR", programs=foreign, host="ghcr.io", code=1)
    for latency in (0, 80):
        yield Scenario(NO_AWS, "list", STATIC, latency, HELPERS, 0.5, "list")


def _full() -> Iterator[Scenario]:
    beside = f"after {ENTRIES:,} others"
    yield Scenario(FULL, f"cached get {beside}", share=0.35, entries=ENTRIES)
    yield Scenario(FULL, f"first get {beside}", share=0.25, entries=ENTRIES, cold=True)
    for action, after in (("list", ""), ("store", ""), ("erase", "store")):
        what = f"{action} {beside}"
        yield Scenario(
            FULL,
            what,
            share=0.25,
            action=action,
            entries=ENTRIES,
            cold=action != "list",
            after=after,
        )


def _at_once() -> Iterator[Scenario]:
    for identity, latency in ((STATIC, 80), (ROLE, 80)):
        for what, cold in (("first", True), ("cached", False)):
            yield Scenario(
                AT_ONCE,
                f"{MANY} {what} gets",
                identity,
                latency,
                share=0.15,
                cold=cold,
                at_once=MANY,
            )
    script = (SCRIPT,)
    yield Scenario(AT_ONCE, f"{MANY} gets", STATIC, 80, script, share=0.05, cold=True, at_once=MANY)


SCENARIOS = (*_cached(), *_without_aws(), *_first(), *_full(), *_at_once())
