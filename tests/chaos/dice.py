"""Random episodes: the one that a seed gives."""

import random
from collections.abc import Callable

from tests.chaos.plan import (
    ACTORS,
    ATTACKED,
    ELSEWHERE,
    FAULTS,
    FOLDERS,
    HARMS,
    PUBLIC,
    REWRITES,
    SERVICES,
    STALLED,
    Call,
    Calm,
    Clock,
    Disk,
    Fault,
    Harm,
    Join,
    Life,
    Plan,
    Rewrite,
    Step,
    Wait,
)
from tests.chaos.rivals import Rivals


def generate(seed: int, *, disturbed: bool, users: bool, drives: bool) -> Plan:
    """Return the episode of a seed.

    disturbed: whether its clock and disk are disturbed. users: whether there is a second user.
    drives: whether a drive can stop answering.
    """
    rng = random.Random(seed)
    clock = rng.random() < 0.4 and disturbed
    drag = rng.choice((0, 0, 10, 40)) if disturbed else 0
    units: list[tuple[str, ...]] = [*_UNITS]
    units += [(name,) for name in ATTACKED if users] + [(STALLED,) for _ in range(drives)]
    units = rng.sample(units, 2)
    dice = _Dice(rng, [name for unit in units for name in unit], clock)
    steps: list[Step] = []
    while len(steps) < _STEPS:
        steps += dice.throw()
    logged = tuple(name for name in ACTORS if rng.random() < 0.2)
    latency = rng.choice((20, 100, 300))
    return Plan(seed, rng.randint(4, 6), latency, clock, drag, logged, tuple(steps))


_STEPS = 60
# Actors that share a home or a cache come together, since one may get the other's token.
_UNITS = (
    *(("keys",), ("role",), ("pod",), ("process",), ("rules",)),
    *(("work", "play"), ("tenant-a", "tenant-b")),
    *(("sso",), ("script",), ("program",), ("variables",), ("project",)),
)
_HOUR = 3600
_CLOCKS = (0, 1, -1, 30, -30, _HOUR, -_HOUR, 13 * _HOUR, -13 * _HOUR)


