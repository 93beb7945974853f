"""Facts about `doctor`, `configure` and `password`, with Docker's engine and podman."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ailments import WAYS, Way, treat
from tests.clinic import Clinic
from tests.e2e import engines
from tests.e2e.conftest import APP, ELSEWHERE, Machine
from tests.stage import Stage
from tests.world.registry import RegistryFront
from tests.world.web import Authority, Request, Response

pytestmark = pytest.mark.usefixtures("app")


@dataclass
class Ward(Clinic):
    """A clinic on a machine with Docker's engine, and a registry that engines use."""

    machine: Machine | None = None

    def registry(self) -> RegistryFront:
        assert self.machine is not None
        return self.machine.universe.front

    def handle(self, request: Request) -> Response:
        assert self.machine is not None
        return self.instead(request) or self.machine.universe.handle(request)

    def publish(self, repository: str, tag: str) -> None:
        assert self.machine is not None
        docker = [engines.find("docker"), "--host", self.machine.universe.docker_host]
        here, there = f"{ELSEWHERE}/{APP}", f"{ELSEWHERE}/{repository}:{tag}"
        for step in (["pull", here], ["tag", here, there], ["push", there]):
            subprocess.run([*docker, *step], capture_output=True, check=True)


@pytest.fixture(name="clinic")
def _clinic(machine: Machine, scripts: Path, authority: Authority) -> Iterator[Ward]:
    universe = machine.universe
    program = [str(scripts / "docker-credential-ecrpy")]
    stage = Stage(universe.aws, universe.server, authority, machine.root, program, machine.environ)
    ward = Ward(stage, scripts, machine=machine)
    stage.environ["PATH"] += f"{os.pathsep}{engines.PATH}"
    yield ward
    universe.server.handler = universe.handle
    universe.front.denied.clear()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_doing_what_doctor_says_makes_docker_pull(clinic: Ward, way: Way) -> None:
    """Whatever was broken before: it is named first, and when it is mended, the pull works."""
    machine = clinic.machine
    assert machine is not None
    docker = engines.find("docker")

    def pulls(image: str) -> bool:
        machine.forget_image(image)
        return machine.run(docker, "pull", image).code == 0

    treat(clinic, way, pulls)
