"""What Prometheus reads: expiry by registry, the last success, failures by reason, and writes."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from docker_credential_ecrpy.hot import cache

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "ecrpy_pull_secret"


class Metrics:
    """The counters and gauges of one controller. clock: returns nanoseconds since the epoch."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._registry = CollectorRegistry()
        self._clock = clock
        self._expiry = Gauge(
            f"{_PREFIX}_expiry_timestamp_seconds",
            "When the login of a registry in a Secret expires.",
            ["namespace", "secret", "registry"],
            registry=self._registry,
        )
        self._success = Gauge(
            f"{_PREFIX}_last_success_timestamp_seconds",
            "When a Secret was last found or made up to date.",
            ["namespace", "secret"],
            registry=self._registry,
        )
        self._failures = Counter(
            f"{_PREFIX}_failures",
            "Tries that failed, by reason.",
            ["reason"],
            registry=self._registry,
        )
        self._writes = Counter(
            f"{_PREFIX}_writes",
            "Writes of Secrets.",
            ["deed"],
            registry=self._registry,
        )
        self._wanted = Gauge(
            f"{_PREFIX}_wanted", "Secrets that are wanted.", registry=self._registry
        )

    def note_success(self, namespace: str, secret: str) -> None:
        """Note that a Secret is up to date."""
        self._success.labels(namespace, secret).set(self._clock() / cache.SECOND)

    def note_expiry(self, namespace: str, secret: str, registry: str, expires: int) -> None:
        """Note when a login expires (nanoseconds since the epoch)."""
        self._expiry.labels(namespace, secret, registry).set(expires // cache.SECOND)

    def note_failure(self, reason: str) -> None:
        """Count a failure."""
        self._failures.labels(reason).inc()

    def note_write(self, deed: str) -> None:
        """Count a write."""
        self._writes.labels(deed).inc()

    def note_wanted(self, count: int) -> None:
        """Note how many Secrets are wanted."""
        self._wanted.set(count)

    def forget(self, namespace: str, secret: str) -> None:
        """Drop what is known of a Secret that is no longer wanted."""
        self._success.remove_by_labels({"namespace": namespace, "secret": secret})
        self._expiry.remove_by_labels({"namespace": namespace, "secret": secret})

    def render(self) -> bytes:
        """Return them in the text format of Prometheus."""
        return bytes(generate_latest(self._registry))
