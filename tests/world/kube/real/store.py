"""The objects of the real API, with the methods of the loopback API's store.

It also does what the controllers of a cluster do for namespaces: they get a service account, and
what is in one that is deleted is deleted too.
"""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from typing import Any

from tests.world.kube import discovery
from tests.world.kube.real.server import RealServer
from tests.world.kube.status import ApiError
from tests.world.kube.store import Event, Key, Object, Resource, version_of

NAMESPACES = Resource("namespaces", "Namespace", namespaced=False)
ACCOUNTS = Resource("serviceaccounts", "ServiceAccount")
SECRETS = Resource("secrets", "Secret")
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_CUSTOM = {each.plural: each for each in discovery.CUSTOM}
_MERGE = "application/merge-patch+json"
_PATIENCE = 30.0  # seconds


def path_of(resource: Resource, namespace: str = "", name: str = "") -> str:
    """Return the path of an object, or of all of a kind."""
    base = f"/apis/{resource.group}/{resource.version}" if resource.group else "/api/v1"
    inner = f"/namespaces/{namespace}" if namespace else ""
    return f"{base}{inner}/{resource.plural}" + (f"/{name}" if name else "")


_BROKEN = (OSError, ValueError, AttributeError, http.client.HTTPException)
"""Of a watch whose connection ends."""


