"""Reports about names of registries, regions and profiles."""

import json

from tests.world.accounts import EU, A, B, profile, rule
from tests.world.broken_setups import Broken, Way
from tests.world.docker_host import IMAGE, DockerHost
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


def answer_only_in_europe(request: Request) -> Response | None:
    """Answer that the repository is not in the registry of tests; "instead" of a front."""
    if request.host == HOST and "/team/app/" in request.path:
        error = {"errors": [{"code": "NAME_UNKNOWN", "message": "not there"}]}
        return Response(404, json.dumps(error).encode())
    return None


def no_repository_in_the_region(docker_host: DockerHost) -> Broken:
    """The image is in the region of a profile alone, and Docker has no entry for that host."""
    europe = EU.format(A)
    docker_host.machine.config("[profile europe]\nregion = eu-west-1\n")
    docker_host.instead = answer_only_in_europe
    return Broken(
        "image",
        f"the region is wrong, {europe} has it",
        f"configure docker for {europe}, then pull it from {europe}",
        right=f"{europe}/team/app:1",
    )


def _written_as(name: str, seen: str, right: str = IMAGE) -> Way:
    """Return a set-up in which everything is right, except the name of the image."""

    def broken(docker_host: DockerHost) -> Broken:
        docker_host.publish("team/app", "latest")
        return Broken("image", seen, f"write {right}", lambda: None, image=name, right=right)

    return broken


def no_registry(docker_host: DockerHost) -> Broken:
    del docker_host
    seen = "team/app:1 names no registry, so docker takes this for Docker Hub's"
    fix = f"you have {HOST}: write {IMAGE}"
    return Broken("image", seen, fix, lambda: None, image="team/app:1", right=IMAGE)


def no_profile_is_chosen(docker_host: DockerHost) -> Broken:
    """Keep the keys in a profile that nothing names, whose command has the account."""
    for name in docker_host.user.environ:
        del docker_host.machine.environ[name]
    docker_host.machine.config(profile("prod", docker_host.user, f"x_principal_arn = {_ROLE}\n"))
    return Broken(
        "credentials", "no AWS credentials found", f"use the AWS profile of account {A}: 'prod'"
    )


def role_of_another_account(docker_host: DockerHost) -> Broken:
    """Let a rule choose a role of account B, while one of account A is in a profile."""
    machine, own = docker_host.machine, docker_host.machine.aws.role("own")
    other = machine.aws.role("other", B)
    machine.config(
        profile("base", docker_host.user)
        + f"[profile prod]\nrole_arn = {own.arn}\nsource_profile = base\n"
    )
    machine.settings(rule("*", role_arn=other.arn))
    session = f"arn:aws:sts::{B}:assumed-role/other/session"
    docker_host.front.denied[HOST] = {(session, "ecr:BatchGetImage")}
    return Broken("image", f"belongs to account {B}", f"AWS profile of account {A}: 'prod'")


CONSOLE = "us-east-1.console.aws.amazon.com/ecr/repositories/private"
_ROLE = f"arn:aws:sts::{A}:assumed-role/puller/dev"
_KEY = f"docker looks for credentials of '{HOST}:443', and not of '{HOST}'"

DOCTOR: dict[str, Way] = {
    "helper#164 a user of another account is used": user_of_another_account,
    "helper#40 only a default profile works": no_profile_is_chosen,
    "setup a rule with a role of another account": role_of_another_account,
    "vpc-cni#988 pushed to the region of a variable": no_repository_in_the_region,
    "ecr-login-action#12 the registry has a scheme": _written_as(
        f"https://{IMAGE}", "docker cannot pull by this name: it takes no scheme"
    ),
    "drone-docker#199 a comma after the name": _written_as(f"{IMAGE},", "it has a stray ,"),
    "docker-proxy#4 two slashes after the host": _written_as(
        f"{HOST}//team/app:1", "it has a slash too many"
    ),
    "action#4 the registry is in the repository too": _written_as(
        f"{HOST}/{IMAGE}", "it has the registry's host twice"
    ),
    "distribution#2511 the host with a port": _written_as(f"{HOST}:443/team/app:1", _KEY),
    "cli#2753 the host in upper case": _written_as(
        f"{HOST.upper()}/team/app:1", "the name has upper case"
    ),
    "setup a misspelt region, and an entry for the right one": _written_as(
        IMAGE.replace("us-east-1", "us-esat-1"), "'us-esat-1' is not an AWS region, in "
    ),
    "setup a line of a Dockerfile": _written_as(f"{IMAGE} AS build", "it has a blank or a line"),
    "setup a page of the console": _written_as(
        f"https://{CONSOLE}/{A}/team/app?region=us-east-1",
        "it is that of a page in AWS's console",
        IMAGE.removesuffix(":1"),
    ),
    "setup a region that is none yet": _written_as(
        IMAGE.replace("us-east-1", "us-east-9"), "'us-east-9' is not a region that the AWS SDK "
    ),
    "setup the suffix of another partition": _written_as(
        IMAGE.replace(".com/", ".com.cn/"), "region us-east-1 does not belong to amazonaws.com.cn"
    ),
    "compose#5483 no registry in the name": no_registry,
}

ERRORS: dict[str, Failure] = {}
