"""Reports about names of registries, regions and profiles."""

import json

from tests.world.accounts import EU, A, B, profile
from tests.world.broken_setups import Broken, Way
from tests.world.docker_host import DockerHost
from tests.world.failures import Failure
from tests.world.machine import HOST
from tests.world.web import Request, Response


def _identity_of_another_account(docker_host: DockerHost, *, key: str) -> Broken:
    """Use a default profile of account B, while a profile has a key that names account A."""
    machine = docker_host.machine
    for name in docker_host.user.environ:
        del machine.environ[name]
    other = machine.aws.user("other", B)
    machine.config(profile("default", other) + profile("prod", docker_host.user, key))
    docker_host.front.denied[HOST] = {(other.arn, "ecr:BatchGetImage")}
    return Broken(
        "image",
        f"the identity belongs to account {B}, and the registry to {A}",
        f"use the AWS profile of account {A}: 'prod'",
    )


def user_of_another_account(docker_host: DockerHost) -> Broken:
    return _identity_of_another_account(docker_host, key=f"granted_sso_account_id = {A}\n")


def no_repository_in_the_region(docker_host: DockerHost) -> Broken:
    """The image is in the region of a profile alone, and Docker has no entry for that host."""
    europe = EU.format(A)
    docker_host.machine.config("[profile europe]\nregion = eu-west-1\n")

    def only_in_europe(request: Request) -> Response | None:
        if request.host == HOST and "/team/app/" in request.path:
            error = {"errors": [{"code": "NAME_UNKNOWN", "message": "not there"}]}
            return Response(404, json.dumps(error).encode())
        return None

    docker_host.instead = only_in_europe
    return Broken(
        "image",
        f"the region is wrong, {europe} has it",
        f"configure docker for {europe}, then pull it from {europe}",
        right=f"{europe}/team/app:1",
    )


DOCTOR: dict[str, Way] = {
    "helper#164 a user of another account is used": user_of_another_account,
    "vpc-cni#988 pushed to the region of a variable": no_repository_in_the_region,
}

ERRORS: dict[str, Failure] = {}
