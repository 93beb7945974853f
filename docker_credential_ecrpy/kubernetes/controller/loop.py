"""The loop of the controller: each Secret at its time, and at once when something has changed."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from docker_credential_ecrpy import HOMEPAGE
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.values import dataclass, replace
from docker_credential_ecrpy.kubernetes.controller import round as rounds
from docker_credential_ecrpy.kubernetes.controller.agenda import Agenda
from docker_credential_ecrpy.kubernetes.controller.api import paths
from docker_credential_ecrpy.kubernetes.controller.api.client import Cluster
from docker_credential_ecrpy.kubernetes.controller.api.events import Events
from docker_credential_ecrpy.kubernetes.controller.api.failure import ApiFailure
from docker_credential_ecrpy.kubernetes.controller.api.watch import Handlers, Source, Watcher
from docker_credential_ecrpy.kubernetes.controller.api.watches import watch_objects
from docker_credential_ecrpy.kubernetes.controller.metrics import Metrics
from docker_credential_ecrpy.kubernetes.controller.removal import Removal
from docker_credential_ecrpy.kubernetes.controller.reporter import Key, Reporter
from docker_credential_ecrpy.kubernetes.controller.round import Last, Report, Tools
from docker_credential_ecrpy.kubernetes.controller.sync import Deed
from docker_credential_ecrpy.kubernetes.controller.token_source import TokenSource
from docker_credential_ecrpy.kubernetes.pull_secrets.login import earliest
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import is_terminating
from docker_credential_ecrpy.kubernetes.pull_secrets.schedule import (
    due_at,
    restore_delay,
    retry_delay,
)
from docker_credential_ecrpy.kubernetes.pull_secrets.secret import read_times
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import PullSecret
from docker_credential_ecrpy.kubernetes.pull_secrets.status import Failure

_WORKERS = 4
_SETTLE = 0.2  # seconds
_READ_RULES = 10.0  # seconds; kubelet takes a minute to bring a change into a pod
_FIGHT = 60 * cache.SECOND
"""Writes of others that come sooner after each other are a fight."""
_SAID_AFTER = 4  # restored in a row
_POLL = 60 * cache.SECOND
"""How long an outside change may stay unseen where the API allows no watch."""


@dataclass(frozen=True)
class Parts:
    """What the loop works with.

    make_helper: returns a helper with the settings as they are now, for a pull secret. Raises
    HelperError. read_rules: returns a value that changes with them. say: prints a line about what
    was done or failed. clock: returns nanoseconds since the epoch (UTC).
    """

    cluster: Cluster
    make_helper: Callable[[PullSecret], Helper]
    read_rules: Callable[[], object]
    say: Callable[[str], None]
    metrics: Metrics
    clock: Callable[[], int]


class Loop:
    """Keeps the Secrets of pull secrets fresh until the process ends.

    on_done: is called with the UID of a pull secret after each try.
    """

    def __init__(self, parts: Parts, on_done: Callable[[str], None] = lambda _: None) -> None:
        self.parts = parts
        self.last: dict[Key, Last] = {}
        self.events = Events(parts.cluster, lambda exc: parts.say(f"Events: {exc}"))
        self.reporter = Reporter(parts.say, parts.metrics, self.events)
        self.removal = Removal(self.make_removal_tools, parts.say)
        self._on_done = on_done
        self._wanted: dict[str, PullSecret] = {}
        self._source = TokenSource(parts.clock)
        self._agenda: Agenda[Key] = Agenda(parts.clock)
        self._seen: dict[Key, dict[str, Any]] = {}  # Secrets that changed during a try
        self._watchers: dict[str, list[Watcher]] = {}
        self._namespaces: Watcher | None = None
        self._stale = threading.Event()  # whether namespaces have changed
        self._lock = threading.RLock()
        self._has_begun = False

    def readiness(self) -> tuple[bool, str]:
        """Return whether it works, and what to say of it.

        It does once every Secret was tried, unless none has logins that are valid.
        """
        with self._lock:
            is_chosen = self._namespaces is None or (
                self._namespaces.has_begun and not self._stale.is_set()
            )
            jobs, now = self._agenda.jobs, self.parts.clock()
        if not self._has_begun:
            tried = len(self.last.keys() & set(jobs))
            self._has_begun = is_chosen and tried == len(jobs)
            if not self._has_begun:
                return False, f"{tried} of {len(jobs)} secrets were tried"
        valid = 0
        for key in jobs:
            times = last.times if (last := self.last.get(key)) else {}
            valid += bool(times) and earliest(times.values()).expires > now
        return bool(valid) or not jobs, f"{valid} of {len(jobs)} secrets have valid logins"

    def jobs_of(self, uid: str) -> list[Key]:
        """Return the jobs of a pull secret."""
        return [key for key in self._agenda.jobs if key[0] == uid]

    def start(self) -> None:
        """Begin to work, in threads that do not keep the process alive."""
        for _ in range(_WORKERS):
            threading.Thread(target=self._work, daemon=True).start()
        threading.Thread(target=self._follow_rules, daemon=True).start()

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

    def make_tools(self, wanted: PullSecret) -> Tools:
        """Return what a round needs, with the settings as they are now. Raises HelperError."""
        parts = self.parts
        return Tools(parts.cluster, parts.make_helper(wanted), self._source, parts.clock)

    def make_removal_tools(self, wanted: PullSecret) -> Tools:
        """Return what takes out what a pull secret had, once no write of it is under way.

        Raises HelperError.
        """
        self._agenda.wait_for_writes(lambda key: key[0] == wanted.uid)
        return self.make_tools(replace(wanted, rules=""))  # which need not exist any more

    def _leave_old(self, old: PullSecret, new: PullSecret) -> None:
        """Leave the Secrets, or the service accounts, that a change no longer means."""
        namespaces = [namespace for _, namespace in self.jobs_of(old.uid)]
        gone = [each for each in old.accounts if each not in new.accounts]
        if old.target("") != new.target(""):
            self.removal.leave(old, namespaces)
        elif gone:
            self.removal.leave(replace(old, accounts=gone), namespaces, rounds.remove_accounts)

    def _watch_namespaces(self) -> None:
        self._namespaces = Watcher(
            Source(self.parts.cluster, paths.of("namespace")),
            Handlers(lambda _: self._stale.set()),
            partial(self.reporter.complain, "watch of namespaces"),
        )
        self._namespaces.start()
        threading.Thread(target=self._follow_namespaces, daemon=True).start()

    def _follow_rules(self) -> None:
        """Do every job after a change of the rules, which may choose another identity."""
        seen = self.parts.read_rules()
        while True:
            time.sleep(_READ_RULES)
            now = self.parts.read_rules()
            for key in self._agenda.jobs if now != seen else ():
                self._agenda.wake(key)
            seen = now

    def _follow_namespaces(self) -> None:
        """Choose the jobs again after a change; many changes at a time count as one."""
        while True:
            self._stale.wait()
            time.sleep(_SETTLE)
            with self._lock:
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
            left: dict[str, list[str]] = {}
            for key in set(self._agenda.jobs) - set(jobs):
                if key[0] in self._wanted and key[1] in there:
                    left.setdefault(key[0], []).append(key[1])
                last = self.last.pop(key, None)
                synced = last.report.synced if last else ()
                self.reporter.forget(key, synced[0].target.name if synced else "")
            for uid, names in left.items():
                self.removal.leave(self._wanted[uid], names)
            self.parts.metrics.note_wanted(len(jobs))
            self._agenda.set_jobs(jobs)

    def _watch(self, wanted: PullSecret) -> None:
        """Watch the objects of a pull secret, in place of those that it meant before."""

        def wake(namespace: str) -> None:
            self._wake((wanted.uid, namespace))

        for old in self._watchers.get(wanted.uid, ()):
            old.stop()
        secrets = Handlers(
            partial(self._see, wanted),
            lambda found: wake(found["metadata"]["namespace"]),
            partial(self._see_all, wanted.uid),
        )
        self._watchers[wanted.uid] = watch_objects(
            self.parts.cluster, wanted, secrets, wake, self.reporter.complain
        )

    def _see_all(self, uid: str, found: Sequence[dict[str, Any]]) -> None:
        """Restore the Secrets that went during a gap of the watch."""
        there = {each["metadata"]["namespace"] for each in found}
        for key in self.jobs_of(uid):
            if key[1] not in there:
                self._wake(key)

    def _see(self, wanted: PullSecret, found: dict[str, Any]) -> None:
        """Restore a Secret that others have changed; during a try of its own, look after it."""
        key = wanted.uid, found["metadata"]["namespace"]
        with self._lock:
            if self._agenda.is_busy(key):
                self._seen[key] = dict(found)
                return
        if not self._is_fresh(self._wanted.get(wanted.uid, wanted), found):
            self._wake(key)

    def _wake(self, key: Key) -> None:
        """Do a job at once; in a fight with another program, after a pause."""
        last = self.last.get(key)
        pause = restore_delay(last.restored) if last else 0
        self._agenda.wake(key, last.written + pause if last and pause else 0)

    def _is_fresh(self, wanted: PullSecret, found: dict[str, Any]) -> bool:
        """Whether a Secret has what the last try has put there, as after a write of its own."""
        namespace, now = found["metadata"]["namespace"], self.parts.clock()
        last = self.last.get((wanted.uid, namespace))
        if last is None or last.report.errors:
            return False
        try:
            times = read_times(found, wanted.target(namespace), last.report.identities, now)
        except HelperError:
            return False  # the next try says why
        due = due_at(earliest(times.values()), f"{wanted.uid} {namespace}") if times else 0
        return due > now

    def _work(self) -> None:
        while True:
            key = self._agenda.take()
            due = self.parts.clock() + _POLL
            wanted = self._wanted.get(key[0])
            try:
                if wanted:
                    due = self._do(key, wanted)
            except Exception as exc:  # noqa: BLE001 - a mistake in one must not end the others
                msg = f"unexpected error: {type(exc).__name__}"  # its text may show a login
                self.reporter.fail(key, key[1], HelperError(msg, hint=f"report it at {HOMEPAGE}"))
            with self._lock:
                self._agenda.done(key, due)
                found = self._seen.pop(key, None)
            if wanted:
                self._on_done(key[0])
            if wanted and found:
                self._see(wanted, found)

    def _do(self, key: Key, wanted: PullSecret) -> int:
        """Do a job; return when it is due again."""
        uid, namespace = key

        def begin_write() -> bool:
            with self._lock:
                return self._wanted.get(uid) is wanted and self._agenda.begin_write(key)

        try:
            tools = replace(self.make_tools(wanted), begin_write=begin_write)
            report = rounds.run(tools, wanted, [namespace])
        except HelperError as exc:
            report = Report(failures=[Failure(str(wanted.target(namespace)), exc)])
        now = self.parts.clock()
        due = now + _POLL
        failures = self.reporter.tell(key, wanted, report)
        if report.errors:
            asked = [one.retry_after for one in report.errors if isinstance(one, ApiFailure)]
            pause = retry_delay(failures, f"{uid} {namespace}")
            due = now + max([pause, *(int(each * cache.SECOND) for each in asked)])
        elif report.synced:
            times = earliest(report.synced[0].times.values())
            soon = max(due_at(times, f"{uid} {namespace}"), now)
            is_seen = all(watcher.is_live for watcher in self._watchers.get(uid, ()))
            due = soon if is_seen else min(soon, due)
        with self._lock:
            if key in self._agenda.jobs:
                self.last[key] = self._note(key, Last(report, due, now))
        return due

    def _note(self, key: Key, new: Last) -> Last:
        """Count how often a Secret was restored in a row, before its login was due."""
        old = self.last.get(key) or Last(new.report, 0)
        is_write = any(one.deed is not Deed.NOTHING for one in new.report.synced)
        if not (is_write or new.report.accounts):
            return replace(new, restored=old.restored, written=old.written)
        if old.due <= new.written or new.written - old.written > _FIGHT:
            return new
        if old.restored + 1 == _SAID_AFTER:
            what = new.report.synced[0].target
            self.parts.say(f"{what}: another program changes it again and again; it is restored")
        return replace(new, restored=old.restored + 1)
