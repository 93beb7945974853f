"""The loop of the controller: each Secret at its time, and at once when something has changed."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.controller import round as rounds
from docker_credential_ecrpy.kubernetes.controller.agenda import Agenda
from docker_credential_ecrpy.kubernetes.controller.client import Cluster
from docker_credential_ecrpy.kubernetes.controller.failure import ApiFailure
from docker_credential_ecrpy.kubernetes.controller.metrics import Metrics
from docker_credential_ecrpy.kubernetes.controller.round import Report, Tools
from docker_credential_ecrpy.kubernetes.controller.sync import Deed
from docker_credential_ecrpy.kubernetes.controller.token_source import TokenSource
from docker_credential_ecrpy.kubernetes.controller.watch import Watcher
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, reason_of
from docker_credential_ecrpy.kubernetes.pull_secrets.schedule import next_refresh, retry_delay
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import PullSecret

_WORKERS = 4
_SETTLE = 0.2  # seconds
_POLL = 60 * cache.SECOND
"""How long an outside change may stay unseen where the API allows no watch."""

Key = tuple[str, str]
"""A job: the UID of what is wanted, and a namespace."""


@dataclass(frozen=True)
class Parts:
    """What the loop works with.

    make_helper: returns a helper with the settings as they are now. say: prints a line about what
    was done or failed. clock: returns nanoseconds since the epoch (UTC).
    """

    cluster: Cluster
    make_helper: Callable[[], Helper]
    say: Callable[[str], None]
    metrics: Metrics
    clock: Callable[[], int]


class Loop:
    """Keeps the Secrets of some pull secrets fresh until the process ends."""

    def __init__(self, parts: Parts, wanted: Sequence[PullSecret]) -> None:
        self._parts = parts
        self._wanted = {one.uid: one for one in wanted}
        self._source = TokenSource(parts.clock)
        self._agenda: Agenda[Key] = Agenda(parts.clock)
        self._failures: dict[Key, int] = {}
        self._said: dict[Key, str] = {}
        self._tried: set[Key] = set()
        self._watchers: dict[tuple[str, ...], Watcher] = {}
        self._namespaces: Watcher | None = None
        self._stale = threading.Event()  # whether namespaces have changed

    @property
    def is_ready(self) -> bool:
        """Whether every Secret was tried once, so that each failure is known."""
        if self._namespaces and not self._namespaces.is_live:
            return False
        return self._tried >= set(self._agenda.jobs)

    def start(self) -> None:
        """Begin to watch and to work, in threads that do not keep the process alive."""
        core = self._parts.cluster.core
        if any(one.namespaces for one in self._wanted.values()):
            self._namespaces = Watcher(
                core.list_namespace,
                {},
                lambda _: self._stale.set(),
                partial(self._complain, "namespaces"),
            )
            self._namespaces.start()
            threading.Thread(target=self._follow_namespaces, daemon=True).start()
        self._choose_jobs()
        for one in self._wanted.values():
            self._watch_secrets(one)
        for _ in range(_WORKERS):
            threading.Thread(target=self._work, daemon=True).start()

    def _follow_namespaces(self) -> None:
        """Choose the jobs anew after a change; many changes at a time count as one."""
        while True:
            self._stale.wait()
            time.sleep(_SETTLE)
            self._stale.clear()
            self._choose_jobs()

    def _choose_jobs(self) -> None:
        """Compute in which namespaces which Secrets are wanted."""
        namespaces = self._namespaces.list() if self._namespaces else []
        jobs = []
        for one in self._wanted.values():
            if one.namespaces is None:
                jobs.append((one.uid, one.namespace))
                continue
            found = filter(one.namespaces.selects, namespaces)
            jobs += [(one.uid, each["metadata"]["name"]) for each in found]
        for key in set(self._agenda.jobs) - set(jobs):
            self._parts.metrics.forget(key[1], self._wanted[key[0]].name)
        self._parts.metrics.note_wanted(len(jobs))
        self._agenda.set_jobs(jobs)

    def _watch_secrets(self, wanted: PullSecret) -> None:
        """Watch the Secrets of one name alone, which a rule with resourceNames allows."""
        core = self._parts.cluster.core
        fixed: dict[str, Any] = {"field_selector": f"metadata.name={wanted.name}"}
        method = core.list_secret_for_all_namespaces
        if wanted.namespaces is None:
            method, fixed["namespace"] = core.list_namespaced_secret, wanted.namespace
        key = (wanted.uid,)
        self._watchers[key] = Watcher(
            method,
            fixed,
            lambda found: self._agenda.wake((wanted.uid, found["metadata"]["namespace"])),
            partial(self._complain, f"secrets {wanted.name}"),
        )
        self._watchers[key].start()

    def _work(self) -> None:
        while True:
            key = self._agenda.take()
            due = self._parts.clock() + _POLL
            try:
                due = self._do(key)
            except Exception as exc:  # noqa: BLE001 - a mistake in one must not end the others
                self._fail(key, HelperError(f"unexpected error: {type(exc).__name__}"))
            finally:
                self._tried.add(key)
                self._agenda.done(key, due)

    def _do(self, key: Key) -> int:
        """Do a job; return when it is due again."""
        uid, namespace = key
        wanted, parts = self._wanted[uid], self._parts
        tools = Tools(parts.cluster, parts.make_helper(), self._source, parts.clock)
        report = rounds.run(tools, wanted, [namespace])
        now = parts.clock()
        if not (report.synced or report.failures):  # it is being deleted
            return now + _POLL
        self._tell(wanted, namespace, report)
        errors = report.errors
        if errors:
            self._fail(key, errors[0])
            after = [error.retry_after for error in errors if isinstance(error, ApiFailure)]
            pause = retry_delay(self._failures[key], f"{uid} {namespace}")
            return now + max([pause, *(int(each * cache.SECOND) for each in after)])
        if self._failures.pop(key, 0):
            parts.say(f"{namespace}/{wanted.name}: it works again")
        self._said.pop(key, None)
        times = report.synced[0].times
        due = next_refresh(times, f"{uid} {namespace}", now) if times else now + _POLL
        is_seen = self._watchers[uid,].is_live
        return due if is_seen else min(due, now + _POLL)

    def _tell(self, wanted: PullSecret, namespace: str, report: Report) -> None:
        metrics, say = self._parts.metrics, self._parts.say
        for one in report.synced:
            if one.deed is not Deed.NOTHING:
                say(f"secret {one.target} {one.deed.value}")
                metrics.note_write(one.deed.name.lower())
            if one.times and not one.errors:
                metrics.note_success(namespace, wanted.name)
                for registry in wanted.registries:
                    metrics.note_expiry(namespace, wanted.name, registry, one.times.expires)
        for where, account in report.accounts:
            say(f"service account {where}/{account} names {wanted.name}")

    def _fail(self, key: Key, error: HelperError) -> None:
        """Count a failure, and say it once until it changes."""
        self._failures[key] = self._failures.get(key, 0) + 1
        self._parts.metrics.note_failure(reason_of(error).value)
        if self._said.get(key) != str(error):
            self._said[key] = str(error)
            self._parts.say(f"{key[1]}/{self._wanted[key[0]].name}: {error}")

    def _complain(self, what: str, error: HelperError) -> None:
        self._parts.metrics.note_failure(Reason.API.value)
        self._parts.say(f"watch of {what}: {error}")
