"""Whether Docker's engine answers, and what to do where it does not."""

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress

from docker_credential_ecrpy.docker.config import DockerConfig
from docker_credential_ecrpy.doctor.probes.engine_ping import check_port, check_version, ping, say
from docker_credential_ecrpy.doctor.probes.engine_target import (
    DEFAULT_SOCKET,
    UNIX,
    EngineTarget,
    drop_choice,
    find_target,
    leave_variables,
    list_contexts,
)
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.programs import search_path
from docker_credential_ecrpy.hot import paths
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.sanitize import one_line

if sys.platform != "win32":
    import grp
    import pwd

_SECONDS = 2.0  # for an engine to answer
_HOST_PORT = re.compile(r"[^/]+:\d+(/.*)?")
_SCRIPT_READ = 2048  # bytes of a script
_SYSTEM = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INSIDE = ("/.dockerenv", "/run/.containerenv")
# A socket below the home directory -> the program that makes it.
_DESKTOPS = {
    ".docker/desktop/docker.sock": "Docker Desktop",
    ".docker/run/docker.sock": "Docker Desktop",
    ".colima/default/docker.sock": "colima",
    ".rd/docker.sock": "Rancher Desktop",
    ".orbstack/run/docker.sock": "OrbStack",
}


@dataclass(frozen=True)
class Engine:
    """An engine that Docker can use. is_asked: whether it answered; an ssh:// one is not asked."""

    address: str
    is_asked: bool


def probe_engine(
    environ: Mapping[str, str], config: DockerConfig | None, seconds: float
) -> Engine | None:
    """Return the engine of Docker's client; None without such a client.

    config: Docker's file; None where it cannot be read. Raises HelperError for an engine that
    cannot be used.
    """
    client = search_path.find("docker", environ)
    if not client or _is_podman(client):
        return None
    target = find_target(environ, config)
    seconds = min(seconds, _SECONDS)
    scheme, separator, rest = target.address.partition("://")
    shown = one_line(target.address)
    _check_authority(target)
    if separator and scheme in ("ssh", "npipe"):
        return Engine(shown, is_asked=False)
    unquoted = target.address.strip("\"' ")
    if unquoted != target.address:
        msg = f"{target.place} is {shown}, with the quotes: docker takes them for a part of it"
        command = f"export DOCKER_HOST={shlex.quote(unquoted)}"
        raise HelperError(msg, hint=f"leave out the quotes: {command}", command=command)
    if separator and scheme == "unix" and sys.platform != "win32":
        _check_socket(rest or DEFAULT_SOCKET, target, environ, seconds)
    elif scheme == "tcp" or (not separator and _HOST_PORT.fullmatch(target.address)):
        check_port(rest if separator else target.address, target, environ, seconds)
    elif scheme.lower() == "unix" or (not separator and "/" in target.address):
        path = rest if separator else target.address.removeprefix("unix:")
        msg = f"{target.place} is {shown!r}, which docker does not take for a socket"
        command = f"export DOCKER_HOST={shlex.quote(UNIX + path)}"
        raise HelperError(msg, hint=f"write it as a URL: {command}", command=command)
    elif separator:
        msg = f"{target.place} is {shown!r}, which docker does not read"
        raise HelperError(msg, hint="write it as unix:///PATH, tcp://HOST:PORT or ssh://HOST")
    else:
        check_port(target.address, target, environ, seconds)
    return Engine(shown, is_asked=True)


def _is_podman(client: str) -> bool:
    """Whether the program is podman by another name, as Debian's podman-docker installs it."""
    if os.path.basename(os.path.realpath(client)).startswith("podman"):
        return True
    with suppress(OSError), open(client, "rb") as file:
        text = file.read(_SCRIPT_READ)
        return text.startswith(b"#!") and b"podman" in text
    return False


def _check_authority(target: EngineTarget) -> None:
    """Raise HelperError where docker cannot read the certificates that its variables need."""
    if not target.tls or os.path.isfile(target.authority):
        return
    file = one_line(target.authority)
    msg = f"{target.tls[0]} is set, and there is no {file}: docker reaches no engine"
    command = f"unset {' '.join(target.tls)}"
    hint = f"for an engine without TLS: {command}; or put the certificates there"
    raise HelperError(msg, hint=hint, command=command)


def _check_socket(
    path: str, target: EngineTarget, environ: Mapping[str, str], seconds: float
) -> None:
    """Raise HelperError where no engine answers at a Unix socket."""
    named = f" ({target.place})" if target.place else ""
    where = f"{one_line(path)}{named}"
    if not os.path.isabs(path):
        msg = f"{target.place} names {UNIX}{one_line(path)}, which is not an absolute path"
        command = f"export DOCKER_HOST={shlex.quote(f'{UNIX}/{path}')}"
        if path.startswith(("~", "$")):
            command = "export DOCKER_HOST=unix://$HOME" + path[path.find("/") :]
        raise HelperError(msg, hint=f"write three slashes: {command}", command=command)
    found = _find_fault(path, where, environ, seconds)
    if found is None:
        return
    msg, fix, command = found
    if other := _find_other(path, target, environ, seconds):
        command, address = other
        fix = f"use the engine that answers at {one_line(address)}: {command}; or {fix}"
    else:
        fix += f": {command}" if command else ""
        if target.leave and path != DEFAULT_SOCKET:
            fix += f"; or leave it: {target.leave}"
    raise HelperError(msg, hint=fix, command=command)


