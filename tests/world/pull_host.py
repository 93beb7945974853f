"""A machine whose registries are called as a pull does, in this process."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.doctor.probes import pull
from docker_credential_ecrpy.doctor.probes.trace import PullTrace
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings import patterns
from docker_credential_ecrpy.settings.rules import Choice, Place, Rule
from tests.world.aws import ACCOUNT
from tests.world.machine import HOST, Machine
from tests.world.registry import RegistryFront, SmallRegistry
from tests.world.web import Request, Response

ARN = f"arn:aws:iam::{ACCOUNT}:user/dev"
STEPS = ["base", "manifest", "config", "layer check", "layer"]


@dataclass
class PullHost:
    """A machine that calls registries, in this process."""

    machine: Machine
    small: SmallRegistry
    front: RegistryFront
    requests: list[Request] = field(default_factory=list)
    instead: Callable[[Request], Response | None] = lambda _: None
    """Answers instead of a registry; returns None to let the registry answer."""
    log: list[str] = field(default_factory=list)

    def handle(self, request: Request) -> Response:
        self.requests.append(request)
        return self.instead(request) or self.front.handle(request)

    def token(self, service: str = "ecr", region: str = "us-east-1") -> tuple[str, str]:
        """Return the login of an identity with all rights."""
        return "AWS", self.machine.aws.password(ARN, region, service)

    def trace(
        self,
        repository: str = "team/app",
        reference: str = "1",
        login: tuple[str, str] | None = None,
        host: str = HOST,
        watch: Watch | None = None,
    ) -> PullTrace:
        found = registry.parse(host)
        watch = watch or Watch()
        choice = Choice(found) if found else _private(host)
        image = Image(host, repository, reference)
        return pull.trace_pull(choice, image, login, watch, self.log.append)

    def fails(self, host: str = HOST) -> str:
        """Return the error of a pull with a valid token."""
        with pytest.raises(HelperError) as caught:
            self.trace(login=self.token(), host=host)
        return str(caught.value)

    def asked(self) -> list[str]:
        return [f"{request.method} {request.target}" for request in self.requests]


def _private(host: str) -> Choice:
    target = registry.parse(HOST)
    assert target is not None
    pattern = patterns.parse("images.example.com")
    rule = Rule(pattern, {"match": Place("config.toml")}, registry=target)
    return Choice(target.override(host=host), rule)


def list_steps(found: PullTrace) -> list[str]:
    return [reply.what for reply in found.replies]


def make_answer(status: int, body: object, **headers: str) -> Response:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Response(status, text, {"Content-Type": "application/json", **headers})
