"""What each helper keeps on a machine, and when it calls AWS.

`Machine` has what they share: the kubelet's own cache, which a restart of the kubelet empties, and
the credentials. A helper says until when a cached token answers, and stores those it fetches.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Protocol

from docker_credential_ecrpy.tokens.broker import RETRY_AFTER
from docker_credential_ecrpy.tokens.entry import TOKEN_LIFE
from docker_credential_ecrpy.tokens.token import refresh_time
from tools.simulation.aws import Source

FOREVER = 1 << 62


@dataclass
class Machine:
    """A machine. Times are in nanoseconds.

    jitter: of its refreshes, as `refresh_time` takes it. booted: its start. restarts: of its
    kubelet, in order. has_kubelet: whether the kubelet asks the helper, and keeps its answers.
    keeps: whether its disk lasts beyond one job. kept: the helper's cache. answers: the ends of
    those that the kubelet keeps, by registry.
    """

    jitter: float
    source: Source
    booted: int
    restarts: tuple[int, ...] = ()
    has_kubelet: bool = True
    keeps: bool = True
    kept: dict[object, tuple[int, int]] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)

    def answer(self, registry: str, now: int, end: int) -> int:
        """Keep an answer until `end`, or the kubelet's restart; return that time."""
        if not self.has_kubelet:
            return end
        at = bisect_right(self.restarts, now)
        end = min(end, self.restarts[at] if at < len(self.restarts) else FOREVER)
        self.answers[registry] = end
        return end


class Helper(Protocol):
    """A helper's caches. Times are in nanoseconds since the epoch (UTC)."""

    single_flight: bool
    """Whether one call serves all that wait for a token on a machine."""

    def find(self, machine: Machine, registry: str, now: int) -> int:
        """Return until when a cached token answers; 0 for none: then AWS is called."""

    def keep(self, machine: Machine, registry: str, now: int) -> int:
        """Keep the token that was fetched at `now`; return until when it answers."""

    def fall_back(self, machine: Machine, now: int) -> int:
        """Return until when an older token answers, after a failure; 0 for none."""


class AwsPlugin:
    """AWS's ecr-credential-provider: no cache of its own, and a call for each image."""

    single_flight = False

    def find(self, _machine: Machine, _registry: str, _now: int) -> int:
        return 0

    def keep(self, _machine: Machine, _registry: str, now: int) -> int:
        return now + TOKEN_LIFE // 2

    def fall_back(self, _machine: Machine, _now: int) -> int:
        return 0


class GoKeying:
    """The Go helper's cache: by registry and access key, until half of the token's life."""

    single_flight = False

    def find(self, machine: Machine, registry: str, now: int) -> int:
        key, _ = machine.source.issue(machine.booted, now)
        until, _ = machine.kept.get((registry, key), (0, 0))
        return self._end(machine, now, until) if until > now else 0

    def keep(self, machine: Machine, registry: str, now: int) -> int:
        key, _ = machine.source.issue(machine.booted, now)
        until = now + TOKEN_LIFE // 2
        if not machine.source.calls_sts:  # such a key is never seen again
            machine.kept[registry, key] = (until, until)
        return self._end(machine, now, until)

    def fall_back(self, _machine: Machine, _now: int) -> int:
        return 0

    def _end(self, machine: Machine, now: int, until: int) -> int:
        """Return when the next call may come: with the next access key, if the helper is asked."""
        if machine.has_kubelet:
            return until
        return min(until, machine.source.next_key(machine.booted, now))


class Ours:
    """This project's cache: by identity and region, with this project's refresh times."""

    single_flight = True

    def __init__(self, *, has_jitter: bool) -> None:
        self._has_jitter = has_jitter

    def find(self, machine: Machine, _registry: str, now: int) -> int:
        until, _ = machine.kept.get("", (0, 0))
        return until if until > now else 0

    def keep(self, machine: Machine, _registry: str, now: int) -> int:
        expires = now + TOKEN_LIFE
        _, end = machine.source.issue(machine.booted, now)
        until = refresh_time(now, expires, end, machine.jitter if self._has_jitter else 0)
        machine.kept[""] = (until, expires)
        return until

    def fall_back(self, machine: Machine, now: int) -> int:
        _, expires = machine.kept.get("", (0, 0))
        if expires <= now:
            return 0
        until = min(now + RETRY_AFTER, expires)
        machine.kept[""] = (until, expires)
        return until