class _Dice(Rivals):
    """Random steps, single ones and useful sequences."""

    def __init__(self, rng: random.Random, actors: list[str], clock: bool) -> None:
        super().__init__(rng, actors)
        self._sides: list[tuple[int, Callable[[], list[Step]]]] = [
            (24, self._gets),
            (6, self._store),
            (4, self._erase),
            (4, lambda: [Call("list", self._actor(), "", self._kill())]),
            (12, self._fault),
            (6, lambda: [Calm()]),
            (3, lambda: [Life(rng.choice((2, 4, 20, 43200)))]),
            (3, self._harm),
            (3, self._rewrite),
            (4, self._disk),
            (6, lambda: [Wait(rng.choice((20, 100, 400, 1500)))]),
            (4, lambda: [Join()]),
            (6, self._stampede),
            (5, self._aging),
            (5, self._login),
            (6, self._damaged),
            (5, self._edited),
            (4, self._crammed),
            (4, self._cleared),
            (5, self._configured),
            (4, self._planted),
            (5, self._suspended),
            (20 if set(actors) & set(ATTACKED) else 0, self._attacked),
            (8 if STALLED in actors else 0, self._stalled),
            (9 if clock else 0, lambda: [Clock(rng.choice(_CLOCKS))]),
            (9 if clock else 0, self._due),
        ]

    def throw(self) -> list[Step]:
        weights = [weight for weight, _ in self._sides]
        ((_, make),) = self._rng.choices(self._sides, weights)
        return make()

    def _gets(self) -> list[Step]:
        actor, host = self._pick_actor_and_host()
        if self._rng.random() < 0.04:
            host = ELSEWHERE
        return self._some(actor, host, self._rng.choice((1, 1, 1, 2, 3)))

    def _store(self) -> list[Step]:
        life = self._rng.choice((-5, 2, 5, 600, 43200, 0))
        return [Call("store", *self._pick_actor_and_host(), self._kill(), life)]

    def _erase(self) -> list[Step]:
        return [Call("erase", *self._pick_actor_and_host(), self._kill())]

    def _fault(self) -> list[Step]:
        if "process" in self._actors and self._rng.random() < 0.15:
            return [Fault("process", "hang")]
        service = self._rng.choices(SERVICES, (12, 2, 3, 3))[0]
        return [Fault(service, self._rng.choice(FAULTS), self._rng.choice((1, 2, 4, 1000)))]

    def _harm(self, actor: str = "", folder: str = "", host: str = "") -> list[Step]:
        folder = folder or self._rng.choices(FOLDERS, (12, 6, 1, 2, 2))[0]
        name = self._rng.choices(HARMS, (2, 2, 2, 2, 2, 1, 2, 1, 2, 3, 1, 1))[0]
        pick, at = self._rng.randrange(1000), self._rng.randrange(4000)
        return [Harm(actor or self._actor(), folder, name, pick, at, host)]

    def _rewrite(self, actor: str = "") -> list[Step]:
        return [Rewrite(actor or self._actor(), self._rng.choice(REWRITES))]

    def _disk(self) -> list[Step]:
        return [Disk(self._rng.random() < 0.6, self._rng.choice((0, 0, 4, 12)))]

    def _stampede(self) -> list[Step]:
        """Return many gets at once without a cached token, while AWS is slow or failing."""
        actor, host = self._pick_actor_and_host()
        steps: list[Step] = [Call("erase", actor, host), Join()]
        if self._rng.random() < 0.6:
            name = self._rng.choice(("hang", "hang", "crawl", "slow", "throttle", "reset"))
            service = "ecr-public" if host == PUBLIC else "ecr"
            steps.append(Fault(service, name, self._rng.choice((1, 2, 1000))))
        return [*steps, *self._some(actor, host, 6, 0.3)]

    def _aging(self) -> list[Step]:
        """Return gets of a token that lives for seconds, at each of its ages."""
        actor, host = self._pick_actor_and_host()
        life = self._rng.choice((2, 3, 4))
        steps: list[Step] = [Call("erase", actor, host), Join(), Calm(), Life(life)]
        for pause in (500, 1000, 1500, life * 500):
            steps += [*self._some(actor, host, 1), Wait(pause)]
        return [*steps, *self._some(actor, host, 2), Life(43200)]

    def _login(self) -> list[Step]:
        """Return a login that is stored, fetched, and perhaps erased, without a pause."""
        actor, host = self._pick_actor_and_host()
        life = self._rng.choice((2, 600, 43200, 0))
        kept = Call("store", actor, host, self._kill(), life)
        steps = [kept, Join(), *self._some(actor, host, 2), *self._harm(actor, "logins", host)]
        steps = [step for step in steps if not isinstance(step, Harm) or self._rng.random() < 0.3]
        if self._rng.random() < 0.5:
            steps += [Call("erase", actor, host, self._kill()), Join()]
        return [*steps, *self._some(actor, host, 1)]

    def _damaged(self) -> list[Step]:
        """Return a get, damage to the files that it wrote, and gets that need them again."""
        actor, host = self._pick_actor_and_host()
        folder = self._rng.choices(("tokens", "registries", "locks"), (8, 2, 1))[0]
        steps: list[Step] = [*self._some(actor, host, 1), Join()]
        if folder == "tokens":
            steps += self._harm(actor, folder, host)
        else:
            # Only a fetch uses the other folders.
            steps += self._harm(actor, folder)
            steps += [Harm(actor, "tokens", "truncate", number, 0) for number in range(2)]
        return [*steps, *self._some(actor, host, 2)]

    def _due(self) -> list[Step]:
        """Return gets of a token past half its life, which AWS may refuse to renew."""
        actor, host = self._pick_actor_and_host()
        steps: list[Step] = [Calm(), *self._some(actor, host, 1), Join(), Clock(7 * _HOUR)]
        if self._rng.random() < 0.7:
            steps += self._fault()
        return [*steps, *self._some(actor, host, 3), Join()]

    def _crammed(self) -> list[Step]:
        """Return gets while the disk is full and nothing else fails."""
        actor, host = self._pick_actor_and_host()
        steps: list[Step] = [Calm(), Call("erase", actor, host), Join()]
        steps += [Disk(full=True, spare=self._rng.choice((0, 4))), *self._some(actor, host, 2)]
        return [*steps, *self._some(*self._pick_actor_and_host(), 1), Join(), Disk(full=False)]

    def _edited(self) -> list[Step]:
        """Return gets while the settings are rewritten."""
        actor, host = self._pick_actor_and_host()
        steps = [*self._some(actor, host, 2), Wait(self._rng.choice((0, 50, 200, 400)))]
        return [*steps, *self._rewrite(actor), *self._some(actor, host, 2)]
