"""A campaign: random failures of AWS and of the API, other writers, kills, and two replicas.

Whatever happens, no login of others is lost, no Secret gets a value that is no token, and its UID
stays. When the failures end, every Secret is fresh within a bounded time.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kubernetes", reason="the extra `kubernetes` is not installed")

from tests.world.aws import refuse, reset
from tests.world.hosts import HOST
from tests.world.kube.controller import Controller
from tests.world.kube.patches import merge
from tests.world.kube.server import KubeApi
from tests.world.kube.status import ApiError
from tests.world.kube.store import Event, Resource
from tests.world.machine import Machine
from tests.world.pull_secrets import auths, docker_secret

pytestmark = pytest.mark.tree  # the standalone programs have no Kubernetes client

SECRETS = Resource("secrets", "Secret")
NAMESPACES = Resource("namespaces", "Namespace")
MERGE = "application/merge-patch+json"
SECONDS = float(os.environ.get("CAMPAIGN_SECONDS", "15"))
SEEDS = [int(each) for each in os.environ.get("CAMPAIGN_SEEDS", "1 2").split()]
CONVERGENCE = 45.0
"""Seconds until everything is fresh again; the longest pause between two tries is 30 s."""


class Campaign:
    """Disturbs a cluster, and follows every write of a Secret."""

    def __init__(self, api: KubeApi, machine: Machine, dice: random.Random) -> None:
        self.api, self.machine, self.dice = api, machine, dice
        self.own: set[int] = set()  # the versions that the campaign itself has written
        self.ended: set[str] = set()  # the UIDs of the Secrets that it has deleted
        self.wrong: list[str] = []
        self.stale = ""
        self.lock = threading.RLock()

    def disturb(self) -> None:
        """Do one random thing."""
        names = [
            *("aws_fails", "aws_works", "api_fails", "edit", "delete", "add_namespace"),
            *("end_namespace", "compact", "end_watches"),
        ]
        with suppress(ApiError):  # what it meant is gone
            getattr(self, self.dice.choice(names))()

    def aws_fails(self) -> None:
        fault = self.dice.choice([refuse("ServerException", status=500), reset()])
        self.machine.aws.faults["ecr"] = fault

    def aws_works(self) -> None:
        self.machine.aws.faults.clear()

    def api_fails(self) -> None:
        code = self.dice.choice([0, 409, 429, 500, 503])
        verb = self.dice.choice(["get", "create", "patch", "list", "watch"])
        headers = {"Retry-After": "1"} if code == 429 else {}
        times = self.dice.randint(1, 4)
        self.api.fail(code, verb=verb, resource="secrets", times=times, headers=headers)

    def edit(self) -> None:
        """Another writer adds a login of its own, and sometimes spoils ours."""
        namespace = self.dice.choice(self.namespaces())

        def change(old: dict[str, Any]) -> dict[str, Any]:
            logins = auths(old)
            logins[f"other-{self.dice.randint(0, 9)}.example.com"] = {"auth": "b3RoZXI6eA=="}
            if self.dice.random() < 0.5:
                logins.pop(HOST, None)
            new = merge(old, {"data": docker_secret({"auths": logins})["data"]})
            assert isinstance(new, dict)
            return new

        with self.lock, self.api.store.changed:
            written = self.api.store.change(SECRETS, (namespace, "ecr"), change)
            self.own.add(int(written["metadata"]["resourceVersion"]))

    def delete(self) -> None:
        namespace = self.dice.choice(self.namespaces())
        with self.lock, self.api.store.changed:
            self.note_end(namespace)
            self.api.store.delete(SECRETS, (namespace, "ecr"), {})

    def note_end(self, namespace: str) -> None:
        """Note that the campaign itself deletes the Secret that is there."""
        if found := self.api.store.get("secrets", namespace, "ecr"):
            self.ended.add(found["metadata"]["uid"])

    def add_namespace(self) -> None:
        self.api.store.add_namespace(f"team-{self.dice.randint(0, 10**9)}")

    def end_namespace(self) -> None:
        names = self.namespaces()
        if len(names) < 3:
            return
        name = self.dice.choice(names)
        with self.lock, self.api.store.changed:
            self.api.store.delete(NAMESPACES, ("", name), {})
            self.note_end(name)
            self.api.store.finish_namespace(name)

    def compact(self) -> None:
        with self.api.store.changed:
            self.check()  # before the events are forgotten
            self.api.store.compact()

    def end_watches(self) -> None:
        self.api.ending.set()
        time.sleep(0.3)
        self.api.ending.clear()

    def namespaces(self) -> list[str]:
        with self.api.store.changed:
            found = self.api.store.names("namespaces")
        return [name for name in found if name.startswith("team-")]

    def check(self) -> None:
        """Look at each write of a Secret that was not the campaign's own."""
        last: dict[str, Event] = {}
        with self.lock, self.api.store.changed:
            events = [one for one in self.api.store.events if one.resource == "secrets"]
            issued = set(self.machine.aws.issued)
        for one in events:
            namespace = one.object["metadata"]["namespace"]
            before = last.get(namespace)
            last[namespace] = one
            if one.version in self.own:
                continue
            if one.kind == "DELETED":
                if one.object["metadata"]["uid"] not in self.ended:
                    self.wrong.append(f"{namespace} was deleted")
                continue
            if auths(one.object).get(HOST, {}).get("password") not in issued:
                self.wrong.append(f"{namespace} got a value that is no token")
            if before is None or before.kind == "DELETED":
                continue
            if before.object["metadata"]["uid"] != one.object["metadata"]["uid"]:
                self.wrong.append(f"{namespace} has another UID")
            lost = {key for key in auths(before.object) if key != HOST} - set(auths(one.object))
            if lost:
                self.wrong.append(f"{namespace} lost {lost}")

    def is_fresh(self) -> bool:
        """Whether every Secret has a token that is still valid."""
        now = time.time()
        for namespace in self.namespaces():
            found = self.api.store.get("secrets", namespace, "ecr")
            password = auths(found).get(HOST, {}).get("password") if found else None
            token = self.machine.aws.issued.get(str(password))
            if token is None or token.expires <= now:
                self.stale = namespace
                return False
        return True


@pytest.fixture(name="api")
def _api(open_api: Callable[..., KubeApi]) -> Iterator[KubeApi]:
    with open_api() as api:
        for number in range(3):
            api.store.add_namespace(f"team-{number}")
        yield api


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.timeout(300 + 2 * SECONDS)
def test_a_campaign(api: KubeApi, machine: Machine, tmp_path: Path, seed: int) -> None:
    """Two replicas; one is killed now and then, and started again."""
    machine.login()
    machine.aws.token_life = 8
    dice = random.Random(seed)
    campaign = Campaign(api, machine, dice)
    with ExitStack() as stack:
        arguments = ("--namespace", "team-*")
        pair = [stack.enter_context(Controller(api, machine, tmp_path, *arguments)) for _ in "ab"]
        pair[0].wait(campaign.is_fresh)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            campaign.disturb()
            time.sleep(dice.random() * 0.5)
            if dice.random() < 0.03:
                pair[1].process.kill()
                pair[1] = stack.enter_context(Controller(api, machine, tmp_path, *arguments))
        campaign.aws_works()
        api.faults.clear()
        end = time.monotonic() + CONVERGENCE
        while not campaign.is_fresh():
            assert time.monotonic() < end, (campaign.stale, pair[0].said, pair[1].said)
            time.sleep(0.1)
        campaign.check()
        said = [line for one in pair for line in one.said]

    assert campaign.wrong == []
    assert not [line for line in said if "unexpected" in line or "Traceback" in line]
