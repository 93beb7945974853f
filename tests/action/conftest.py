"""Fixtures for the action: a self-hosted machine, its runner, and jobs on it."""

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.world.accounts import A, B, C, profile, rule
from tests.world.aws import Aws
from tests.world.machine import Machine, make_machine
from tests.world.registry import RegistryFront, SmallRegistry
from tests.world.runner import DOCKER_HUB, PLUGIN, Job, Runner, TwoJobs, prepare, read_files
from tests.world.web import Authority, Request, Response, WebServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    reason = "on Windows, ci.yml runs the action itself"
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.tree)
            item.add_marker(pytest.mark.timeout(300))  # the first one waits for pip
            item.add_marker(pytest.mark.skipif(sys.platform == "win32", reason=reason))


@pytest.fixture(scope="session", name="machine")
def _machine(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One self-hosted machine for all jobs, and the loopback AWS."""
    aws, small = Aws(), SmallRegistry()
    front = RegistryFront(aws, small)
    small.image("team/app", "1")

    def handle(request: Request) -> Response:
        return (front if ".dkr" in request.host else aws).handle(request)

    with WebServer(handle, authority=authority) as server:
        machine = make_machine(aws, server, authority, tmp_path_factory.mktemp("machine"))
        machine.environ["PATH"] = os.defpath
        docker = machine.home / ".docker"
        for name in (PLUGIN, "buildx/instances/builder", "contexts/meta/x/meta.json", "ca.pem"):
            machine.file(f"home/.docker/{name}", name, 0o755)
        (docker / "config.json").write_text(json.dumps({"auths": DOCKER_HUB}))
        machine.settings(rule(C, profile="third"))
        machine.config(profile("third", aws.user("third", C)))
        (docker / "config.json.2026-01-01T00-00-00Z.bak").write_text("old")
        yield machine


@pytest.fixture(scope="session", name="runner")
def _runner(machine: Machine, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return Runner(machine.environ, wheel, tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session", name="jobs")
def _jobs(runner: Runner, machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> TwoJobs:
    root = tmp_path_factory.mktemp("two jobs' work")  # with a blank and a quote
    before = read_files(machine.home)
    aws = machine.aws
    first = runner.start(root / "first", aws.user("first", A), root / "_temp")
    second = runner.start(root / "second", aws.user("second", B), root / "_temp")
    for name in ("json", "pip", "secrets", "venv"):  # modules of the job's own repository
        (first.root / f"{name}.py").write_text("raise SystemExit('the job')")
    with ThreadPoolExecutor(2) as pool:
        started = [
            pool.submit(first.use),
            pool.submit(second.use, registries=f"{B}@eu-west-1", version=runner.version),
        ]
        for each in started:
            assert each.result().code == 0, each.result().log
    return TwoJobs(first, second, before)


@pytest.fixture(name="job")
def _job(runner: Runner, machine: Machine, jobs: TwoJobs, tmp_path: Path) -> Job:
    """A job that has used the action before, with nothing configured: it need not install again."""
    return prepare(runner.start(tmp_path / "job", machine.aws.user("dev", A)), jobs.first)
