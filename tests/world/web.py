"""The loopback world's web server: HTTP, TLS under any host name, and an HTTPS proxy to itself.

As a proxy it answers CONNECT for every host and then speaks TLS as that host, so that a client
with only HTTPS_PROXY and a CA bundle reaches it by AWS's real host names, without root.
"""

import contextlib
import datetime as dt
import http.server
import io
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

try:
    import trustme
except ModuleNotFoundError:  # the demo needs no TLS and no dependencies
    trustme = None  # type: ignore[assignment]  # a module otherwise


@dataclass(frozen=True)
class Request:
    """A client's request."""

    method: str
    host: str
    target: str
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return self.target.partition("?")[0]


@dataclass
class Response:
    """The answer to a request."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Hangup(Exception):
    """Raised by a handler to reset the connection instead of an answer."""


Handler = Callable[[Request], Response]


class YouForgotTheLoopback(Exception):
    """A test tried to reach an address outside of this machine."""


class Authority:
    """A certificate authority that signs any name.

    starts, ends: when its servers' certificates are valid, in seconds from now. root: the common
    name of its own certificate, as one of Amazon's. asked: the name that each handshake asked for.
    """

    def __init__(
        self, starts: float = -86400, ends: float = 10 * 365 * 86400, *, root: str = ""
    ) -> None:
        self._ca = trustme.CA()
        if root:
            self._ca = _rename(self._ca, root)
        self.asked: list[str] = []
        now = dt.datetime.now(dt.timezone.utc)
        self._dates = [now + dt.timedelta(seconds=after) for after in (starts, ends)]
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def write_bundle(self, path: Path) -> Path:
        """Write the authority's own certificate as PEM, and return the path."""
        self._ca.cert_pem.write_to_path(str(path))
        return path

    def write_expired_bundle(self, path: Path) -> Path:
        """Write the authority's own certificate as it was when it ended a day ago."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization

        own = x509.load_pem_x509_certificate(self.pem())
        now = dt.datetime.now(dt.timezone.utc)
        old = x509.CertificateBuilder(
            own.issuer,
            own.subject,
            own.public_key(),
            x509.random_serial_number(),
            now - dt.timedelta(days=30),
            now - dt.timedelta(days=1),
            list(own.extensions),
        ).sign(self._ca._private_key, hashes.SHA256())
        path.write_bytes(old.public_bytes(serialization.Encoding.PEM))
        return path

    def pem(self) -> bytes:
        """Return the authority's own certificate."""
        return self._ca.cert_pem.bytes()

    def context(self) -> ssl.SSLContext:
        """Return a server's TLS context that presents the name that each client asks for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = self._choose
        self._issue("localhost").configure_cert(context)
        return context

    def _choose(self, tls: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if not name:
            return
        self.asked.append(name)
        with self._lock:
            if name not in self._contexts:
                made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._issue(name).configure_cert(made)
                self._contexts[name] = made
        tls.context = self._contexts[name]

    def _issue(self, name: str) -> "trustme.LeafCert":
        starts, ends = self._dates
        return self._ca.issue_cert(name, not_before=starts, not_after=ends)


def _rename(authority: "trustme.CA", common_name: str) -> "trustme.CA":
    """Return an authority with the same key, and a name as Amazon's roots have it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    own = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    name = x509.Name.from_rfc4514_string(f"CN={common_name},O=Amazon,C=US")
    made = x509.CertificateBuilder(
        name,
        name,
        own.public_key(),
        own.serial_number,
        own.not_valid_before_utc,
        own.not_valid_after_utc,
        list(own.extensions),
    ).sign(authority._private_key, hashes.SHA256())
    pem = made.public_bytes(serialization.Encoding.PEM)
    return trustme.CA.from_pem(pem, authority.private_key_pem.bytes())


class WebServer:
    """A server on a loopback address that passes every request to one handler."""

    def __init__(
        self,
        handler: Handler,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        authority: Authority | None = None,
        tls: bool = False,
    ) -> None:
        self.handler = handler
        kind = _Server6 if ":" in address else _Server
        self._server = kind((address, port), _RequestHandler)
        self._server.owner = self
        self._server.tunnel = authority.context() if authority else None
        self._server.tls = self._server.tunnel if tls else None
        self.address, self.port = self._server.server_address[:2]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.daemon = True

    @property
    def url(self) -> str:
        """Its address for plain HTTP."""
        return f"http://{self.address!s}:{self.port}"

    def __enter__(self) -> "WebServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    owner: WebServer
    tunnel: ssl.SSLContext | None
    tls: ssl.SSLContext | None

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: clients that disconnect are part of the tests."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _RequestHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120
    server: _Server
    disable_nagle_algorithm = True

    def setup(self) -> None:
        if self.server.tls is not None:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.connection.close()  # the tunnel's; the caller closes the plain one

    def do_CONNECT(self) -> None:
        if self.server.tunnel is None:
            self.send_error(405)
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        self.connection = self.server.tunnel.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def _serve(self) -> None:
        request = Request(
            method=self.command,
            host=self.headers.get("Host", "").partition(":")[0].lower(),
            target=self.path,
            headers=self.headers,
            body=self._body(),
        )
        try:
            response = self.server.owner.handler(request)
        except Hangup:
            self._reset()
            return
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status not in (204, 304) and "Content-Length" not in response.headers:
            self.send_header("Content-Length", str(len(response.body)))
        self._send(b"" if self.command == "HEAD" else response.body)

    def _send(self, body: bytes) -> None:
        """Send the headers and the body with one write: the Go SDK may fail if the body is late."""
        stream, self.wfile = self.wfile, io.BytesIO()
        self.end_headers()
        head, self.wfile = self.wfile.getvalue(), stream
        self.wfile.write(head + body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _reset(self) -> None:
        linger = struct.pack("ii", 1, 0)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.close()

    def send_response(self, code: int, message: str | None = None) -> None:
        """Send the status line only: the handler sets the date."""
        self.log_request(code)
        self.send_response_only(code, message)

    def log_message(self, *_: object) -> None:
        """Print nothing."""
