"""The fleets that are simulated, and what their machines pull."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from docker_credential_ecrpy.hot.cache import SECOND
from docker_credential_ecrpy.tokens.token import jitter
from tools.simulation.aws import BUCKET, HOUR, INSTANCE, QUOTA, ROLE, Rate, Source
from tools.simulation.demand import Demand, Pattern
from tools.simulation.fleet import DAY, Client
from tools.simulation.helpers import AwsPlugin, GoKeying, Helper, Machine, Ours

MINUTE = 60 * SECOND
BEGIN = 20_000 * DAY
"""The midnight at which the day begins, in nanoseconds since the epoch (UTC)."""
_MANY = 1_000  # machines; a larger fleet is hopeless at the lower of the rates

GO, PLUGIN = "Go helper's keying", "AWS's kubelet plugin"
WITHOUT, WITH = "ours, without jitter", "ours"
HELPERS: dict[str, Helper] = {
    GO: GoKeying(),
    PLUGIN: AwsPlugin(),
    WITHOUT: Ours(has_jitter=False),
    WITH: Ours(has_jitter=True),
}

# A node pulls its images of the account's registry, and those of the cluster's add-ons.
ADD_ONS = Pattern(first=4)
STEADY = Pattern(first=6, every=10 * MINUTE)
BUSY = Pattern(
    first=6,
    every=10 * MINUTE,
    rollouts=(6 * HOUR + 30 * MINUTE, 13 * HOUR, 19 * HOUR),
    spread=MINUTE,
)
JOBS = Pattern(first=6, every=10 * MINUTE, job=5 * MINUTE)
RUNNER = Pattern(first=0, every=10 * MINUTE, job=HOUR, images=4)


@dataclass(frozen=True)
class Scenario:
    """A fleet. Times are in nanoseconds.

    starts: within which time its machines start. restart: when all kubelets restart, since the
    day's begin, within a minute; 0 for never: then each restarts once, at random.
    """

    title: str
    machines: int
    patterns: dict[str, Pattern]
    starts: int = 10 * SECOND
    source: Source = INSTANCE
    restart: int = 0
    has_kubelet: bool = True
    keeps: bool = True

    @property
    def rate(self) -> Rate:
        """The rate of GetAuthorizationToken at which it is throttled: of AWS's two, one."""
        return QUOTA if self.machines > _MANY else BUCKET

    @property
    def helpers(self) -> dict[str, Helper]:
        """The helpers that can serve it, by name."""
        if self.has_kubelet:
            return HELPERS
        return {name: helper for name, helper in HELPERS.items() if name != PLUGIN}

    def build(self, seed: str) -> Iterator[Client]:
        """Yield its clients: the same for each helper with the same seed."""
        source = random.Random(f"{seed} {self.title}")
        for number in range(self.machines):
            started = BEGIN + int(source.random() * self.starts)
            within = source.random()
            restart = self.restart + within * MINUTE if self.restart else within * DAY
            machine = Machine(
                jitter(f"{seed} {number}"),
                self.source,
                started,
                (BEGIN + int(restart),),
                self.has_kubelet,
                self.keeps,
            )
            for registry, pattern in self.patterns.items():
                yield Client(machine, registry, Demand(pattern, BEGIN, started, source))


def _node(pattern: Pattern) -> dict[str, Pattern]:
    return {"account": pattern, "add-ons": ADD_ONS}


SCENARIOS = (
    Scenario("1,000 nodes, upgraded within 4 hours", 1_000, _node(STEADY), 4 * HOUR),
    Scenario("1,000 nodes, started at once", 1_000, _node(BUSY), restart=16 * HOUR),
    Scenario("10,000 nodes, upgraded within 4 hours", 10_000, _node(STEADY), 4 * HOUR),
    Scenario("10,000 nodes, started at once, a job on each every 5 minutes", 10_000, _node(JOBS)),
    Scenario(
        "10,000 nodes, the same, with a role's sessions of one hour",
        10_000,
        _node(JOBS),
        source=ROLE,
    ),
    Scenario(
        "1,000 CI runners, a new one for each job, with a role",
        1_000,
        {"account": RUNNER},
        source=ROLE,
        has_kubelet=False,
        keeps=False,
    ),
    Scenario(
        "1,000 CI runners that keep their cache", 1_000, {"account": RUNNER}, has_kubelet=False
    ),
)
