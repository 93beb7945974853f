"""Registries in this process, for the probes."""

from collections.abc import Iterator

import pytest

from tests.world.machine import HOST, Machine
from tests.world.pull_host import PullHost
from tests.world.registry import PUBLIC, STORAGE, RegistryFront, SmallRegistry


@pytest.fixture(name="pull_host")
def _pull_host(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Iterator[PullHost]:
    for name, text in machine.environ.items():
        monkeypatch.setenv(name, text)
    small = SmallRegistry()
    pull_host = PullHost(machine, small, RegistryFront(machine.aws, small))
    machine.server.handler = pull_host.handle
    small.image("team/app", "1")
    yield pull_host
    own = {HOST, PUBLIC, *STORAGE, "images.example.com", "localhost"}
    assert {request.host for request in pull_host.requests} <= own
