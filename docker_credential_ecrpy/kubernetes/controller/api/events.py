"""Events of the API: what happened to an object, as `kubectl describe` shows it."""

import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.controller.api.client import Cluster
from docker_credential_ecrpy.kubernetes.controller.api.failure import ApiFailure
from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.sanitize import make_printable
from docker_credential_ecrpy.text.times import stamp

_LONGEST = 1024  # characters of an Event's message, which the API allows


@dataclass(frozen=True)
class News:
    """What happened. reason: one word. message: an Event has it without secrets."""

    reason: str
    message: str
    is_good: bool = True


class Events:
    """Posts Events, as far as the rights allow it. on_error: is told once that they do not."""

    def __init__(self, cluster: Cluster, on_error: Callable[[ApiFailure], None]) -> None:
        self._cluster = cluster
        self._on_error = on_error
        self._denied: set[str] = set()  # namespaces
        self._lock = threading.Lock()

    def post(self, about: Mapping[str, Any], news: News) -> None:
        """Post an Event about an object reference; one of the cluster is in "default".

        An Event is a courtesy: what it says is in the log, too, so that it is not tried again.
        """
        namespace = about.get("namespace") or "default"
        if namespace in self._denied:
            return
        try:
            self._cluster.create("event", namespace, _make(about, news, namespace))
        except ApiFailure as exc:
            with self._lock:
                is_first = not self._denied
                if exc.code == HTTPStatus.FORBIDDEN:
                    self._denied.add(namespace)
            if is_first and exc.code == HTTPStatus.FORBIDDEN:
                self._on_error(exc)


def _make(about: Mapping[str, Any], news: News, namespace: str) -> dict[str, Any]:
    now = stamp(time.time_ns())
    return {
        "metadata": {"generateName": f"{about['name']}.", "namespace": namespace},
        "involvedObject": dict(about),
        "type": "Normal" if news.is_good else "Warning",
        "reason": news.reason,
        "message": make_printable(secrets.redact(news.message))[:_LONGEST],
        "source": {"component": PACKAGE},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
