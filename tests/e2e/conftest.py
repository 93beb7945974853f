"""A private mount namespace in which ECR's real host names lead to the loopback world.

`make e2e` enters it with `unshare`; this file mounts its /etc/hosts and trusted certificates. So
the tests take the real path: TLS on port 443, the real names, the real clients.
"""

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from tests.world import engines, registry
from tests.world.aws import Aws
from tests.world.engine_host import (
    ADDRESS,
    APP,
    ECR_3,
    ELSEWHERE,
    IMAGES,
    LOGIN,
    PRIVATE,
    REGISTRIES,
    Done,
    EngineHost,
    Universe,
)
from tests.world.web import Authority, WebServer

APIS = (
    "api.ecr.us-east-1.amazonaws.com",
    "api.ecr.eu-west-1.amazonaws.com",
    "api.ecr-public.us-east-1.amazonaws.com",
    "sts.us-east-1.amazonaws.com",
    "sts.eu-west-1.amazonaws.com",
    "portal.sso.eu-west-1.amazonaws.com",
    "oidc.eu-west-1.amazonaws.com",
)
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            if not item.get_closest_marker("binary"):
                item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(300))


def _mount_over(source: Path, target: str) -> None:
    subprocess.run(["mount", "--bind", str(source), target], check=True)


@pytest.fixture(scope="session")
def universe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Universe]:
    engines.need_own_mounts("e2e")
    root = tmp_path_factory.mktemp("universe")
    authority = Authority()
    hosts = root / "hosts"
    names = "\n".join(f"{ADDRESS} {name}" for name in (*REGISTRIES, *registry.STORAGE, *APIS))
    hosts.write_text(f"127.0.0.1 localhost\n{names}\n")
    _mount_over(hosts, "/etc/hosts")
    if not os.path.exists(BUNDLE):
        engines.missing(f"{BUNDLE} is missing: apt-get install ca-certificates")
    bundle = root / "bundle.pem"
    bundle.write_bytes(Path(BUNDLE).read_bytes() + authority.pem())
    _mount_over(bundle, BUNDLE)

    with engines.registry(root) as backend, engines.dockerd(root) as docker_host:
        aws = Aws()
        front = registry.RegistryFront(aws, backend)
        front.aliases[IMAGES] = ECR_3
        front.logins[PRIVATE] = LOGIN
        server = WebServer(
            aws.handle,
            address=ADDRESS,
            port=443,
            authority=authority,
            tls=True,
        )
        with server:
            made = Universe(root, server, front, docker_host, aws)
            server.handler = made.handle
            yield made


@pytest.fixture(name="engine_host")
def _machine(universe: Universe, scripts: Path, tmp_path: Path) -> Iterator[EngineHost]:
    universe.aws = Aws()
    universe.front.aws = universe.aws
    universe.front.readers.clear()
    (tmp_path / "home").mkdir()
    short = tempfile.mkdtemp(prefix="e2e-", dir="/tmp")
    engine_host = EngineHost(
        universe,
        tmp_path,
        short,
        {
            "PATH": f"{scripts}:{engines.PATH}",
            "HOME": str(tmp_path / "home"),
            "DOCKER_HOST": universe.docker_host,
            "DOCKER_CLI_EXPERIMENTAL": "enabled",
            "AWS_EC2_METADATA_DISABLED": "true",
            "XDG_RUNTIME_DIR": str(tmp_path),
        },
    )
    yield engine_host
    engine_host.run("/usr/bin/docker", "system", "prune", "--all", "--force")
    shutil.rmtree(short)


@pytest.fixture(scope="session")
def app(universe: Universe) -> str:
    """An image in the registry, pushed without the helper; its repository and tag.

    Every registry host shares the store of one registry.
    """
    data = BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = tarfile.TarInfo("hello")
        entry.size = 6
        archive.addfile(entry, BytesIO(b"hello\n"))
    docker = [engines.find("docker"), "--host", universe.docker_host]
    name = f"{ELSEWHERE}/{APP}"
    steps = (["import", "-", name], ["push", name], ["image", "rm", name])
    for step in steps:
        subprocess.run([*docker, *step], input=data.getvalue(), capture_output=True, check=True)
    return APP


@pytest.fixture(params=engines.docker_clients() or ["none"])
def docker(request: pytest.FixtureRequest) -> str:
    """Each docker client on this machine."""
    clients = engines.docker_clients()
    if not clients:
        engines.missing("docker is not installed: apt-get install docker.io")
    return clients[request.param]


BUILDERS = [
    (version, buildkit)
    for version, client in engines.docker_clients().items()
    for buildkit in ("0", "1")
    if buildkit == "0" or engines.has_buildkit(client)
]


@pytest.fixture(
    params=BUILDERS or [("none", "0")],
    ids=lambda p: f"{p[0]}-{'BuildKit' if p[1] == '1' else 'classic'}",
)
def build(request: pytest.FixtureRequest) -> Callable[[EngineHost, str], Done]:
    """Each docker client with each of its builders: a function that builds a directory."""
    version, buildkit = request.param
    if not any(buildkit == "1" for _, buildkit in BUILDERS):
        engines.missing("no docker client has BuildKit: apt-get install docker.io or docker-buildx")
    client = engines.docker_clients()[version]

    def run(engine_host: EngineHost, context: str) -> Done:
        command = (client, "build", "--no-cache", "--pull", context)
        return engine_host.run(*command, DOCKER_BUILDKIT=buildkit)

    return run
