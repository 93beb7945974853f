"""The objects of the loopback API, their versions, and the events of its watches."""

import copy
import datetime as dt
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.world.kube import patches, rules, status

Object = dict[str, Any]
Key = tuple[str, str, str]
"""Resource, namespace ("" for the cluster's own), name."""


@dataclass(frozen=True)
class Resource:
    """A kind of object, as discovery names it."""

    plural: str
    kind: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    has_status: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True)
class Event:
    version: int
    kind: str
    resource: str
    object: Object


def version_of(found: Object) -> int:
    return int(found["metadata"]["resourceVersion"])


@dataclass
class Store:
    """Objects by their keys. `writes` counts the changes of each key."""

    objects: dict[Key, Object] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    version: int = 100
    oldest: int = 0
    writes: dict[Key, int] = field(default_factory=dict)
    account_delay: float = 0
    """Seconds until a new namespace has its ServiceAccount."""

    def __post_init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())

    # --- what tests do ------------------------------------------------------------------------

    def add_namespace(self, name: str, **metadata: Any) -> None:
        """Create a namespace, and a moment later its ServiceAccount, as controllers do."""
        resource = Resource("namespaces", "Namespace", namespaced=False)
        self.create(resource, "", {"metadata": {"name": name, **metadata}})

    def compact(self) -> None:
        """Forget the events: a watch from an older version is answered with 410."""
        with self.changed:
            self.events.clear()
            self.oldest = self.version

    def get(self, plural: str, namespace: str, name: str) -> Object | None:
        with self.changed:
            found = self.objects.get((plural, namespace, name))
            return copy.deepcopy(found) if found else None

    def names(self, plural: str) -> list[str]:
        """Return the names of all objects of a kind."""
        with self.changed:
            return [key[2] for key in self.objects if key[0] == plural]

    def every(self, plural: str) -> list[Object]:
        """Return the objects of a kind, in the order of their last changes."""
        with self.changed:
            found = [each for key, each in self.objects.items() if key[0] == plural]
            return copy.deepcopy(sorted(found, key=version_of))

    # --- what the API does --------------------------------------------------------------------

    def read(self, resource: Resource, namespace: str, name: str) -> Object:
        found = self.get(resource.plural, namespace, name)
        if found is None:
            raise status.not_found(resource.plural, name)
        return found

    def list(self, resource: Resource, fits: Callable[[Object], bool]) -> tuple[list[Object], int]:
        with self.changed:
            items = [
                copy.deepcopy(found)
                for (plural, _, _), found in sorted(self.objects.items())
                if plural == resource.plural and fits(found)
            ]
            return items, self.version

    def create(self, resource: Resource, namespace: str, given: Object) -> Object:
        new = copy.deepcopy(given)
        metadata = new.setdefault("metadata", {})
        if "name" not in metadata and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + uuid.uuid4().hex[:5]
        name = metadata["name"]
        key = (resource.plural, namespace, name)
        with self.changed:
            if resource.namespaced:
                self._check_namespace(resource, namespace, name)
                metadata["namespace"] = namespace
            if key in self.objects:
                raise status.exists(resource.plural, name)
            new |= {"apiVersion": resource.api_version, "kind": resource.kind}
            if resource.has_status:
                new.pop("status", None)
                metadata["generation"] = 1
            rules.check(resource.plural, new, None)
            now = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            metadata |= {"uid": str(uuid.uuid4()), "creationTimestamp": now}
            if resource.plural == "namespaces":
                new["status"] = {"phase": "Active"}
                metadata.setdefault("labels", {})["kubernetes.io/metadata.name"] = name
            created = self._put(key, new, "ADDED")
        if resource.plural == "namespaces":
            account = {"metadata": {"name": "default"}}
            accounts = Resource("serviceaccounts", "ServiceAccount")
            if self.account_delay:
                timer = threading.Timer(self.account_delay, self.create, (accounts, name, account))
                timer.daemon = True
                timer.start()
            else:
                self.create(accounts, name, account)
        return created

    def change(
        self,
        resource: Resource,
        place: tuple[str, str],
        make: Callable[[Object], Object],
        *,
        of_status: bool = False,
    ) -> Object:
        """Replace an object by what `make` returns for it; nothing is written if that is equal."""
        key = (resource.plural, *place)
        with self.changed:
            old = self.read(resource, *place)
            new = make(copy.deepcopy(old))
            given = new["metadata"].get("resourceVersion")
            if given and given != old["metadata"]["resourceVersion"]:
                raise status.conflict(resource.plural, place[1])
            for member in ("uid", "creationTimestamp", "name", "namespace", "deletionTimestamp"):
                if member in old["metadata"]:
                    new["metadata"][member] = old["metadata"][member]
            new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
            new |= {"apiVersion": old["apiVersion"], "kind": old["kind"]}
            if resource.has_status:
                kept = ("spec", "metadata") if of_status else ("status",)
                new = {k: v for k, v in new.items() if k not in kept}
                new |= {member: old[member] for member in kept if member in old}
                is_other = new.get("spec") != old.get("spec")
                new["metadata"]["generation"] = old["metadata"]["generation"] + is_other
            rules.check(resource.plural, new, old)
            for name in ("annotations", "labels"):
                if not new["metadata"].get(name):
                    new["metadata"].pop(name, None)
            if new == old:
                return old
            if new["metadata"].get("deletionTimestamp") and not new["metadata"].get("finalizers"):
                return self._remove(key, new)
            return self._put(key, new, "MODIFIED")

    def patch(
        self,
        resource: Resource,
        place: tuple[str, str],
        patch: Any,
        content_type: str,
        *,
        of_status: bool = False,
    ) -> Object:
        if content_type == "application/strategic-merge-patch+json" and "." in resource.group:
            message = "the body of the request was in an unknown format"
            raise status.ApiError(415, "UnsupportedMediaType", message)
        return self.change(
            resource,
            place,
            lambda old: patches.apply(old, patch, content_type),
            of_status=of_status,
        )

    def delete(self, resource: Resource, place: tuple[str, str], options: Object) -> Object:
        key = (resource.plural, *place)
        with self.changed:
            found = self.read(resource, *place)
            wanted = options.get("preconditions") or {}
            for member in ("uid", "resourceVersion"):
                if member in wanted and wanted[member] != found["metadata"][member]:
                    raise status.conflict(resource.plural, place[1])
            if resource.plural == "namespaces" or found["metadata"].get("finalizers"):
                now = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
                found["metadata"].setdefault("deletionTimestamp", now)
                if resource.plural == "namespaces":
                    found["status"] = {"phase": "Terminating"}
                return self._put(key, found, "MODIFIED")
            return self._remove(key, found)

    def finish_namespace(self, name: str) -> None:
        """Remove a namespace that is being deleted, with all that is in it."""
        with self.changed:
            for key in [key for key in self.objects if key[1] == name]:
                self._remove(key, self.objects[key])
            self._remove(("namespaces", "", name), self.objects["namespaces", "", name])

    def watch(
        self, resource: Resource, since: int, fits: Callable[[Object], bool], end: float
    ) -> Iterator[Event | None]:
        """Yield the events after a version until `end` (monotonic seconds); None when idle.

        Raises ApiError (410).
        """
        with self.changed:
            if since < self.oldest:
                raise status.gone(since, self.oldest)
        seen = since
        while time.monotonic() < end:
            with self.changed:
                fresh = [one for one in self.events if one.version > seen]
                if not fresh:
                    if seen < self.oldest:  # compacted while this watch was behind
                        raise status.gone(seen, self.oldest)
                    self.changed.wait(0.2)
                    fresh = [one for one in self.events if one.version > seen]
            for one in fresh:
                seen = one.version
                if one.resource == resource.plural and fits(one.object):
                    yield one
            if not fresh:
                yield None

    def _check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        home = self.objects.get(("namespaces", "", namespace))
        if home is None:
            raise status.not_found("namespaces", namespace)
        if home["metadata"].get("deletionTimestamp"):
            raise status.terminating(resource.plural, name, namespace)

    def _put(self, key: Key, new: Object, kind: str) -> Object:
        self.version += 1
        new["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = new
        self.writes[key] = self.writes.get(key, 0) + 1
        return self._tell(kind, key, new)

    def _remove(self, key: Key, old: Object) -> Object:
        self.version += 1
        del self.objects[key]
        gone = copy.deepcopy(old)
        gone["metadata"]["resourceVersion"] = str(self.version)
        return self._tell("DELETED", key, gone)

    def _tell(self, kind: str, key: Key, about: Object) -> Object:
        self.events.append(Event(self.version, kind, key[0], copy.deepcopy(about)))
        self.changed.notify_all()
        return copy.deepcopy(about)
