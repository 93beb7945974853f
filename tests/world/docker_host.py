"""A set-up in which pulls work, and tools to break it."""

import base64
import json
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.world import schemas
from tests.world.engine_socket import engine_socket
from tests.world.machine import HOST, Machine, Result
from tests.world.registry import PUBLIC, STORAGE, RegistryFront, SmallRegistry
from tests.world.web import Request, Response

IMAGE = f"{HOST}/team/app:1"


@dataclass
class DockerHost:
    """A user's machine and its registries, in memory."""

    machine: Machine
    scripts: Path
    small: SmallRegistry = field(default_factory=SmallRegistry)
    instead: Callable[[Request], Response | None] = lambda _: None

    def __post_init__(self) -> None:
        self.front = self.registry()
        self.machine.server.handler = self.handle
        self.machine.environ |= {
            "PATH": f"{self.scripts}{os.pathsep}{self.machine.root / 'bin'}",
            "XDG_RUNTIME_DIR": str(self.machine.root / "run"),
        }
        self.publish("team/app", "1")
        self.user = self.machine.aws.user()
        self.machine.environ |= self.user.environ
        self.configure(credHelpers={HOST: "ecr-login"})

    def answer_as_usual(self) -> None:
        """Stop answering instead of the registries and AWS."""
        self.instead = lambda _: None

    def handle(self, request: Request) -> Response:
        """Pass requests for registries to the front, and all others to AWS."""
        answer = self.instead(request)
        if answer is not None:
            return answer
        of_registry = ".dkr" in request.host or request.host in (
            PUBLIC,
            *STORAGE,
            *self.front.aliases,
        )
        return self.front.handle(request) if of_registry else self.machine.aws.handle(request)

    def registry(self) -> RegistryFront:
        """Return the front of all ECR registries."""
        return RegistryFront(self.machine.aws, self.small)

    def publish(self, repository: str, tag: str) -> None:
        """Add an image to every registry."""
        self.small.image(repository, tag)

    @property
    def config(self) -> Path:
        return self.machine.home / ".docker" / "config.json"

    def configure(self, **settings: object) -> None:
        self.write(json.dumps(settings, indent="\t"))

    def write(self, text: str) -> None:
        self.config.parent.mkdir(exist_ok=True)
        self.config.write_text(text)

    def program(self, name: str, text: str, folder: str = "bin") -> Path:
        """Add a program to PATH, after ours, or before it with "first"."""
        path = self.machine.root / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        if folder == "first":
            self.machine.environ["PATH"] = (
                f"{path.parent}{os.pathsep}{self.machine.environ['PATH']}"
            )
        return path

    def client(self, version: str = "29.1.0", engine: str = "") -> None:
        """Add Docker's client to PATH, unless there is one. engine: its DOCKER_HOST.

        Without one, an engine that answers is added too.
        """
        self.program("docker", f"echo Docker version {version}, build 1", "first")
        if engine:
            self.machine.environ["DOCKER_HOST"] = engine
        elif "DOCKER_HOST" not in self.machine.environ:
            path = self.machine.closing.enter_context(engine_socket())
            self.machine.environ["DOCKER_HOST"] = f"unix://{path}"

    def old_login(self, host: str = HOST, life: float = -3600, key: str = "") -> dict[str, Any]:
        """Return the `auths` that `docker login` writes."""
        password = self.machine.aws.password(self.user.arn, "us-east-1", life=life)
        auth = base64.b64encode(f"AWS:{password}".encode()).decode()
        return {key or host: {"auth": auth}}

    def doctor(self, *arguments: str, **environ: str) -> "Diagnosis":
        """Return the JSON document of `doctor`, which has to be of the documented form."""
        done = self.machine.run("doctor", "--json", *arguments, environ=environ)
        assert done.stderr == b"", done
        found = json.loads(done.stdout)
        schemas.check(found, "doctor")
        return Diagnosis(done, found)


@dataclass(frozen=True)
class Diagnosis:
    """The result of `doctor`."""

    done: Result
    found: dict[str, Any]

    @property
    def cause(self) -> dict[str, str]:
        assert self.found["cause"] is not None, self.found
        cause: dict[str, str] = self.found["cause"]
        return cause

    @property
    def failed(self) -> dict[str, str]:
        """The cause, which must be a failure."""
        assert self.done.code == 1
        assert self.found["ok"] is False
        assert self.cause["status"] == "fail", self.cause
        return self.cause

    def of(self, check: str) -> dict[str, str]:
        """What the check with an id found."""
        (one,) = [item for item in self.found["checks"] if item["id"] == check]
        found: dict[str, str] = one
        return found
