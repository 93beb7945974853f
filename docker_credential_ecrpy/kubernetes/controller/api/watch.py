"""Watches of the API, by the official client's informer."""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

from kubernetes.client.exceptions import ApiException
from kubernetes.informer import ADDED, BOOKMARK, DELETED, ERROR, MODIFIED, SharedInformer

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.kubernetes.controller.api.client import Cluster, explain

_TIMEOUT = (5, 150)  # seconds to connect, and of silence; a bookmark comes each minute
_LONGEST_PAUSE = 30.0
_SHORT = 1.0  # seconds; a watch that ends sooner was refused, or cut by a proxy
_GONE = 410
_RELIST = 2  # failures in a row: the API may have lost its place without saying so

Object = dict[str, Any]

logging.getLogger("kubernetes").addHandler(logging.NullHandler())
logging.getLogger("kubernetes").propagate = False  # each error is reported here


@dataclass(frozen=True)
class Source:
    """A list of the API. path: without the `query`."""

    cluster: Cluster
    path: str
    query: Mapping[str, str] = field(default_factory=dict)

    def open(self, query: Mapping[str, object]) -> Any:
        """Return the response. Raises ApiException and errors of urllib3."""
        asked = urlencode({**self.query, **query})
        path = f"{self.path}?{asked}" if asked else self.path
        return self.cluster.open("GET", path, timeout=_TIMEOUT)


@dataclass(frozen=True)
class Handlers:
    """What a watch calls.

    on_change: for each object that exists, is added, changed or deleted. on_end: in its place for
    one that is deleted. on_list: with the objects of each list after the first; one that came and
    went between a list and its watch is in no event.
    """

    on_change: Callable[[Object], None]
    on_end: Callable[[Object], None] | None = None
    on_list: Callable[[Sequence[Object]], None] = lambda _: None


class Watcher:
    """Tells what happens to the objects of a list.

    source: a list of the API. on_error: is told why the watch fails, once for each reason. is_live:
    whether what changes is seen; else it has to be asked for. has_begun: whether the handlers have
    had all that existed at the start. keeps_objects: whether `list` is used; else the informer's
    cache keeps names alone.
    """

    def __init__(
        self,
        source: Source,
        handlers: Handlers,
        on_error: Callable[[HelperError], None],
        *,
        keeps_objects: bool = True,
    ) -> None:
        self.is_live = self.has_begun = False
        self._failures = 0
        self._said = ""
        self._on_error, self._on_list = on_error, handlers.on_list
        self._explain_silence = source.cluster.explain_silence
        self._stopped = threading.Event()
        self._begun = -_SHORT
        self._short = 0
        self._is_listed = False  # since the last failure
        self._is_watching = False
        self._informer = SharedInformer(_make_lister(source, self._note_list, self._pace))
        for kind in (ADDED, MODIFIED, DELETED):
            on_end = handlers.on_end if kind == DELETED else None
            self._informer.add_event_handler(kind, on_end or handlers.on_change)
            if not keeps_objects:
                self._informer.add_event_handler(kind, _strip)
        for kind in (ADDED, MODIFIED, DELETED, BOOKMARK):
            self._informer.add_event_handler(kind, self._note_success)
        self._informer.add_event_handler(ERROR, self._note_error)

    def start(self) -> None:
        """Begin, in a thread that does not keep the process alive."""
        self._informer.start()

    def stop(self) -> None:
        """End the watch."""
        self._stopped.set()
        threading.Thread(target=self._informer.stop, daemon=True).start()

    def list(self) -> list[Object]:
        """Return the objects that exist, as far as they are known."""
        return list(self._informer.cache.list())

    def _note_list(self, found: Sequence[Object]) -> None:
        self.is_live, self._is_listed, self._is_watching = True, True, False
        if self.has_begun:
            self._on_list(found)

    def _pace(self) -> None:
        """Wait before a watch if the last ones ended at once: the informer begins it again so.

        Raises ApiException (410), after which the informer lists first, where watches fail.
        """
        self.has_begun = True
        if self._failures >= _RELIST and not self._is_listed:
            raise ApiException(status=_GONE)
        is_short = time.monotonic() - self._begun < _SHORT
        self._short = self._short + 1 if is_short else 0
        if self._short:
            self._stopped.wait(min(0.25 * 2 ** min(self._short, 10), _LONGEST_PAUSE))
        self._begun, self._is_watching = time.monotonic(), True

    def _note_success(self, _: object) -> None:
        self.is_live = True
        if self._is_watching:  # the objects of a list are no success of the watch
            self._failures, self._said = 0, ""

    def _note_error(self, exc: object) -> None:
        """Report an error, and wait: the informer tries again at once. It runs in its thread."""
        if self._stopped.is_set() or (isinstance(exc, ApiException) and exc.status == _GONE):
            return  # its end cuts an answer off, and where it is gone it lists again
        self.is_live = self._is_listed = False
        failure = explain(exc) if isinstance(exc, ApiException) else self._explain_silence(exc)
        if self._said != str(failure):
            self._said = str(failure)
            self._on_error(failure)
        self._failures += 1
        pause = min(0.5 * 2 ** min(self._failures, 10), _LONGEST_PAUSE)
        self._stopped.wait(max(pause, failure.retry_after))


def _strip(found: Object) -> None:
    """Drop the values of an object that the informer's cache holds, after its other handlers."""
    name = {key: found["metadata"].get(key) for key in ("name", "namespace")}
    found.clear()
    found["metadata"] = name


def _make_lister(
    source: Source, on_list: Callable[[Sequence[Object]], None], on_watch: Callable[[], None]
) -> Callable[..., Any]:
    """Return a list method as the informer calls it, whose objects are plain ones.

    on_list: is called with the objects of each list. on_watch: before each watch, which begins once
    the handlers have had the objects of the list.
    """

    def list_objects(**options: Any) -> Any:
        """Return the list, or the stream of a watch.

        :rtype: object
        """
        names = {"resource_version": "resourceVersion", "timeout_seconds": "timeoutSeconds"}
        query = {names[key]: value for key, value in options.items() if key in names}
        if options.get("watch"):
            query |= {"watch": "true", "allowWatchBookmarks": "true"}
            on_watch()
            return source.open(query)
        found = json.loads(source.open(query).data)
        on_list(found["items"] or [])
        version = SimpleNamespace(resource_version=found["metadata"]["resourceVersion"])
        return SimpleNamespace(items=found["items"], metadata=version)

    return list_objects
