"""The loop of the controller: each Secret at its time, and at once when something has changed."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.values import dataclass, replace
from docker_credential_ecrpy.kubernetes.controller import round as rounds
from docker_credential_ecrpy.kubernetes.controller.agenda import Agenda
from docker_credential_ecrpy.kubernetes.controller.api.client import Cluster
from docker_credential_ecrpy.kubernetes.controller.api.failure import ApiFailure
from docker_credential_ecrpy.kubernetes.controller.api.watch import Watcher
from docker_credential_ecrpy.kubernetes.controller.metrics import Metrics
from docker_credential_ecrpy.kubernetes.controller.round import Report, Tools
from docker_credential_ecrpy.kubernetes.controller.sync import Deed
from docker_credential_ecrpy.kubernetes.controller.token_source import TokenSource
from docker_credential_ecrpy.kubernetes.controller.watches import watch_objects
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Times
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, reason_of
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import (
    is_terminating,
)
from docker_credential_ecrpy.kubernetes.pull_secrets.schedule import (
    due_at,
    next_refresh,
    retry_delay,
)
from docker_credential_ecrpy.kubernetes.pull_secrets.secret import read_times
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


@dataclass(frozen=True)
class Last:
    """The last try of a job. times: of the logins in the Secret, if it has any. due: the next."""

    times: Times | None
    report: Report
    due: int


class Loop:
    """Keeps the Secrets of pull secrets fresh until the process ends.

    on_done: is called with the UID of a pull secret after each try.
    """

    def __init__(self, parts: Parts, on_done: Callable[[str], None] = lambda _: None) -> None:
        self.parts = parts
        self.last: dict[Key, Last] = {}
        self._on_done = on_done
        self._wanted: dict[str, PullSecret] = {}
        self._source = TokenSource(parts.clock)
        self._agenda: Agenda[Key] = Agenda(parts.clock)
        self._failures: dict[Key, int] = {}
        self._said: dict[Key, str] = {}
        self._watchers: dict[str, list[Watcher]] = {}
        self._namespaces: Watcher | None = None
        self._stale = threading.Event()  # whether namespaces have changed
        self._lock = threading.RLock()

    @property
    def is_ready(self) -> bool:
        """Whether every Secret was tried once, so that each failure is known."""
        if self._namespaces and not self._namespaces.is_live:
            return False
        return self.last.keys() >= set(self._agenda.jobs)

    def jobs_of(self, uid: str) -> list[Key]:
        """Return the jobs of a pull secret."""
        return [key for key in self._agenda.jobs if key[0] == uid]

    def start(self) -> None:
        """Begin to work, in threads that do not keep the process alive."""
        for _ in range(_WORKERS):
            threading.Thread(target=self._work, daemon=True).start()

    def put(self, wanted: PullSecret) -> None:
        """Keep a pull secret fresh, in place of the one with its UID."""
        with self._lock:
            old = self._wanted.get(wanted.uid)
            if old == wanted:
                return
            if old:
                self._leave_old(old, wanted)
            self._wanted[wanted.uid] = wanted
            if wanted.namespaces is not None and self._namespaces is None:
                self._watch_namespaces()
            if (old and (old.name, old.accounts)) != (wanted.name, wanted.accounts):
                self._watch(wanted)
            self._choose_jobs()
            for key in self.jobs_of(wanted.uid):
                self._agenda.wake(key)

    def drop(self, uid: str) -> None:
        """Leave a pull secret alone from now on."""
        with self._lock:
            if self._wanted.pop(uid, None):
                for watcher in self._watchers.pop(uid):
                    watcher.stop()
                self._choose_jobs()

    def make_tools(self) -> Tools:
        """Return what a round needs, with the settings as they are now."""
        parts = self.parts
        return Tools(parts.cluster, parts.make_helper(), self._source, parts.clock)

    def _leave_old(self, old: PullSecret, new: PullSecret) -> None:
        """Leave the Secrets, or the service accounts, that a change no longer means."""
        namespaces = [namespace for _, namespace in self.jobs_of(old.uid)]
        gone = [each for each in old.accounts if each not in new.accounts]
        if old.target("") != new.target(""):
            self._leave(old, namespaces)
        elif gone:
            self._leave(replace(old, accounts=gone), namespaces, rounds.remove_accounts)

    def _leave(
        self,
        wanted: PullSecret,
        namespaces: Sequence[str],
        remove: Callable[[Tools, PullSecret, Sequence[str]], Report] = rounds.remove,
    ) -> None:
        """Take out what is no longer wanted, in a thread; tried until it succeeds."""

        def take_out() -> None:
            left, said = list(namespaces), ""
            while left:
                report = remove(self.make_tools(), wanted, left)
                for one in report.synced:
                    self.parts.say(f"secret {one.target} {one.deed.value}")
                text = "; ".join(f"{one.name}: {one.error}" for one in report.failures)
                if text and text != said:
                    self.parts.say(text)
                said = text
                failed = {one.name for one in report.failures}
                left = [each for each in left if str(wanted.target(each)) in failed]
                time.sleep(_POLL / cache.SECOND if left else 0)

        threading.Thread(target=take_out, daemon=True).start()

    def _watch_namespaces(self) -> None:
        self._namespaces = Watcher(
            (self.parts.cluster.core.list_namespace, {}),
            lambda _: self._stale.set(),
            partial(self.complain, "namespaces"),
        )
        self._namespaces.start()
        threading.Thread(target=self._follow_namespaces, daemon=True).start()

    def _follow_namespaces(self) -> None:
        """Choose the jobs anew after a change; many changes at a time count as one."""
        while True:
            self._stale.wait()
            time.sleep(_SETTLE)
            self._stale.clear()
            self._choose_jobs()

    def _choose_jobs(self) -> None:
        """Compute in which namespaces which Secrets are wanted."""
        with self._lock:
            namespaces = self._namespaces.list() if self._namespaces else []
            jobs: list[Key] = []
            for one in self._wanted.values():
                if one.namespaces is None:
                    jobs.append((one.uid, one.namespace))
                    continue
                found = filter(one.namespaces.selects, namespaces)
                jobs += [(one.uid, each["metadata"]["name"]) for each in found]
            there = {each["metadata"]["name"] for each in namespaces if not is_terminating(each)}
            for key in set(self._agenda.jobs) - set(jobs):
                if key[0] in self._wanted and key[1] in there:
                    self._leave(self._wanted[key[0]], [key[1]])
                last = self.last.pop(key, None)
                for synced in last.report.synced if last else ():
                    self.parts.metrics.forget(key[1], synced.target.name)
            self.parts.metrics.note_wanted(len(jobs))
            self._agenda.set_jobs(jobs)

    def _watch(self, wanted: PullSecret) -> None:
        """Watch the objects of a pull secret, in place of those that it meant before."""

        def wake(namespace: str) -> None:
            self._agenda.wake((wanted.uid, namespace))

        for old in self._watchers.get(wanted.uid, ()):
            old.stop()
        is_fresh = partial(self._is_fresh, wanted)
        core = self.parts.cluster.core
        self._watchers[wanted.uid] = watch_objects(core, wanted, wake, is_fresh, self.complain)

    def _is_fresh(self, wanted: PullSecret, found: dict[str, Any]) -> bool:
        """Whether a Secret has what the last try has put there, as after a write of its own."""
        namespace = found["metadata"]["namespace"]
        last = self.last.get((wanted.uid, namespace))
        if last is None or last.report.errors:
            return False
        try:
            times = read_times(found, wanted.target(namespace), last.report.identities)
        except HelperError:
            return False
        return times is not None and due_at(times, f"{wanted.uid} {namespace}") > self.parts.clock()

    def _work(self) -> None:
        while True:
            key = self._agenda.take()
            due = self.parts.clock() + _POLL
            try:
                with self._lock:
                    wanted = self._wanted.get(key[0])
                if wanted:
                    due = self._do(key, wanted)
                    self._on_done(key[0])
            except Exception as exc:  # noqa: BLE001 - a mistake in one must not end the others
                error = HelperError(f"unexpected error: {type(exc).__name__}")
                self._fail(key, f"{key[1]}: ", error)
            finally:
                self._agenda.done(key, due)

    def _do(self, key: Key, wanted: PullSecret) -> int:
        """Do a job; return when it is due again."""
        uid, namespace = key
        report = rounds.run(self.make_tools(), wanted, [namespace])
        now = self.parts.clock()
        times = report.synced[0].times if report.synced else None
        due = now + _POLL
        if report.errors:
            due = now + self._pause(key, wanted, report)
        elif report.synced:
            if self._failures.pop(key, 0):
                self.parts.say(f"{namespace}/{wanted.name}: it works again")
            self._said.pop(key, None)
            soon = next_refresh(times, f"{uid} {namespace}", now) if times else due
            is_seen = all(watcher.is_live for watcher in self._watchers.get(uid, ()))
            due = soon if is_seen else min(soon, due)
        self._tell(wanted, namespace, report)
        with self._lock:
            if key in self._agenda.jobs:
                self.last[key] = Last(times, report, due)
        return due

    def _pause(self, key: Key, wanted: PullSecret, report: Report) -> int:
        """Count and say the failures of a try; return the nanoseconds until the next."""
        errors = report.errors
        self._fail(key, f"{key[1]}/{wanted.name}: ", errors[0])
        asked = [error.retry_after for error in errors if isinstance(error, ApiFailure)]
        pause = retry_delay(self._failures[key], f"{key[0]} {key[1]}")
        return max([pause, *(int(each * cache.SECOND) for each in asked)])

    def _tell(self, wanted: PullSecret, namespace: str, report: Report) -> None:
        metrics, say = self.parts.metrics, self.parts.say
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

    def _fail(self, key: Key, what: str, error: HelperError) -> None:
        """Count a failure, and say it once until it changes."""
        self._failures[key] = self._failures.get(key, 0) + 1
        self.parts.metrics.note_failure(reason_of(error).value)
        if self._said.get(key) != str(error):
            self._said[key] = str(error)
            self.parts.say(f"{what}{error}")

    def complain(self, what: str, error: HelperError) -> None:
        """Count a failure of a watch, and say it."""
        self.parts.metrics.note_failure(Reason.API.value)
        self.parts.say(f"watch of {what}: {error}")
