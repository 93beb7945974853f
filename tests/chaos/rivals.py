"""Random sequences of steps in which processes, programs and users meet at one file."""

import random
from dataclasses import replace

from tests.chaos.plan import (
    ATTACKED,
    ATTACKS,
    DRIVES,
    EU,
    FOLDERS,
    FOREIGN,
    OPERATIONS,
    OTHER,
    PRIVATE,
    PUBLIC,
    STALLED,
    US,
    Attack,
    Call,
    Calm,
    Join,
    Login,
    Plant,
    Stall,
    Step,
    Wait,
)

_DISK_CALLS = 160
"""More than the disk calls of a cached get, fewer than those of a fetch."""


class Rivals:
    """The sequences, for these actors, and the parts that all sequences are made of."""

    def __init__(self, rng: random.Random, actors: list[str]) -> None:
        self._rng = rng
        self._actors = actors
        self._hosts = [US, US, US, EU, EU, OTHER, OTHER, PUBLIC]

    def _actor(self) -> str:
        return self._rng.choice(self._actors)

    def _pick_actor_and_host(self) -> tuple[str, str]:
        actor = self._actor()
        hosts = [*self._hosts, PRIVATE, PRIVATE] if actor == "rules" else self._hosts
        return actor, self._rng.choice(hosts)

    def _kill(self, share: float = 0.15) -> int:
        # A cached answer takes tens of milliseconds, one from AWS half a second or more.
        return self._rng.choice((8, 25, 60, 200, 450, 900)) if self._rng.random() < share else 0

    def _some(self, actor: str, host: str, count: int, kills: float = 0.15) -> list[Step]:
        return [Call("get", actor, host, self._kill(kills)) for _ in range(count)]

    def _suspend(self, call: Call, asleep: tuple[int, ...] = (200, 800, 2500, 7000)) -> Call:
        """Return the call, suspended before one of its disk calls."""
        stop = int(self._rng.triangular(1, _DISK_CALLS, 1))
        return replace(call, stop=stop, asleep=self._rng.choice(asleep))

    def _suspended(self) -> list[Step]:
        """Return a suspended process, and others that change what it was about to change."""
        actor, host = self._pick_actor_and_host()
        rng = self._rng
        dead = Call("store", actor, rng.choice((EU, OTHER, host)), life=-5)
        action = rng.choice(("get", "get", "store", "erase", "clear", "configure"))
        first = Call(action, actor, US if action == "configure" else host)
        steps: list[Step] = [dead, Join(), self._suspend(first), Wait(rng.choice((100, 400, 1000)))]
        for _ in range(rng.choice((1, 2))):
            steps += [Call(rng.choice(("store", "erase", "clear")), actor, host, 0, 600), Join()]
        return [*steps, *self._some(actor, host, 2, 0), Wait(400), *self._some(actor, host, 1, 0)]

    def _cleared(self) -> list[Step]:
        """Return gets while their tokens are cleared, and gets afterwards."""
        actor, host = self._pick_actor_and_host()
        rng = self._rng
        action, at = rng.choice((("clear", host), ("clear", ""), ("erase", host), ("clear", host)))
        gets = [Call("get", actor, host) for _ in range(2)]
        if rng.random() < 0.5:
            gets = [self._suspend(each, (400, 800, 1500)) for each in gets]
        steps: list[Step] = [*gets, Wait(rng.choice((0, 100, 300, 500, 800)))]
        steps += [Call(action, actor, at) for _ in range(rng.choice((1, 1, 2)))]
        near = rng.choice((host, US, OTHER))
        return [*steps, Join(), *self._some(actor, near, 1), Wait(300), *self._some(actor, host, 1)]

    def _configured(self) -> list[Step]:
        """Return several changes of Docker's file at once; its last backups cover them all."""
        actor, rng = self._actor(), self._rng
        steps: list[Step] = [Join()]
        for _ in range(3):
            action = rng.choice(("configure", "configure", "unconfigure"))
            action = "configure" if actor == "rules" else action  # to remove one removes its rule
            call = Call(action, actor, rng.choice((US, EU, OTHER, PUBLIC)), self._kill(0.1))
            steps.append(self._suspend(call) if rng.random() < 0.2 else call)
            if rng.random() < 0.5:
                steps += [
                    Wait(rng.choice((0, 50, 150, 300))),
                    Login(actor, rng.choice((0, 5, 100))),
                ]
        return [*steps, Join()]

    def _planted(self) -> list[Step]:
        """Return files of another program in the cache's folders, and what may remove them."""
        actor, host = self._pick_actor_and_host()
        folder = self._rng.choices(FOLDERS, (6, 3, 1, 3, 1))[0]
        steps: list[Step] = [*self._some(actor, host, 1, 0), Join()]
        steps += [Plant(actor, folder, name) for name in self._rng.sample(FOREIGN, 2)]
        action = self._rng.choice(("get", "get", "store", "erase", "clear"))
        return [*steps, Call(action, actor, host if action != "clear" else "", 0, 600)]

    def _stalled(self) -> list[Step]:
        """Return actions while a drive does not answer."""
        rng, host = self._rng, self._rng.choice((US, EU))
        operation = rng.choice(OPERATIONS)
        # A second lookup of the same name, or read of the same page, waits in the kernel for the
        # first one, where nothing ends it.
        most = 1 if operation in ("lookup", "read") else 3
        actions = rng.sample(("get", "get", "store", "erase", "list", "clear", "configure"), most)
        steps: list[Step] = [Join(), Stall(STALLED, rng.choice(DRIVES), operation)]
        steps += [Call(name, STALLED, "" if name == "list" else host, 0, 600) for name in actions]
        return [*steps, Join(), Calm(), *self._some(STALLED, host, 1)]

    def _attacked(self) -> list[Step]:
        """Return actions while another user attacks the cache."""
        actors = [name for name in self._actors if name in ATTACKED]
        actor, rng = self._rng.choice(actors), self._rng
        ms = rng.choice((300, 1000, 2500))
        steps: list[Step] = [*self._some(actor, US, 1)] if rng.random() < 0.5 else []
        steps += [Attack(actor, how, ms) for how in rng.sample(ATTACKS, rng.choice((1, 1, 2)))]
        for _ in range(4):
            action = rng.choice(("get", "get", "store", "erase", "clear", "list"))
            host = rng.choice((US, EU)) if action != "list" else ""
            steps += [Call(action, actor, host, self._kill(0.05), 600), Wait(rng.choice((0, 100)))]
        return steps
