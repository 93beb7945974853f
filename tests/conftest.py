"""Fixtures of every test: a world of its own, closed to the real one."""

import os
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from docker_credential_ecrpy.hot import watchdog
from docker_credential_ecrpy.text import secrets
from tests.world import environment
from tests.world.aws import Aws
from tests.world.descriptors import no_leak
from tests.world.docker_host import DockerHost
from tests.world.kube.real.api import RealApi
from tests.world.kube.real.server import RealServer, find_programs
from tests.world.kube.server import KubeApi
from tests.world.late_calls import end_calls
from tests.world.machine import Machine, make_machine
from tests.world.tree import REPOSITORY
from tests.world.web import Authority, WebServer, YouForgotTheLoopback

# No deadlines: the machine's speed is no fact about the code. CI repeats the same examples.
settings.register_profile("ours", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("ours")


class YouForgotToChooseAHome(Exception):
    """A test used the real home directory."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--program", type=Path, help="test this program instead of the tree and its wheel"
    )


def pytest_configure() -> None:
    # A shell's background job ignores SIGINT, which the programs under test would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart() -> None:
    # Before the fixtures of the session and the workers start.
    environment.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--program`, deselect the tests that do not run it."""
    if not config.getoption("program"):
        return
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        runs_it = {"machine", "engine_host"} & set(getattr(item, "fixturenames", ()))
        marked = any(map(item.get_closest_marker, ("tree", "in_process")))
        (others if marked or not runs_it else chosen).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = chosen


@pytest.fixture(autouse=True)
def _closed_world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Keep tests from the real network and home, and from each other's environment."""
    before = dict(os.environ)
    # What one test's code in this process has noted as a secret is none in the next.
    for name, fresh in (("_known", {}), ("_spared", {}), ("_index", secrets._Index())):
        monkeypatch.setattr(secrets, name, fresh)
    nowhere = tmp_path / "you-forgot-to-choose-a-home"
    monkeypatch.setenv("HOME", str(nowhere))
    monkeypatch.setenv("USERPROFILE", str(nowhere))
    real_connect = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])
            if not host.startswith("127.") and host not in ("::1", "localhost"):
                raise YouForgotTheLoopback(host)
        real_connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    yield
    environment.put_back(before)
    if nowhere.exists():
        raise YouForgotToChooseAHome(sorted(nowhere.rglob("*")))


@pytest.fixture(autouse=True)
def _no_deadline() -> Iterator[None]:
    """Fail a test that leaves the deadline on: it would end this process within a later test."""
    yield
    left_on = watchdog._running is not None
    watchdog.stop()
    assert not left_on


@pytest.fixture(autouse=True)
def _no_late_call() -> Iterator[None]:
    """Fail a test that leaves a call behind: it would go on in the world of a later test."""
    yield
    end_calls()


@pytest.fixture(name="same_descriptors")
def _same_descriptors(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaks a descriptor, which may hold a lock, or closes one."""
    if request.node.get_closest_marker("ends_process"):
        yield
        return
    with no_leak():
        yield


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="session")
def kube_server(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealServer]:
    """A real kube-apiserver, that all tests of the session share."""
    server = RealServer(find_programs(), tmp_path_factory.mktemp("kube"), authority)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(name="open_api", params=["loopback", pytest.param("real", marks=pytest.mark.kube)])
def _open_api(request: pytest.FixtureRequest, authority: Authority) -> Callable[..., KubeApi]:
    """Opens an API server: the loopback one, and with `make kube` the real one."""
    if request.param == "loopback":
        return partial(KubeApi, authority)
    return partial(RealApi, request.getfixturevalue("kube_server"), authority)


@pytest.fixture(name="aws")
def _aws() -> Aws:
    return Aws()


@pytest.fixture(name="machine")
def _machine(
    request: pytest.FixtureRequest, aws: Aws, authority: Authority, tmp_path: Path
) -> Iterator[Machine]:
    with WebServer(aws.handle, authority=authority) as server:
        machine = make_machine(aws, server, authority, tmp_path)
        if request.node.get_closest_marker("in_process"):
            machine.program = [str(tmp_path / "a test that is marked in_process runs no program")]
        elif request.config.getoption("program"):
            scripts: Path = request.getfixturevalue("scripts")
            machine.program = [str(scripts / "docker-credential-ecr-login")]
        with machine.closing:
            yield machine


@pytest.fixture(name="docker_host")
def _docker_host(machine: Machine, scripts: Path) -> DockerHost:
    return DockerHost(machine, scripts)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree without a network."""
    target = tmp_path_factory.mktemp("wheel")
    options = ("--no-deps", "--no-build-isolation", "--no-index")
    _pip("wheel", *options, "--wheel-dir", str(target), str(REPOSITORY), home=target)
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def scripts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the two programs: the wheel's, or links to the one that `--program` names.

    The wheel is installed into its own virtual environment, so that the installed package runs
    instead of the tree's; its dependencies come from the environment of the tests.
    """
    program: Path | None = request.config.getoption("program")
    if program:
        links = tmp_path_factory.mktemp("links")
        for name in ("docker-credential-ecr-login", "docker-credential-ecrpy"):
            (links / name).symlink_to(program.resolve(strict=True))
        return links
    wheel: Path = request.getfixturevalue("wheel")
    venv = tmp_path_factory.mktemp("installed") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    found = "Scripts" if sys.platform == "win32" else "bin"
    _pip("--python", str(venv), "install", "--no-deps", "--no-index", str(wheel), home=venv)
    paths = sysconfig.get_paths(vars={"base": str(venv), "platbase": str(venv)})
    Path(paths["purelib"], "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return venv / found


def _pip(*arguments: str, home: Path) -> None:
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--quiet",
            "--no-cache-dir",
            "--disable-pip-version-check",
            *arguments,
        ],
        check=True,
        cwd=REPOSITORY,
        env={**os.environ, "HOME": str(home)},
    )


def pytest_report_header() -> list[str]:
    import boto3
    import botocore

    return [f"boto3 {boto3.__version__}, botocore {botocore.__version__}"]
