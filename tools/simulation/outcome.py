"""One row of the results: a fleet with one helper, without limits and at AWS's documented rates."""

from dataclasses import dataclass

from docker_credential_ecrpy.hot.cache import SECOND
from tools.simulation.aws import STS_QUOTA, UNLIMITED, Api, Rate
from tools.simulation.fleet import DAY, Fleet
from tools.simulation.helpers import Helper
from tools.simulation.scenarios import BEGIN, HELPERS, Scenario

_START = 1800 * SECOND
"""How long the start of a fleet takes; the peak after it is that of the refreshes."""


@dataclass(frozen=True)
class Outcome:
    """What a day costs.

    requests, at_start, later: of GetAuthorizationToken, and the most in one second of the first
    half hour, and of the rest. sts_requests, sts_peak: the same of STS, for the whole day. These
    are without limits. With the scenario's rates: throttled: requests to both; failed: pulls that
    get no credentials at first; spared: those that an older token serves.
    """

    requests: int
    at_start: int
    later: int
    sts_requests: int
    sts_peak: int
    throttled: int
    failed: int
    spared: int


def play(scenario: Scenario, name: str, seed: int) -> Outcome:
    """Return what the helper of that name costs. The same seed gives the same outcome."""
    helper = HELPERS[name]
    free = _run(scenario, helper, UNLIMITED, UNLIMITED, seed)
    limited = _run(scenario, helper, scenario.rate, STS_QUOTA, seed)
    return Outcome(
        free.ecr.requests,
        free.ecr.peak(BEGIN, BEGIN + _START),
        free.ecr.peak(BEGIN + _START, BEGIN + DAY),
        free.sts.requests,
        free.sts.peak(BEGIN, BEGIN + DAY),
        limited.ecr.throttled + limited.sts.throttled,
        limited.failed,
        limited.spared,
    )


def _run(scenario: Scenario, helper: Helper, ecr: Rate, sts: Rate, seed: int) -> Fleet:
    fleet = Fleet(helper, Api(ecr), Api(sts), BEGIN, f"{seed}")
    fleet.run(scenario.build(f"{seed}"))
    return fleet
