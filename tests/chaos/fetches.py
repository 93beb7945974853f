"""The loopback AWS's front door, which records overlapping requests for the same token."""

import contextlib
import select
import socket
import ssl
import threading
import time
from collections import defaultdict
from dataclasses import dataclass

from tests.world import sigv4, web
from tests.world.aws import Aws, Issued

_GRACE = 0.5
"""Seconds that a process may take to end after its deadline: it has released its lock by then, and
still has its connection. The next lock holder loads boto3 before its request."""
_here = threading.local()


@dataclass
class Fetch:
    """A request for an authorization token, while it is answered."""

    key: tuple[str, str, str]
    began: float
    call: str
    connection: ssl.SSLSocket | socket.socket
    ended: bool = False

    def given_up(self, seconds: float) -> bool:
        """Return whether the client closes the connection, unanswered, within these seconds."""
        end = time.monotonic() + seconds
        while not self.ended:
            if _closed(self.connection):
                return True
            if time.monotonic() > end:
                break
            time.sleep(0.01)
        return False


@dataclass(frozen=True)
class Overlap:
    """Two live processes that asked for the same token at once: ARN, region, service, and times."""

    key: tuple[str, str, str]
    first: float
    second: float


class IssuedAt(dict[str, Issued]):
    """The loopback AWS's tokens, with the time of each."""

    def __init__(self) -> None:
        super().__init__()
        self.times: dict[str, float] = {}

    def __setitem__(self, password: str, issued: Issued) -> None:
        self.times[password] = time.time()
        super().__setitem__(password, issued)


class Fetches:
    """Passes every request to the AWS, and records overlapping requests for a token."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.issued = IssuedAt()
        aws.issued = self.issued
        self.count = 0
        self.overlaps: list[Overlap] = []
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str, str], list[Fetch]] = defaultdict(list)

    def handle(self, request: web.Request) -> web.Response:
        """Answer one request as AWS would."""
        scope = sigv4.scope_of(request.headers)
        owner = self.aws.keys.get(scope.access_key) if scope else None
        wanted = request.headers.get("X-Amz-Target", "").endswith(".GetAuthorizationToken")
        if scope is None or owner is None or not wanted:
            return self.aws.handle(request)
        key = (owner.arn, scope.region, scope.service)
        call = request.headers.get("amz-sdk-invocation-id", "")
        fetch = Fetch(key, time.time(), call, _here.connection)
        with self._lock:
            self.count += 1
            others = [other for other in self._running[key] if other.call != call]
            self._running[key].append(fetch)
        try:
            self._compare(fetch, others)
            return self.aws.handle(request)
        finally:
            with self._lock:
                fetch.ended = True
                self._running[key].remove(fetch)

    def _compare(self, fetch: Fetch, others: list[Fetch]) -> None:
        for other in others:
            # An answer that is on its way counts as given.
            if not other.ended and not other.given_up(_GRACE):
                self.overlaps.append(Overlap(fetch.key, other.began, fetch.began))


def server(fetches: Fetches, authority: web.Authority) -> web.WebServer:
    """Return the web server of a world whose handler knows its connection."""
    made = web.WebServer(fetches.handle, authority=authority)
    made._server.RequestHandlerClass = _Handler
    return made


class _Handler(web._RequestHandler):
    def _serve(self) -> None:
        _here.connection = self.connection
        super()._serve()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve


def _closed(connection: ssl.SSLSocket | socket.socket) -> bool:
    """Return whether the client has closed the connection: while it waits, it sends nothing."""
    with contextlib.suppress(OSError, ValueError):
        return bool(select.select([connection], [], [], 0)[0])
    return True
