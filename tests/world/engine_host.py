"""A machine with the helper, Docker's engine and registries with ECR's real host names."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.world import registry
from tests.world.aws import ACCOUNT, Aws
from tests.world.web import Request, Response, WebServer

ADDRESS = "127.83.0.1"  # a loopback address of its own
OTHER_ACCOUNT = "210987654321"
ECR = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
ECR_2 = f"{OTHER_ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
ECR_EU = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
THIRD_ACCOUNT = "321098765432"
ECR_3 = f"{THIRD_ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
PUBLIC = registry.PUBLIC
IMAGES = "images.example.com"  # a private name in front of ECR_3
PRIVATE = "private.example.com"  # a registry with its own passwords, not ECR
LOGIN = ("me", "correct horse battery staple")
ELSEWHERE = "registry.example.com"  # an open registry, not ECR
REGISTRIES = (ECR, ECR_2, ECR_3, ECR_EU, PUBLIC, IMAGES, PRIVATE, ELSEWHERE)
APP = "team/app:1"


@dataclass
class Universe:
    """The parts that last for the session: the server, the engine, and their directory."""

    root: Path
    server: WebServer
    front: registry.RegistryFront
    docker_host: str
    aws: Aws = field(default_factory=Aws)

    def handle(self, request: Request) -> Response:
        if request.host == ELSEWHERE:
            return self.front._pass_on(request)
        if request.host in (*REGISTRIES, *registry.STORAGE):
            return self.front.handle(request)
        return self.aws.handle(request)


@dataclass(frozen=True)
class Done:
    """The result of a client's command."""

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
    """One user's machine: a home, a Docker configuration, the helper on PATH, an engine."""

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
        """Write one line for each registry, as the README says."""
        self.configure(credHelpers=dict.fromkeys((ECR, ECR_2, ECR_EU, PUBLIC), "ecr-login"))

    def settings(self, text: str) -> None:
        """Write the helper's settings by an atomic replace, as an editor does."""
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
