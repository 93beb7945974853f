"""The endpoints for kubelet's probes and for Prometheus: /healthz, /readyz and /metrics."""

import http.server
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus

from docker_credential_ecrpy.errors import HelperError

Answer = tuple[int, str, bytes]
"""Status, content type, body."""
_PLAIN = "text/plain; charset=utf-8"


def answer(is_good: bool, text: str = "") -> Answer:  # noqa: FBT001 - the state itself
    """Return the answer of a probe."""
    status = HTTPStatus.OK if is_good else HTTPStatus.SERVICE_UNAVAILABLE
    return status, _PLAIN, f"{text or ('ok' if is_good else 'not yet')}\n".encode()


class HealthServer:
    """A server in a thread that does not keep the process alive. port: the one in use."""

    def __init__(self, listen: str, paths: dict[str, Callable[[], Answer]]) -> None:
        """Bind the address, such as ":8080" or "[::1]:8080". Raises HelperError."""
        host, _, port = listen.rpartition(":")
        host = host.strip("[]")
        kind = type("_Server", (_Server,), {"address_family": _family(host), "paths": paths})
        try:
            self._server = kind((host, int(port)), _Handler)
        except (OSError, ValueError, OverflowError) as exc:
            msg = f"cannot listen on {listen}: {getattr(exc, 'strerror', None) or exc}"
            raise HelperError(msg, hint="name another address by --listen, such as :8080") from exc
        self.port = int(self._server.server_address[1])

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def _family(host: str) -> int:
    """Return the family of an address; without one, both families where the system has IPv6."""
    return socket.AF_INET6 if ":" in host or (not host and socket.has_ipv6) else socket.AF_INET


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    paths: dict[str, Callable[[], Answer]]

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a probe that left has no meaning."""


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = 10
    server: _Server

    def do_GET(self) -> None:
        """Answer a path, or 404."""
        make = self.server.paths.get(self.path.partition("?")[0])
        status, kind, body = make() if make else (HTTPStatus.NOT_FOUND, _PLAIN, b"not found\n")
        self.send_response_only(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""
