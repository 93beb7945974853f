"""The real API server behind a relay that records its requests, and fails on demand."""

import http.client
import http.server
import socket
import threading
from contextlib import closing, suppress

import yaml

from tests.world.kube.discovery import CUSTOM, DEFINITIONS
from tests.world.kube.real.access import RealAccess
from tests.world.kube.real.server import RealServer
from tests.world.kube.real.store import RealStore, path_of
from tests.world.kube.server import KubeApi
from tests.world.kube.status import ApiError
from tests.world.tree import REPOSITORY
from tests.world.web import Authority

_OWN = ("connection", "transfer-encoding", "content-length", "keep-alive")
"""Headers of a connection, not of what it carries."""


class Ending(threading.Event):
    """When it is set, every connection to the real server ends."""

    def __init__(self) -> None:
        super().__init__()
        self.open: set[http.client.HTTPSConnection] = set()

    def set(self) -> None:
        super().set()
        for each in list(self.open):
            with suppress(OSError, AttributeError):
                each.sock.shutdown(socket.SHUT_RDWR)


class RealApi(KubeApi):
    """A session with the real server: what a test has made is removed at its end.

    Requests go through the loopback API's server, for its record and its faults, and are answered
    by the real one, with all that belongs to an answer. is_direct: its URL is the real server's.
    """

    def __init__(
        self,
        server: RealServer,
        authority: Authority,
        *,
        address: str = "127.0.0.1",
        custom: bool = False,
        is_direct: bool = False,
    ) -> None:
        self.real = server
        self._is_direct = is_direct
        objects, access = RealStore(server), RealAccess(server)
        super().__init__(
            authority, address=address, custom=custom, parts=(objects, access), relay=self._relay
        )
        self.ending = self._streams = Ending()
        self._users, self._objects = access, objects
        self._wants_definitions = custom

    @property
    def url(self) -> str:
        return f"https://localhost:{self.real.port}" if self._is_direct else super().url

    def __enter__(self) -> "RealApi":
        if self._wants_definitions:
            define(self.real)
        else:
            undefine(self.real)
        self._objects.start()
        super().__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        super().__exit__(*problem)
        self._objects.stop()
        for path in self._users.made:
            self.real.request("DELETE", path)
        self._objects.clear()

    def _relay(self, handler: http.server.BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer a request as the real server does."""
        if self._streams.is_set() and "watch=" in handler.path:
            handler.close_connection = True
            return
        given = {k: v for k, v in handler.headers.items() if k.lower() not in _OWN}
        with closing(self.real.connect()) as connection:
            self._streams.open.add(connection)
            try:
                connection.request(handler.command, handler.path, body or None, given)
                _pass_on(connection.getresponse(), handler)
            except (OSError, http.client.HTTPException):  # it has ended, or the client has
                handler.close_connection = True
            finally:
                self._streams.open.discard(connection)


def _pass_on(answer: http.client.HTTPResponse, handler: http.server.BaseHTTPRequestHandler) -> None:
    size = answer.getheader("Content-Length")
    handler.send_response_only(answer.status)
    for name, value in answer.getheaders():
        if name.lower() not in _OWN:
            handler.send_header(name, value)
    if size is not None:
        handler.send_header("Content-Length", size)
        handler.end_headers()
        handler.wfile.write(answer.read())
        return
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    while part := answer.read1(65536):
        handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        handler.wfile.flush()
    handler.wfile.write(b"0\r\n\r\n")


def define(server: RealServer) -> None:
    """Apply the definitions of deploy/kubernetes, and wait until the API serves them."""
    folder = REPOSITORY / "deploy" / "kubernetes" / "pull-secrets" / "crds"
    for resource in CUSTOM:
        given = yaml.safe_load((folder / f"{resource.plural}.yaml").read_text())
        try:
            server.request("POST", path_of(DEFINITIONS), given)
        except ApiError as exc:
            if exc.code != 409:
                raise
    for resource in CUSTOM:
        server.wait_for(path_of(resource))


def undefine(server: RealServer) -> None:
    """Delete the definitions, and wait until the API no longer serves them."""
    for resource in CUSTOM:
        name = f"{resource.plural}.{resource.group}"
        with suppress(ApiError):  # it is absent
            server.request("DELETE", path_of(DEFINITIONS, name=name))
    for resource in CUSTOM:
        server.wait_for(path_of(resource), is_there=False)
