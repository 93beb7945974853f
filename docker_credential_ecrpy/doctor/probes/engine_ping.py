"""How an engine answers a ping, at a socket or at a port.

https://docs.docker.com/reference/api/engine/version/v1.51/#tag/System/operation/SystemPing
"""

import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote

from docker_credential_ecrpy.doctor.probes.engine_target import EngineTarget
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text import faults
from docker_credential_ecrpy.text.sanitize import lower_first, one_line

_PORT = 2375  # of an engine without TLS
_MOST_READ = 4096
_VERSION = "DOCKER_API_VERSION"
_REFUSED = (b"400", b"404")


def say(exc: Exception) -> str:
    """Return the reason of an error."""
    return lower_first(getattr(exc, "strerror", "") or faults.say(exc))


def check_version(answer: bytes, environ: Mapping[str, str]) -> None:
    """Raise HelperError where an engine refuses the version of DOCKER_API_VERSION."""
    asked = environ.get(_VERSION)
    if not asked or answer.split()[1:2] not in ([status] for status in _REFUSED):
        return
    text = answer.partition(b"\r\n\r\n")[2].decode("utf-8", "replace")
    with suppress(ValueError, LookupError, TypeError):  # it is JSON for versions from 1.23 on
        text = str(json.loads(text)["message"])
    said = one_line(text) or "it does not have that version"
    command = f"unset {_VERSION}"
    msg = f"{_VERSION} is {one_line(asked)!r}, which docker's engine refuses: {said}"
    raise HelperError(msg, hint=f"let docker choose it: {command}", command=command)


def ping(path: str, seconds: float, environ: Mapping[str, str]) -> bytes:
    """Return the beginning of the answer at a Unix socket. Raises OSError."""
    with socket.socket(socket.AF_UNIX) as client:  # type: ignore[attr-defined,unused-ignore]  # not on Windows
        client.settimeout(seconds)
        client.connect(path)
        return send_ping(client, environ)


def send_ping(client: socket.socket, environ: Mapping[str, str]) -> bytes:
    """Return the beginning of the answer to a ping, with the version that a variable asks for."""
    version = quote(environ.get(_VERSION, "").removeprefix("v"), safe="", errors="replace")
    path = f"/v{version}/_ping" if version else "/_ping"
    client.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
    answer = client.recv(_MOST_READ)
    with suppress(OSError):  # the text of a refusal may come after its status
        while not answer.endswith(b"OK") and len(answer) < _MOST_READ:
            if not (more := client.recv(_MOST_READ)):
                break
            answer += more
    if answer:
        return answer
    msg = "it closed the connection"
    raise ConnectionResetError(0, msg)


def check_port(
    address: str, target: EngineTarget, environ: Mapping[str, str], seconds: float
) -> None:
    """Raise HelperError where no engine answers at a TCP port."""
    address = address.partition("/")[0]  # docker adds the path to that of its requests
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        host, port = address, str(_PORT)
    where = f"{one_line(address)} ({target.place})"
    answer = b""
    try:
        with socket.create_connection((host.strip("[]") or "localhost", int(port)), seconds) as it:
            if target.tls:
                with suppress(OSError):  # an engine with TLS may hang up
                    answer = send_ping(it, environ)
            elif target.is_of_variable:  # a context has TLS of its own
                answer = send_ping(it, environ)
    except (OSError, ValueError, OverflowError) as exc:
        reason = "does not resolve" if isinstance(exc, socket.gaierror) else say(exc)
        msg = f"docker's engine does not answer at {where}: {reason}"
        hint = f"start it, check the address, or leave it: {target.leave}"
        raise HelperError(msg, hint=hint, command=target.leave) from exc
    if b"HTTPS" not in answer:
        if target.tls and answer.startswith(b"HTTP/"):
            msg = f"{target.tls[0]} is set, and docker's engine at {where} does not use TLS"
            command = f"unset {' '.join(target.tls)}"
            raise HelperError(msg, hint=f"leave out TLS: {command}", command=command)
        check_version(answer, environ)
    elif not target.tls:
        msg = f"docker's engine at {where} expects TLS"
        command = "export DOCKER_TLS_VERIFY=1"
        raise HelperError(msg, hint=f"set DOCKER_TLS_VERIFY: {command}", command=command)
