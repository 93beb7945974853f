"""The events of one day: needs, calls to AWS with the SDK's attempts, the kubelet's back-off."""

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from docker_credential_ecrpy.aws.session import ATTEMPTS
from docker_credential_ecrpy.hot.cache import SECOND
from tools.simulation.aws import Api
from tools.simulation.demand import Demand, Need
from tools.simulation.helpers import Helper, Machine

DAY = 24 * 3600 * SECOND
# The SDKs' standard mode: a random part of 1 s, then of 2 s, and of 20 s at most.
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
_LONGEST_DELAY = 20
# The kubelet's back-off of a failed pull doubles; its pods are looked at every few seconds.
# https://kubernetes.io/docs/concepts/containers/images/#imagepullbackoff
_FIRST_BACK_OFF, _LONGEST_BACK_OFF, _POD_SYNC = 10, 300, 10

Event = Callable[..., None]
"""A method, which gets the time and its arguments."""


@dataclass
class Client:
    """One machine's containers of one registry.

    plan: the number of the latest plan for its next need; older plans are void. failures: of the
    kubelet's pulls, in a row. again: the images that the kubelet pulls again after a back-off.
    """

    machine: Machine
    registry: str
    demand: Demand
    plan: int = 0
    failures: int = 0
    again: int = 0


@dataclass
class Flight:
    """A process that fetches a token, and the pulls that wait for it.

    attempts: at the present API. has_credentials: whether it needs STS no more.
    """

    waiting: list[tuple[Client, int]]
    has_credentials: bool
    attempts: int = 0

    @property
    def client(self) -> Client:
        """The one that began it."""
        return self.waiting[0][0]


class Fleet:
    """Machines with one helper, before one account's APIs, from `begin` for a day.

    failed: the pulls that got no credentials at first. spared: those that an older token served,
    after AWS refused. Times are in nanoseconds since the epoch (UTC).
    """

    def __init__(self, helper: Helper, ecr: Api, sts: Api, begin: int, seed: str) -> None:
        self.ecr, self.sts = ecr, sts
        self.failed = self.spared = 0
        self._helper = helper
        self._end = begin + DAY
        self._random = random.Random(seed)
        self._events: list[tuple[int, int, Event, tuple[Any, ...]]] = []
        self._number = 0
        self._flights: dict[int, Flight] = {}

    def run(self, clients: Iterable[Client]) -> None:
        """Play the day."""
        for client in clients:
            first = client.demand.first
            if first:
                self._plan(client, first)
            else:
                self._follow(client, client.demand.started)
        while self._events:
            now, _, event, arguments = heapq.heappop(self._events)
            event(now, *arguments)

    def _at(self, when: int, event: Event, *arguments: Any) -> None:
        if when < self._end:
            self._number += 1
            heapq.heappush(self._events, (when, self._number, event, arguments))

    def _follow(self, client: Client, now: int) -> None:
        """Plan the first need from `now` on: a cache answers those before."""
        need = client.demand.next_from(now)
        if need:
            self._plan(client, need)

    def _plan(self, client: Client, need: Need) -> None:
        client.plan += 1
        self._at(need[0], self._begin, client, need[1], client.plan)

    def _begin(self, now: int, client: Client, images: int, plan: int) -> None:
        if client.plan == plan:
            self._need(now, client, images)

    def _need(self, now: int, client: Client, images: int) -> None:
        machine = client.machine
        until = machine.answers.get(client.registry, 0)
        if until > now:
            self._follow(client, until)
            return
        if not machine.keeps:
            machine.kept.clear()
        until = self._helper.find(machine, client.registry, now)
        if until:
            self._serve(client, now, until)
        elif not self._helper.single_flight:
            for _ in range(images):
                self._try(now, Flight([(client, 1)], not machine.source.calls_sts))
        elif id(machine) in self._flights:
            self._flights[id(machine)].waiting.append((client, images))
        else:
            flight = Flight([(client, images)], not machine.source.calls_sts)
            self._flights[id(machine)] = flight
            self._try(now, flight)

    def _serve(self, client: Client, now: int, until: int) -> None:
        client.failures = 0
        end = client.machine.answer(client.registry, now, until)
        self._follow(client, end if client.machine.keeps else now + 1)

    # --- AWS ----------------------------------------------------------------------------------

    def _try(self, now: int, flight: Flight) -> None:
        if not flight.has_credentials:
            if not self.sts.ask(now):
                self._try_again(flight, now)
                return
            flight.has_credentials, flight.attempts = True, 0
        if not self.ecr.ask(now):
            self._try_again(flight, now)
            return
        self._flights.pop(id(flight.client.machine), None)
        until = self._helper.keep(flight.client.machine, flight.client.registry, now)
        for client, _ in flight.waiting:
            self._serve(client, now, until)

    def _try_again(self, flight: Flight, now: int) -> None:
        flight.attempts += 1
        if flight.attempts < ATTEMPTS:
            longest = min(2 ** (flight.attempts - 1), _LONGEST_DELAY)
            delay = int(self._random.random() * longest * SECOND)
            self._at(now + delay, self._try, flight)
            return
        self._flights.pop(id(flight.client.machine), None)
        until = self._helper.fall_back(flight.client.machine, now)
        for client, images in flight.waiting:
            if until:
                self.spared += images
                self._serve(client, now, until)
            else:
                self._fail(client, images, now)

    def _fail(self, client: Client, images: int, now: int) -> None:
        self.failed += images
        if not client.machine.has_kubelet:
            self._follow(client, now + 1)
            return
        client.again += images
        if client.again > images:
            return  # the other images of this need failed, too
        seconds = min(_FIRST_BACK_OFF * 2**client.failures, _LONGEST_BACK_OFF)
        client.failures += 1

        delay = int((seconds + self._random.random() * _POD_SYNC) * SECOND)
        self._at(now + delay, self._pull_again, client)

    def _pull_again(self, now: int, client: Client) -> None:
        images, client.again = client.again, 0
        self._need(now, client, images)