class RealStore:
    """The objects of a server, as its administrator sees them. changed: a lock of the tests."""

    def __init__(self, server: RealServer) -> None:
        self.account_delay = 0.0
        self.changed = threading.RLock()
        self._server = server
        self._events: list[Event] = []
        self._fences = count()
        self._following = threading.Event()
        self._ended = threading.Event()
        self._watch: Any = None
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """Begin to follow the Secrets."""
        self._thread.start()
        assert self._following.wait(_PATIENCE)

    def stop(self) -> None:
        self._ended.set()
        with suppress(OSError, AttributeError):  # it has ended by itself
            self._watch.sock.shutdown(socket.SHUT_RDWR)

    # --- what tests do ------------------------------------------------------------------------

    def get(self, plural: str, namespace: str, name: str) -> Object | None:
        resource = _CUSTOM.get(plural, Resource(plural, ""))
        try:
            return self._server.request("GET", path_of(resource, namespace, name))
        except ApiError as exc:
            if exc.code == 404:
                return None
            raise

    def names(self, plural: str) -> list[str]:
        """Return the names of all objects of a kind."""
        found = self._server.request("GET", path_of(Resource(plural, "")))["items"]
        return [each["metadata"]["name"] for each in found]

    def every(self, plural: str) -> list[Object]:
        """Return the objects of a kind, in the order of their last changes."""
        found = self._server.request("GET", path_of(Resource(plural, "")))["items"]
        return sorted(found, key=version_of)

    def create(self, resource: Resource, namespace: str, given: Object) -> Object:
        given = {"apiVersion": resource.api_version, "kind": resource.kind} | given
        return self._server.request("POST", path_of(resource, namespace), given)

    def patch(
        self, resource: Resource, place: tuple[str, str], patch: Any, content_type: str
    ) -> Object:
        return self._server.request("PATCH", path_of(resource, *place), patch, content_type)

    def change(
        self, resource: Resource, place: tuple[str, str], make: Callable[[Object], Object]
    ) -> Object:
        """Replace an object by what `make` returns for it, after a conflict once more."""
        path = path_of(resource, *place)
        while True:
            try:
                return self._server.request("PUT", path, make(self._server.request("GET", path)))
            except ApiError as exc:
                if exc.code != 409:
                    raise

    def delete(self, resource: Resource, place: tuple[str, str], options: Object) -> Object:
        return self._server.request("DELETE", path_of(resource, *place), options or None)

    def compact(self) -> None:
        self._server.compact()

    # --- what was written ---------------------------------------------------------------------

    @property
    def events(self) -> list[Event]:
        """Every change of a Secret until now."""
        name = f"fence-{next(self._fences)}-{id(self)}"
        self.create(SECRETS, "default", {"metadata": {"name": name}})
        self.delete(SECRETS, ("default", name), {})
        end = time.monotonic() + _PATIENCE
        while True:
            found = list(self._events)
            fences = [one for one in found if one.object["metadata"]["name"] == name]
            if any(one.kind == "DELETED" for one in fences):
                return [one for one in found if one.object["metadata"]["namespace"] != "default"]
            assert time.monotonic() < end, "the watch is behind"
            time.sleep(0.02)

    @property
    def writes(self) -> dict[Key, int]:
        """How often each Secret was created or changed."""
        found: dict[Key, int] = {}
        for one in self.events:
            metadata = one.object["metadata"]
            key = ("secrets", metadata["namespace"], metadata["name"])
            found[key] = found.get(key, 0) + (one.kind != "DELETED")
        return found

    def _follow(self) -> None:
        version = self._relist(0)
        self._events.clear()
        self._following.set()
        while not self._ended.is_set():
            with suppress(*_BROKEN), self._watching(version) as lines:
                for line in lines:
                    one = json.loads(line)
                    if one["type"] == "ERROR":  # what it has missed is forgotten
                        version = self._relist(version)
                        break
                    version = self._note(one["type"], one["object"])
            self._ended.wait(0.1)  # while the server is started again

    def _note(self, kind: str, found: Object) -> int:
        version = version_of(found)
        self._events.append(Event(version, kind, "secrets", found))
        return version

    def _relist(self, since: int) -> int:
        """Note the Secrets that have changed since a version; return that of now."""
        listed = self._server.request("GET", path_of(SECRETS))
        for found in sorted(listed["items"], key=version_of):
            if version_of(found) > since:
                self._note("MODIFIED", found)
        return version_of(listed)

    @contextmanager
    def _watching(self, version: int) -> Iterator[Any]:
        path = f"{path_of(SECRETS)}?watch=true&resourceVersion={version}"
        with closing(self._server.connect()) as self._watch:
            headers = {"Authorization": f"Bearer {self._server.admin}"}
            self._watch.request("GET", path, headers=headers)
            with self._watch.getresponse() as answer:
                yield answer

    # --- what the controllers of a cluster do -------------------------------------------------

    def add_namespace(self, name: str, **metadata: Any) -> None:
        """Create a namespace, and a moment later its service account."""
        self.create(NAMESPACES, "", {"metadata": {"name": name, **metadata}})
        account = {"metadata": {"name": "default"}}
        if self.account_delay:
            timer = threading.Timer(self.account_delay, self.create, (ACCOUNTS, name, account))
            timer.daemon = True
            timer.start()
        else:
            self.create(ACCOUNTS, name, account)

    def finish_namespace(self, name: str) -> None:
        """Remove a namespace that is being deleted, with all that is in it."""
        for resource in (SECRETS, ACCOUNTS, Resource("events", "Event")):
            self._server.request("DELETE", path_of(resource, name))
        for found in self._server.request("GET", path_of(SECRETS, name))["items"]:
            patch = {"metadata": {"finalizers": None}}
            self.patch(SECRETS, (name, found["metadata"]["name"]), patch, _MERGE)
        for plural in ("rolebindings", "roles"):
            self._server.request("DELETE", f"{_RBAC}/namespaces/{name}/{plural}")
        self._end_resources(name)
        path = path_of(NAMESPACES, "", name)
        found = self._server.request("GET", path)
        self._server.request("PUT", f"{path}/finalize", found | {"spec": {"finalizers": []}})

    def clear(self) -> None:
        """Remove what a test has made."""
        self._end_resources("")
        for name in self.names("namespaces"):
            if name != "default" and not name.startswith("kube-"):
                self.delete(NAMESPACES, ("", name), {})
                self.finish_namespace(name)
        for resource in (SECRETS, Resource("events", "Event")):
            self._server.request("DELETE", path_of(resource, "default"))

    def _end_resources(self, namespace: str) -> None:
        """Delete the resources of this program, whatever keeps them."""
        with suppress(ApiError):  # their definitions may be absent
            for resource in discovery.CUSTOM:
                if resource.namespaced != bool(namespace):
                    continue
                for found in self._server.request("GET", path_of(resource, namespace))["items"]:
                    path = path_of(resource, namespace, found["metadata"]["name"])
                    patch = {"metadata": {"finalizers": None}}
                    self._server.request("PATCH", path, patch, _MERGE)
                    with suppress(ApiError):
                        self._server.request("DELETE", path)
