"""Facts about `doctor`, `configure` and `password`, with Docker's engine and podman."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.world import engines
from tests.world.broken_setups import WAYS, Way, check_fix
from tests.world.docker_host import DockerHost
from tests.world.engine_host import APP, ELSEWHERE, EngineHost
from tests.world.field_reports import ENGINE
from tests.world.machine import Machine
from tests.world.registry import RegistryFront
from tests.world.web import Authority, Request, Response

pytestmark = pytest.mark.usefixtures("app")


@dataclass
class EngineDockerHost(DockerHost):
    """A host with Docker's engine, and a registry for engines."""

    engine_host: EngineHost | None = None

    def registry(self) -> RegistryFront:
        assert self.engine_host is not None
        return self.engine_host.universe.front

    def handle(self, request: Request) -> Response:
        assert self.engine_host is not None
        return self.instead(request) or self.engine_host.universe.handle(request)

    def publish(self, repository: str, tag: str) -> None:
        assert self.engine_host is not None
        docker = [engines.find("docker"), "--host", self.engine_host.universe.docker_host]
        here, there = f"{ELSEWHERE}/{APP}", f"{ELSEWHERE}/{repository}:{tag}"
        for step in (["pull", here], ["tag", here, there], ["push", there]):
            subprocess.run([*docker, *step], capture_output=True, check=True)


@pytest.fixture(name="docker_host")
def _docker_host(
    engine_host: EngineHost, scripts: Path, authority: Authority
) -> Iterator[EngineDockerHost]:
    universe = engine_host.universe
    program = [str(scripts / "docker-credential-ecrpy")]
    machine = Machine(
        universe.aws, universe.server, authority, engine_host.root, program, engine_host.environ
    )
    host = EngineDockerHost(machine, scripts, engine_host=engine_host)
    machine.environ["PATH"] += f"{os.pathsep}{engines.PATH}"
    yield host
    universe.server.handler = universe.handle
    universe.front.denied.clear()
    universe.front.pull_through.clear()
    universe.front.storage = ""


@pytest.mark.parametrize("way", [*WAYS, *ENGINE.values()], ids=lambda way: way.__name__)
def test_doing_what_doctor_says_makes_docker_pull(docker_host: EngineDockerHost, way: Way) -> None:
    """Each cause is named first, and the pull works after its fix."""
    engine_host = docker_host.engine_host
    assert engine_host is not None
    docker = engines.find("docker")

    def pulls(image: str) -> bool:
        engine_host.forget_image(image)
        return engine_host.run(docker, "pull", image).code == 0

    check_fix(docker_host, way, pulls)
