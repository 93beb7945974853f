"""Which engine Docker's client uses: by DOCKER_HOST, by a context, or by default.

docker/cli: cli/command/cli.go, cli/context/store and opts/hosts.go.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress

from docker_credential_ecrpy.docker.config import DockerConfig, config_path
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import read_user_file
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.suggestion import suggest

DEFAULT_SOCKET = "/var/run/docker.sock"
UNIX = "unix://"
DEFAULT_CONTEXT = "default"
_HOST, _CONTEXT = "DOCKER_HOST", "DOCKER_CONTEXT"
_TLS_SWITCHES = ("DOCKER_TLS_VERIFY", "DOCKER_TLS")  # any text turns them on, also "0"
_CERTIFICATES = "DOCKER_CERT_PATH"
_TLS_HOST = "tcp://localhost:2376"
_MOST_CONTEXTS = 20


@dataclass(frozen=True)
class EngineTarget:
    """An engine. place: what names it; "" for the default. leave: the command that undoes that.

    tls: the variables that make docker use TLS, the first of them by its switch. authority: the
    file that it needs then.
    """

    address: str
    place: str = ""
    leave: str = ""
    tls: tuple[str, ...] = ()
    authority: str = ""

    @property
    def is_of_variable(self) -> bool:
        """Whether DOCKER_HOST names it."""
        return self.place == _HOST


def find_target(environ: Mapping[str, str], config: DockerConfig | None) -> EngineTarget:
    """Return the engine of Docker's client. Raises HelperError for a context that is none.

    config: Docker's file; None where it cannot be read.
    """
    tls, authority = _find_tls(environ)
    if address := environ.get(_HOST, "").strip():
        return EngineTarget(address, _HOST, f"unset {_HOST}", tls, authority)
    name, place, leave = environ.get(_CONTEXT, ""), _CONTEXT, f"unset {_CONTEXT}"
    if not name and config:
        name, place = config.source.value("currentContext"), config.file
        leave = f"docker context use {DEFAULT_CONTEXT}"
    if not (isinstance(name, str) and name) or name == DEFAULT_CONTEXT:
        if tls:
            return EngineTarget(_TLS_HOST, tls[0], f"unset {' '.join(tls)}", tls, authority)
        is_chosen = name == DEFAULT_CONTEXT and place == _CONTEXT
        return EngineTarget(UNIX + DEFAULT_SOCKET, *((place, leave) if is_chosen else ()))
    shown = f"the context {one_line(name)!r} in {one_line(place)}"
    folder = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
    file = os.path.join(_contexts_folder(environ), folder, "meta.json")
    found = _read_context(file)
    if found is None:
        hint = f"leave it: {leave}"
        if near := suggest(name, list_contexts(environ)):
            hint = f"did you mean {near!r}? or {hint}"
        msg = f"{shown} does not exist: docker reaches no engine"
        raise HelperError(msg, hint=hint, command=leave)
    if not found[1]:
        msg = f"{shown} names no engine: {one_line(file)} is damaged"
        raise HelperError(msg, hint=f"create it again, or leave it: {leave}", command=leave)
    return EngineTarget(found[1], shown, leave)


def drop_choice(environ: Mapping[str, str], target: EngineTarget) -> EngineTarget | None:
    """Return the engine that is used after `target.leave`; None where it changes nothing."""
    names = target.leave.removeprefix("unset ")
    if names == target.leave:
        return EngineTarget(UNIX + DEFAULT_SOCKET) if target.leave else None
    rest = {**environ, **dict.fromkeys(names.split(), "")}
    with suppress(HelperError):
        return find_target(rest, DockerConfig.load(config_path(environ)))
    return None


def leave_variables(environ: Mapping[str, str]) -> str:
    """Return the command after which the file's context counts, with " && "; "" if it does."""
    names = [name for name in (_HOST, _CONTEXT) if environ.get(name)]
    return f"unset {' '.join(names)} && " if names else ""


def _find_tls(environ: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """Return the variables that make docker use TLS, and the file of authorities it needs."""
    if not any(map(environ.get, _TLS_SWITCHES)):
        return (), ""
    folder = environ.get(_CERTIFICATES) or os.path.dirname(config_path(environ))
    names = (*_TLS_SWITCHES, _CERTIFICATES)
    return tuple(filter(environ.get, names)), os.path.join(folder, "ca.pem")


def list_contexts(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the contexts that exist, each with the address of its engine."""
    found: dict[str, str] = {}
    parent = _contexts_folder(environ)
    with suppress(OSError):
        for folder in sorted(os.listdir(parent))[:_MOST_CONTEXTS]:
            name, address = _read_context(os.path.join(parent, folder, "meta.json")) or ("", "")
            if name and address:
                found[name] = address
    return found


def _contexts_folder(environ: Mapping[str, str]) -> str:
    return os.path.join(os.path.dirname(config_path(environ)), "contexts", "meta")


def _read_context(file: str) -> tuple[str, str] | None:
    """Return the name and the engine's address in a context's file, "" where it is damaged."""
    try:
        data = read_user_file(file)
        if data is None:
            return None
        found = json.loads(data)
        name, address = found["Name"], found["Endpoints"]["docker"]["Host"]
    except (HelperError, ValueError, KeyError, TypeError, RecursionError):
        return "", ""
    return (name, address) if isinstance(name, str) and isinstance(address, str) else ("", "")
