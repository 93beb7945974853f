"""A private mount namespace in which ECR's real host names lead to the loopback world.

`make e2e` enters it with `unshare`; here its /etc/hosts and its trusted certificates are put in
place. What is tested is thus the real path: TLS on port 443, the real names, the real clients.
"""

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest

from tests.world import engines, registry
from tests.world.aws import ACCOUNT, Aws
from tests.world.web import Authority, Request, Response, WebServer

ADDRESS = "127.83.0.1"  # of loopback, and nobody else's
OTHER_ACCOUNT = "210987654321"
ECR = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
ECR_2 = f"{OTHER_ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
ECR_EU = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
THIRD_ACCOUNT = "321098765432"
ECR_3 = f"{THIRD_ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
PUBLIC = registry.PUBLIC
IMAGES = "images.example.com"  # a private name in front of ECR_3
PRIVATE = "private.example.com"  # a registry with passwords of its own, and not ECR
LOGIN = ("me", "correct horse battery staple")
ELSEWHERE = "registry.example.com"  # open to all, and not ECR
REGISTRIES = (ECR, ECR_2, ECR_3, ECR_EU, PUBLIC, IMAGES, PRIVATE, ELSEWHERE)
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
APP = "team/app:1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            if not item.get_closest_marker("binary"):
                item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(300))


@dataclass
class Universe:
    """What lasts for the session: the server, the engine, and where they keep their things."""

    root: Path
    server: WebServer
    front: registry.RegistryFront
    docker_host: str
    aws: Aws = field(default_factory=Aws)

    def handle(self, request: Request) -> Response:
        if request.host == ELSEWHERE:
            return self.front._pass_on(request)
        if request.host in REGISTRIES:
            return self.front.handle(request)
        return self.aws.handle(request)


def _mount_over(source: Path, target: str) -> None:
    subprocess.run(["mount", "--bind", str(source), target], check=True)


@pytest.fixture(scope="session")
def universe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Universe]:
    engines.need_own_mounts("e2e")
    root = tmp_path_factory.mktemp("universe")
    authority = Authority()
    hosts = root / "hosts"
    names = "\n".join(f"{ADDRESS} {name}" for name in (*REGISTRIES, *APIS))
    hosts.write_text(f"127.0.0.1 localhost\n{names}\n")
    _mount_over(hosts, "/etc/hosts")
    if not os.path.exists(BUNDLE):
        engines.missing(f"{BUNDLE} is not there: apt-get install ca-certificates")
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


@dataclass(frozen=True)
class Done:
    """What a client did."""

    code: int
    stdout: str
    stderr: str

    def ok(self) -> "Done":
        assert self.code == 0, self
        return self

    def failed(self) -> "Done":
        assert self.code != 0, self
        return self

    @property
    def text(self) -> str:
        return self.stdout + self.stderr


@dataclass
class EngineHost:
    """One person's machine: a home, a Docker configuration, the helper on PATH, an engine."""

    universe: Universe
    root: Path
    short: str
    environ: dict[str, str]

    @property
    def aws(self) -> Aws:
        return self.universe.aws

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def config(self) -> Path:
        return self.home / ".docker" / "config.json"

    def configure(self, **settings: object) -> None:
        """Write Docker's config.json."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(settings))

    def use_helper(self) -> None:
        """Do what the README says: one line for each registry."""
        self.configure(credHelpers=dict.fromkeys((ECR, ECR_2, ECR_EU, PUBLIC), "ecr-login"))

    def settings(self, text: str) -> None:
        """Write the helper's own settings, whole, as an editor does."""
        path = self.home / ".ecr" / "config.toml"
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".new").write_text(text)
        path.with_suffix(".new").replace(path)

    def use_helper_for_all(self) -> None:
        self.configure(credsStore="ecr-login")

    def login_to_aws(self) -> None:
        self.environ |= self.aws.user().environ

    def run(self, *command: str, stdin: bytes = b"", **environ: str) -> Done:
        done = subprocess.run(
            command,
            env={**self.environ, **environ},
            cwd=self.root,
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def get(self, host: str = ECR, **environ: str) -> Done:
        return self.run("docker-credential-ecr-login", "get", stdin=host.encode(), **environ)

    def forget_image(self, *names: str) -> None:
        self.run("/usr/bin/docker", "image", "rm", "--force", *names)

    def dockerfile(self, *images: str) -> str:
        """Write a Dockerfile that copies from each image, and return its directory."""
        context = self.root / "context"
        context.mkdir(exist_ok=True)
        stages = [f"FROM {image} AS s{number}" for number, image in enumerate(images)]
        copies = [f"COPY --from=s{number} /hello /{number}" for number in range(len(images))]
        (context / "Dockerfile").write_text("\n".join([*stages, "FROM scratch", *copies, ""]))
        return str(context)

    def storage(self) -> Sequence[str]:
        """Options that keep podman's and buildah's images on this machine."""
        return (
            f"--root={self.root}/storage",
            f"--runroot={self.short}",  # of 50 characters at most
            "--storage-driver=vfs",
        )


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
    """An image in the registry, pushed there without the helper; its repository and tag.

    Every registry host shares the one store behind it.
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
    """Each docker client that this machine has."""
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
    """Each docker client with each builder that it has: builds from a directory."""
    version, buildkit = request.param
    if not any(buildkit == "1" for _, buildkit in BUILDERS):
        engines.missing("no docker client has BuildKit: apt-get install docker.io or docker-buildx")
    client = engines.docker_clients()[version]

    def run(engine_host: EngineHost, context: str) -> Done:
        command = (client, "build", "--no-cache", "--pull", context)
        return engine_host.run(*command, DOCKER_BUILDKIT=buildkit)

    return run
