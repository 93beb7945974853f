"""When the containers of one machine need credentials of one registry."""

import random
from bisect import bisect_left
from dataclasses import dataclass

from docker_credential_ecrpy.hot.cache import SECOND

Need = tuple[int, int]
"""A time (ns since the epoch, UTC), and the number of images that are pulled at once then."""


@dataclass(frozen=True)
class Pattern:
    """What the machines of a fleet pull from one registry. Times are in nanoseconds.

    first: the images that a machine pulls at its start. every: the mean time between two pulls, at
    random, one image each; 0 for none. job: the time between two jobs that start on all machines at
    once, at the clock's multiples of it; 0 for none. rollouts: when a rollout reaches all machines,
    since the start of the day. images: of a job, or of a rollout. spread: within which time the
    machines begin them.
    """

    first: int
    every: int = 0
    job: int = 0
    rollouts: tuple[int, ...] = ()
    images: int = 2
    spread: int = 10 * SECOND


class Demand:
    """The needs of one machine, by a pattern.

    day: when the day begins. started: when the machine does.
    """

    __slots__ = ("_fixed", "_offset", "_pattern", "_random", "started")

    def __init__(self, pattern: Pattern, day: int, started: int, source: random.Random) -> None:
        self.started = started
        self._pattern = pattern
        self._random = source
        self._offset = int(source.random() * pattern.spread)
        self._fixed = [day + at + self._offset for at in pattern.rollouts]

    @property
    def first(self) -> Need | None:
        """The need at the machine's start, if any."""
        return (self.started, self._pattern.first) if self._pattern.first else None

    def next_from(self, now: int) -> Need | None:
        """Return the first need from `now` on, which is no earlier than the machine's start.

        Pulls at random have no memory, so those before `now` need not be known.
        """
        pattern, needs = self._pattern, []
        if pattern.every:
            needs.append((now + int(self._random.expovariate(1 / pattern.every)), 1))
        if pattern.job:
            times = -((self._offset - now) // pattern.job)  # rounded up
            needs.append((times * pattern.job + self._offset, pattern.images))
        at = bisect_left(self._fixed, now)
        if at < len(self._fixed):
            needs.append((self._fixed[at], pattern.images))
        return min(needs, default=None)