def _find_fault(
    path: str, where: str, environ: Mapping[str, str], seconds: float
) -> tuple[str, str, str] | None:
    """Return why no engine answers at a Unix socket, and the fix in words and as a command."""
    try:
        answer = ping(path, seconds, environ)
    except PermissionError:
        return f"docker may not use its engine: {where}: permission denied", *_permit(path)
    except TimeoutError:
        msg = f"docker's engine does not answer within {seconds:.0f} s: {where}"
        return msg, *_start(path, environ, "restart")
    except OSError as exc:
        msg = f"docker's engine does not run: {where}"
        fix, command = _start(path, environ, "start")
        if os.path.isdir(path):  # docker makes it to mount a socket that is not there
            fix = f"remove the directory, and {fix}"
            return f"{msg}: is a directory", fix, f"sudo rmdir {shlex.quote(path)}"
        return f"{msg}: {say(exc)}", fix, command
    check_version(answer, environ)
    if answer.split()[1:2] < [b"500"]:
        return None
    status = one_line(answer.split(b"\r\n", 1)[0].decode("ascii", "replace"))
    return f"docker's engine is not ready: {where}: {status}", *_start(path, environ, "restart")


def _permit(path: str) -> tuple[str, str]:
    """Return what gives the user access to a socket, in words and as a command."""
    group, is_member, is_active, number = "docker", False, False, -1
    with suppress(OSError):
        number = os.stat(path).st_gid
    try:
        found = grp.getgrgid(number)
        group = found.gr_name
        is_member = pwd.getpwuid(os.geteuid()).pw_name in found.gr_mem
        is_active = number in os.getgroups()
    except (KeyError, OverflowError):
        if number > 0:  # the socket is of another machine, which has such a group
            return f"start this container with docker run --group-add {number}", ""
    if number == 0 and any(map(os.path.exists, _INSIDE)):
        return "start this container with docker run --group-add 0", ""
    if number == 0:  # the engine gives its socket to the group docker, if there is one
        command = "sudo groupadd --force docker && sudo systemctl restart docker"
        command += ' && sudo usermod -aG docker "$(id -un)"'
        return "give the socket to the group docker and join it, then log out and in again", command
    if is_member and not is_active:
        return f"log out and in again, so that the group {group} counts", f"newgrp {group}"
    command = f'sudo usermod -aG {group} "$(id -un)"'
    return f"join the group {group}, then log out and in again", command


def _start(path: str, environ: Mapping[str, str], verb: str) -> tuple[str, str]:
    """Return how the engine of a socket is started, in words and as a command."""
    home = paths.home(environ)
    name = next((n for at, n in _DESKTOPS.items() if path == os.path.join(home, at)), "")
    if sys.platform == "darwin" and path == DEFAULT_SOCKET:
        name = "Docker Desktop"
    if name == "colima":
        return f"{verb} it", f"colima {verb}"
    if name:
        on_mac = sys.platform == "darwin"
        command = f"open -a {shlex.quote(name.removeprefix('Rancher ') and name)}" if on_mac else ""
        if name == "Docker Desktop" and sys.platform == "linux":
            command = f"systemctl --user {verb} docker-desktop"
        return f"{verb} {name}", command
    if path.endswith("/podman.sock"):
        of_user = path.startswith("/run/user/")
        unit = "systemctl --user" if of_user else "sudo systemctl"
        return f"{verb} podman's socket", f"{unit} {verb} podman.socket"
    if path not in (DEFAULT_SOCKET, "/run/docker.sock"):
        is_own = path.startswith(f"/run/user/{os.getuid()}/") and path.endswith("/docker.sock")
        return f"{verb} the engine there", f"systemctl --user {verb} docker" if is_own else ""
    if any(map(os.path.exists, _INSIDE)) or "KUBERNETES_SERVICE_HOST" in environ:
        fix = f"in a container, mount the host's socket at {path}"
        return f"{fix}, or set DOCKER_HOST to an engine such as tcp://docker:2375", ""
    if not (search_path.find("dockerd", environ) or search_path.find("dockerd", {"PATH": _SYSTEM})):
        return "install docker's engine: https://docs.docker.com/engine/install/", ""
    service = "systemctl" if os.path.isdir("/run/systemd/system") else "service"
    words = (service, verb, "docker") if service == "systemctl" else (service, "docker", verb)
    return f"{verb} it", " ".join(("sudo", *words))


def _find_other(
    path: str, target: EngineTarget, environ: Mapping[str, str], seconds: float
) -> tuple[str, str] | None:
    """Return the command that selects another engine that answers, with its address, or None."""
    for command, address in _list_others(target, environ):
        other = address.removeprefix(UNIX)
        if address.startswith(UNIX) and other != path:
            with suppress(OSError):
                ping(other, seconds / 2, environ)
                return command, address
    return None


def _list_others(target: EngineTarget, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the commands that select another engine, each with its address."""
    if left := drop_choice(environ, target):
        yield target.leave, left.address
    first = leave_variables(environ)
    for name, address in list_contexts(environ).items():
        yield f"{first}docker context use {shlex.quote(name)}", address
    sockets = [os.path.join(paths.home(environ), at) for at in _DESKTOPS]
    run = environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    for path in (DEFAULT_SOCKET, os.path.join(run, "docker.sock"), *sockets):
        yield f"export DOCKER_HOST={shlex.quote(UNIX + path)}", UNIX + path
