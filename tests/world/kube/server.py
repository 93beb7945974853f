"""The loopback API server: HTTP, discovery, lists, watches, faults, and what was asked of it."""

import http.server
import json
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.world.kube import discovery, selectors
from tests.world.kube.access import ADMIN, Access, Rule
from tests.world.kube.status import ApiError
from tests.world.kube.store import Event, Object, Resource, Store
from tests.world.web import Authority

LOOPBACK_ALONE = pytest.mark.parametrize("open_api", ["loopback"], indirect=True)
"""A test that needs what only the loopback API can do; see the fixture `open_api`."""


@dataclass(frozen=True)
class Call:
    """A request that the server has seen. time: monotonic seconds."""

    method: str
    target: str
    user: str
    verb: str
    resource: str
    namespace: str
    name: str
    content_type: str
    body: bytes
    time: float


@dataclass
class Fault:
    """What happens to the next requests that fit, in place of an answer.

    fits: by the request. code: of the answer; 0 resets the connection. times: how often.
    """

    fits: Callable[[Call], bool]
    code: int
    reason: str = "InternalError"
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)


class KubeApi:
    """A loopback API server with TLS. custom: with the custom resources of this program.

    parts: its objects and users. relay: answers the requests in place of this server.
    """

    def __init__(
        self,
        authority: Authority,
        *,
        address: str = "127.0.0.1",
        custom: bool = False,
        parts: Any = None,
        relay: Callable[[http.server.BaseHTTPRequestHandler, bytes], None] | None = None,
    ) -> None:
        self.store: Store
        self.access: Access
        self.store, self.access = parts or (Store(), Access())
        self.relay = relay
        self.resources = discovery.resources(custom=custom)
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self.latency: Callable[[Call], float] = lambda _: 0
        self.bookmark_seconds = 60.0
        self.lock = threading.Lock()
        self.ending = threading.Event()
        self.admin = self.access.add_user("admin", ADMIN)
        self._authority = authority
        kind = _Server6 if ":" in address else _Server
        self._server = kind((address, 0), _Handler)
        self._server.api = self
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority._ca.issue_cert("localhost", "127.0.0.1", "::1").configure_cert(tls)
        self._server.tls = tls
        self._address, self._port = self._server.server_address[:2]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.daemon = True

    @property
    def host(self) -> str:
        """Its address, as KUBERNETES_SERVICE_HOST has it."""
        return str(self._address)

    @property
    def port(self) -> int:
        return int(self._port)

    @property
    def url(self) -> str:
        """Its URL by the name in its certificate."""
        return f"https://localhost:{self.port}"

    def __enter__(self) -> "KubeApi":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()

    # --- what tests do ------------------------------------------------------------------------

    def service_account(self, root: Path, user: str, *rules: Rule, namespace: str) -> Path:
        """Write the files that kubelet puts into a pod, and return their folder."""
        folder = root / "serviceaccount"
        folder.mkdir(parents=True)
        name = f"system:serviceaccount:{namespace}:{user}"
        (folder / "token").write_text(self.access.add_user(name, *rules))
        (folder / "namespace").write_text(namespace)
        self._authority.write_bundle(folder / "ca.crt")
        return folder

    def kubeconfig(self, file: Path, token: str = "") -> Path:
        """Write a kubeconfig for a bearer token; by default, the administrator's."""
        bundle = self._authority.write_bundle(file.with_suffix(".crt"))
        cluster = {"server": self.url, "certificate-authority": str(bundle)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "loopback",
            "clusters": [{"name": "loopback", "cluster": cluster}],
            "users": [{"name": "me", "user": {"token": token or self.admin}}],
            "contexts": [{"name": "loopback", "context": {"cluster": "loopback", "user": "me"}}],
        }
        file.write_text(json.dumps(content))
        file.chmod(0o600)
        return file

    def fail(self, code: int, *, verb: str = "", resource: str = "", **more: Any) -> None:
        """Answer the next requests that fit with an error."""

        def fits(call: Call) -> bool:
            return call.verb == (verb or call.verb) and call.resource == (resource or call.resource)

        self.faults.append(Fault(fits, code, **more))

    def seen(self, verb: str = "", resource: str = "") -> list[Call]:
        """Return the requests of a verb, for a resource."""
        with self.lock:
            calls = list(self.calls)
        return [
            call
            for call in calls
            if call.verb == (verb or call.verb) and call.resource == (resource or call.resource)
        ]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    api: KubeApi
    tls: ssl.SSLContext

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: clients that disconnect are part of the tests."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120
    server: _Server
    disable_nagle_algorithm = True

    def setup(self) -> None:
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()
        self.connection.close()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            self._answer(body)
        except ApiError as exc:
            self._send(exc.code, exc.body, exc.headers)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _answer(self, body: bytes) -> None:
        api = self.server.api
        path, _, query = self.path.partition("?")
        options = {key: values[-1] for key, values in urllib.parse.parse_qs(query).items()}
        found = discovery.parse_path(path, api.resources)
        verb = discovery.verb_of(self.command, found, options)
        place = found or discovery.Target(None, "", "", "")
        name = place.name or selectors.only_name(options.get("fieldSelector", ""))
        resource = place.resource.plural if place.resource else ""
        given = self.headers.get("Content-Type", "").partition(";")[0]
        user = ""
        with suppress(ApiError):
            user = api.access.authenticate(self.headers.get("Authorization", ""))
        call = Call(
            *(self.command, self.path, user, verb, resource, place.namespace, name, given, body),
            time.monotonic(),
        )
        with api.lock:
            api.calls.append(call)
            fault = next((one for one in api.faults if one.times and one.fits(call)), None)
            if fault:
                fault.times -= 1
        time.sleep(api.latency(call))
        if fault and not fault.code:
            self.close_connection = True
            self.connection.close()
            return
        if fault:
            raise ApiError(fault.code, fault.reason, "a fault of the test", None, fault.headers)
        if api.relay:
            api.relay(self, body)
            return
        user = api.access.authenticate(self.headers.get("Authorization", ""))
        if found is None:
            self._send(200, json.dumps(discovery.answer(path, api.resources)).encode())
            return
        assert found.resource
        full = f"{found.resource.plural}{'/status' if found.of_status else ''}"
        names = (full, found.resource.group)
        api.access.authorize(user, verb, names, found.namespace, name)
        if body and given and not given.endswith("json"):  # none means JSON, as in the API
            message = f"the loopback API reads JSON alone, and no {given}"
            raise ApiError(415, "UnsupportedMediaType", message)
        self._do(found.resource, found, (verb, options), json.loads(body) if body else {})

    def _do(
        self,
        resource: Resource,
        found: discovery.Target,
        asked: tuple[str, dict[str, str]],
        given: Any,
    ) -> None:
        store, (verb, options) = self.server.api.store, asked
        place = (found.namespace, found.name)
        if verb in ("list", "watch"):
            fits = selectors.make(found.namespace, options)
            if verb == "watch":
                self._watch(resource, fits, options)
                return
            items, version = store.list(resource, fits)
            listed = {
                "apiVersion": resource.api_version,
                "kind": f"{resource.kind}List",
                "metadata": {"resourceVersion": str(version)},
                "items": items,
            }
            is_partial = "as=PartialObjectMetadataList" in self.headers.get("Accept", "")
            self._object(discovery.to_metadata(listed) if is_partial else listed)
        elif verb == "get":
            self._object(store.read(resource, *place))
        elif verb == "create":
            self._object(store.create(resource, found.namespace, given), 201)
        elif verb == "update":
            self._object(store.change(resource, place, lambda _: given, of_status=found.of_status))
        elif verb == "patch":
            kind = self.headers.get("Content-Type", "").partition(";")[0]
            try:
                done = store.patch(resource, place, given, kind, of_status=found.of_status)
            except KeyError as exc:
                message = f"the body of the request was in an unknown format: {kind}"
                raise ApiError(415, "UnsupportedMediaType", message) from exc
            self._object(done)
        else:
            self._object(store.delete(resource, place, given))

    def _watch(
        self, resource: Resource, fits: Callable[[Object], bool], options: dict[str, str]
    ) -> None:
        api = self.server.api
        since = int(options.get("resourceVersion") or 0)
        end = time.monotonic() + float(options.get("timeoutSeconds") or 1800)
        self.send_response_only(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        marks = options.get("allowWatchBookmarks") in ("true", "True", "1")
        try:
            if since == 0:
                items, since = api.store.list(resource, fits)
                for each in items:
                    self._event("ADDED", each)
            self._stream(api.store.watch(resource, since, fits, end), marks, resource)
        except ApiError as exc:
            self._event("ERROR", exc.status)
        self._chunk(b"")

    def _stream(self, events: Any, marks: bool, resource: Resource) -> None:
        api = self.server.api
        marked = time.monotonic()
        for one in events:
            if api.ending.is_set() or self._is_gone():
                self.close_connection = True
                return
            if isinstance(one, Event):
                self._event(one.kind, one.object)
            if marks and time.monotonic() - marked >= api.bookmark_seconds:
                marked = time.monotonic()
                version = {"resourceVersion": str(api.store.version)}
                about = {"apiVersion": resource.api_version, "kind": resource.kind}
                self._event("BOOKMARK", about | {"metadata": version})

    def _is_gone(self) -> bool:
        """Whether the client of a watch has left."""
        self.connection.settimeout(0.001)
        try:
            return not self.connection.recv(1)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        finally:
            with suppress(OSError):
                self.connection.settimeout(self.timeout)

    def _event(self, kind: str, about: Object) -> None:
        self._chunk(json.dumps({"type": kind, "object": about}).encode() + b"\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _object(self, value: Object, code: int = 200) -> None:
        self._send(code, json.dumps(value).encode())

    def _send(self, code: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(code)
        for name, text in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print nothing."""
