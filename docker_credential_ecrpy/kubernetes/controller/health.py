"""The endpoints for kubelet's probes and for Prometheus: /healthz, /readyz and /metrics."""

import http.server
import socket
import socketserver
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
        try:
            host, _, port = listen.rpartition(":")
            self._server = _bind(host.strip("[]"), int(port))
        except (OSError, ValueError, OverflowError) as exc:
            msg = f"cannot listen on {listen}: {getattr(exc, 'strerror', None) or exc}"
            raise HelperError(msg, hint="name another address by --listen, such as :8080") from exc
        self._server.paths = paths
        self.port = int(self._server.server_address[1])

    def start(self) -> None:
        """Answer from now on."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()


def _bind(host: str, port: int) -> "_Server":
    """Return a server of an address; without one, of both families where the system has IPv6."""
    if ":" in host or not host:
        try:
            return _Server6((host, port), _Handler)
        except OSError:
            if host:
                raise
    return _Server((host, port), _Handler)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    paths: dict[str, Callable[[], Answer]]

    def server_bind(self) -> None:
        # Without the reverse lookup of http.server, which may wait for a name server.
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: a probe that left has no meaning."""


class _Server6(_Server):
    address_family = socket.AF_INET6

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


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
