"""Reports about the files and programs of Docker and podman, and about the engine."""

import base64
import hashlib
import json

from tests.world.broken_setups import Broken, Way, changed, nothing_configured
from tests.world.docker_host import DockerHost
from tests.world.failures import Failure
from tests.world.machine import HOST


def _use_context(docker_host: DockerHost, name: str, **contexts: str) -> None:
    """Write contexts, each with its engine's address, and use one of them."""
    docker_host.configure(currentContext=name, credHelpers={HOST: "ecr-login"})
    for each, address in contexts.items():
        folder = hashlib.sha256(each.encode()).hexdigest()
        file = docker_host.config.parent / "contexts" / "meta" / folder / "meta.json"
        file.parent.mkdir(parents=True)
        made = {"Name": each, "Endpoints": {"docker": {"Host": address}}}
        file.write_text(json.dumps(made) if address else "")


def context_of_an_engine_that_is_removed(docker_host: DockerHost) -> Broken:
    docker_host.client()
    engine = docker_host.machine.environ.pop("DOCKER_HOST")
    gone = "unix:///nowhere/desktop/docker.sock"
    _use_context(docker_host, "desktop", desktop=gone, rootless=engine)
    return Broken(
        "engine",
        "docker's engine does not run: /nowhere/desktop/docker.sock (the context 'desktop' in ",
        "docker context use rootless",
        lambda: docker_host.configure(currentContext="rootless", credHelpers={HOST: "ecr-login"}),
    )


def context_whose_file_is_empty(docker_host: DockerHost) -> Broken:
    docker_host.client()
    engine = docker_host.machine.environ.pop("DOCKER_HOST")
    _use_context(docker_host, "desktop", desktop="", other=engine)
    return Broken(
        "engine",
        "names no engine: ",
        "create it again, or leave it: docker context use default",
        lambda: docker_host.configure(currentContext="other", credHelpers={HOST: "ecr-login"}),
    )


def address_that_is_no_url(docker_host: DockerHost) -> Broken:
    docker_host.client()
    path = docker_host.machine.environ["DOCKER_HOST"].removeprefix("unix://")
    repair = changed(docker_host, "DOCKER_HOST", f"unix:{path}")
    return Broken(
        "engine",
        f"DOCKER_HOST is 'unix:{path}', which docker does not take for a socket",
        f"export DOCKER_HOST=unix://{path}",
        repair,
    )


def address_in_quotes(docker_host: DockerHost) -> Broken:
    docker_host.client()
    address = docker_host.machine.environ["DOCKER_HOST"]
    repair = changed(docker_host, "DOCKER_HOST", f'"{address}"')
    return Broken(
        "engine",
        "docker takes them for a part of it",
        f"leave out the quotes: export DOCKER_HOST={address}",
        repair,
    )


def tls_without_certificates(docker_host: DockerHost) -> Broken:
    docker_host.client()
    repair = changed(docker_host, "DOCKER_TLS_VERIFY", "0")
    return Broken(
        "engine",
        "DOCKER_TLS_VERIFY is set, and there is no ",
        "for an engine without TLS: unset DOCKER_TLS_VERIFY",
        repair,
    )


def version_that_is_too_old(docker_host: DockerHost) -> Broken:
    docker_host.client()
    return Broken(
        "engine",
        "which docker's engine refuses: client version 1.10 is too old",
        "unset DOCKER_API_VERSION",
        changed(docker_host, "DOCKER_API_VERSION", "1.10"),
    )


def login_in_wrapped_base64(docker_host: DockerHost) -> Broken:
    (login,) = docker_host.old_login().values()
    wrapped = base64.encodebytes(base64.b64decode(login["auth"])).decode()
    docker_host.configure(auths={HOST: {"auth": wrapped}})
    return Broken("old-login", "(1 h 0 min ago): 403 Forbidden")


def repeated_section(docker_host: DockerHost) -> Broken:
    helpers = json.dumps({HOST: "ecr-login"})
    docker_host.write(f'{{"credHelpers": {helpers}, "credHelpers": {{"{HOST}": "pass"}}}}')
    return Broken("credential-helper", "'pass' for")


def interpreter_that_is_gone(docker_host: DockerHost) -> Broken:
    program = docker_host.program("docker-credential-ecr-login", "", "first")
    python = "/nowhere/pipx/venvs/docker-credential-ecrpy/bin/python"
    program.write_text(f"#!{python}\nfrom docker_credential_ecrpy.__main__ import start\n")
    return Broken(
        "program",
        f"{program} is this program, and its interpreter {python} is gone",
        "configure docker to run ",
    )


def quoted_tilde(docker_host: DockerHost) -> Broken:
    repair = changed(docker_host, "DOCKER_CONFIG", "~/.docker")
    return Broken(
        "docker-config",
        "DOCKER_CONFIG is '~/.docker', in which no shell has expanded ~",
        'export DOCKER_CONFIG="$HOME/.docker"',
        repair,
    )


DOCTOR: dict[str, Way] = {
    "helper#207 no entry under credHelpers": nothing_configured,
    "desktop-linux#7 the context of a removed engine": context_of_an_engine_that_is_removed,
    "desktop-linux#57 a context whose file is empty": context_whose_file_is_empty,
    "cli#4789 a DOCKER_HOST that is no URL": address_that_is_no_url,
    "setup a DOCKER_HOST with the quotes of a file": address_in_quotes,
    "for-win#4864 DOCKER_TLS_VERIFY left over by docker-machine": tls_without_certificates,
    "setup DOCKER_API_VERSION left over": version_that_is_too_old,
    "ecr-k8s-secret#1 a login in wrapped base64": login_in_wrapped_base64,
    "moby#22526 a tilde that no shell expands": quoted_tilde,
    "pipx#492 an interpreter that is gone": interpreter_that_is_gone,
    "setup a section that occurs twice": repeated_section,
}

ERRORS: dict[str, Failure] = {}
