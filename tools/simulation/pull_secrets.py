"""A controller that refreshes one pull secret in each of many namespaces."""

import heapq
from dataclasses import dataclass

from docker_credential_ecrpy.hot.cache import SECOND
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Times
from docker_credential_ecrpy.kubernetes.pull_secrets.schedule import due_at
from docker_credential_ecrpy.tokens.entry import TOKEN_LIFE
from docker_credential_ecrpy.tokens.token import refresh_time
from tools.simulation.aws import INSTANCE, Api, Source
from tools.simulation.fleet import DAY
from tools.simulation.scenarios import BEGIN

NAMESPACES = 5_000
_REQUESTS = 2  # for a refreshed secret: a read and a patch
_START = 60 * SECOND


@dataclass(frozen=True)
class SecretsOutcome:
    """What a day costs.

    requests: to the Kubernetes API. at_start, later: the most that are due in one second of the
    first minute, and of the rest. ecr_requests: of GetAuthorizationToken.
    """

    requests: int
    at_start: int
    later: int
    ecr_requests: int


def play(
    seed: int, *, has_jitter: bool, source: Source = INSTANCE, namespaces: int = NAMESPACES
) -> SecretsOutcome:
    """Return what a controller costs that has one identity, and keeps its token in memory."""
    kubernetes, ecr = Api(), Api()
    token = Times(0, 0, 0)
    events = [(BEGIN, f"{seed} namespace-{number}") for number in range(namespaces)]
    while events:
        now, uid = heapq.heappop(events)
        if (due_at(token, uid) if has_jitter else token.refresh) <= now:
            ecr.ask(now)
            expires = now + TOKEN_LIFE
            _, end = source.issue(BEGIN, now)
            token = Times(now, refresh_time(now, expires, end, 0), expires)
        for _ in range(_REQUESTS):
            kubernetes.ask(now)
        due = max(due_at(token, uid) if has_jitter else token.refresh, now)
        if due < BEGIN + DAY:
            heapq.heappush(events, (due, uid))
    return SecretsOutcome(
        kubernetes.requests,
        kubernetes.peak(BEGIN, BEGIN + _START),
        kubernetes.peak(BEGIN + _START, BEGIN + DAY),
        ecr.requests,
    )
