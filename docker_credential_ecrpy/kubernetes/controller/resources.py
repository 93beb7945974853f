"""Follows the custom resources: what they ask for, their status, their Events, and their end."""

import threading
import time
from functools import partial
from typing import Any

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.kubernetes.controller import round as rounds
from docker_credential_ecrpy.kubernetes.controller.api.custom import KINDS, CustomObjects, Kind
from docker_credential_ecrpy.kubernetes.controller.api.failure import ApiFailure, is_lost_race
from docker_credential_ecrpy.kubernetes.controller.api.watch import Watcher
from docker_credential_ecrpy.kubernetes.controller.loop import Loop, Parts
from docker_credential_ecrpy.kubernetes.pull_secrets.names import GROUP, Reason, Refusal
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import PullSecret, parse
from docker_credential_ecrpy.kubernetes.pull_secrets.status import (
    Failure,
    Outcome,
    RegistryResult,
    make_status,
)

FINALIZER = f"{GROUP}/remove"
"""Keeps a resource until its logins are taken out of the Secrets again."""
_SETTLE = 0.5  # seconds: many Secrets of a resource are one write of its status
_RETRY = 5.0

Object = dict[str, Any]


class Resources:
    """The custom resources of the cluster, or of one namespace alone."""

    def __init__(self, parts: Parts, namespace: str = "") -> None:
        self.loop = Loop(parts, self._note_done)
        self._custom = CustomObjects(parts.cluster)
        self._parts = parts
        self._namespace = namespace
        self._known: dict[str, tuple[Kind, Object]] = {}
        self._wanted: dict[str, PullSecret] = {}
        self._invalid: dict[str, HelperError] = {}
        self._ending: set[str] = set()
        self._dirty: set[str] = set()
        self._changed = threading.Condition(threading.RLock())
        self._watchers: list[Watcher] = []

    @property
    def is_ready(self) -> bool:
        """Whether every resource is known, and each of its Secrets was tried once."""
        return all(one.is_live for one in self._watchers) and self.loop.is_ready

    def start(self) -> None:
        """Begin to follow, in threads that do not keep the process alive."""
        for kind in KINDS:
            if self._namespace and not kind.is_namespaced:
                continue
            source = self._custom.list_method(kind, self._namespace)
            follow = partial(self._follow, kind)
            complain = partial(self.loop.complain, kind.plural)
            self._watchers.append(Watcher(source, follow, complain, self._end_gone))
        for watcher in self._watchers:
            watcher.start()
        self.loop.start()
        threading.Thread(target=self._write_statuses, daemon=True).start()

    # --- what the resources ask for -------------------------------------------------------------

    def _follow(self, kind: Kind, found: Object) -> None:
        metadata = found["metadata"]
        uid = metadata["uid"]
        with self._changed:
            self._known[uid] = kind, found
        if metadata.get("deletionTimestamp"):
            self._begin_end(uid)
            return
        try:
            wanted = parse(found, expand)
        except HelperError as exc:
            self._invalid[uid] = exc
            self.loop.drop(uid)
            self._note_done(uid)
            return
        try:
            if FINALIZER not in (metadata.get("finalizers") or ()):
                self._custom.add_finalizer(kind, found, FINALIZER)
        except ApiFailure as exc:
            if is_lost_race(exc):
                return  # the change of the other writer comes next
            self.loop.complain(f"{kind.plural}, which are not taken out at their end", exc)
        self._invalid.pop(uid, None)
        self._wanted[uid] = wanted
        self.loop.put(wanted)

    def _end_gone(self, found: Object) -> None:
        """Forget a resource that no longer exists."""
        uid = found["metadata"]["uid"]
        self.loop.drop(uid)
        with self._changed:
            self._known.pop(uid, None)
            self._wanted.pop(uid, None)
            self._invalid.pop(uid, None)

    # --- their end ------------------------------------------------------------------------------

    def _begin_end(self, uid: str) -> None:
        with self._changed:
            if uid in self._ending:
                return
            self._ending.add(uid)
        threading.Thread(target=self._end, args=(uid,), daemon=True).start()

    def _end(self, uid: str) -> None:
        """Take the logins of a resource out again, and let it go; tried until it succeeds."""
        said = ""
        while uid in self._known:
            kind, found = self._known[uid]
            if FINALIZER not in (found["metadata"].get("finalizers") or ()):
                break
            try:
                self._take_out(found)
                self._custom.remove_finalizer(kind, found["metadata"], FINALIZER)
                break
            except HelperError as exc:
                if said != str(exc):
                    said = str(exc)
                    self._parts.say(f"{kind.kind} {_name(found)}: {exc}")
                time.sleep(_RETRY)
        with self._changed:
            self._ending.discard(uid)

    def _take_out(self, found: Object) -> None:
        uid = found["metadata"]["uid"]
        try:
            wanted = parse(found, expand)
        except Refusal:
            return  # it never had a Secret by this spec
        self.loop.drop(uid)
        tools = self.loop.make_tools()
        report = rounds.remove(tools, wanted, rounds.find_namespaces(tools.api, wanted))
        for one in report.synced:
            self._parts.say(f"secret {one.target} {one.deed.value}")
        for failure in report.failures:
            is_refused = not isinstance(failure.error, ApiFailure)
            if is_refused:  # an immutable Secret must not keep the resource for ever
                self._parts.say(f"{failure.name}: {failure.error}")
                continue
            raise failure.error

    # --- their status ---------------------------------------------------------------------------

    def _note_done(self, uid: str) -> None:
        with self._changed:
            self._dirty.add(uid)
            self._changed.notify_all()

    def _write_statuses(self) -> None:
        while True:
            with self._changed:
                while not self._dirty:
                    self._changed.wait()
            time.sleep(_SETTLE)
            with self._changed:
                dirty, self._dirty = self._dirty, set()
            for uid in dirty:
                try:
                    self._write_status(uid)
                except HelperError as exc:
                    self.loop.complain("statuses", exc)

    def _write_status(self, uid: str) -> None:
        with self._changed:
            kind, found = self._known.get(uid, (None, {}))
        if kind is None or found["metadata"].get("deletionTimestamp"):
            return
        old = found.get("status") or {}
        outcome = self._outcome(uid, found)
        generation = found["metadata"].get("generation", 1)
        status = make_status(old, generation, outcome, self._parts.clock())
        if status == old:
            return
        self._custom.write_status(kind, found["metadata"], old, status)
        with self._changed:
            if uid in self._known:
                self._known[uid] = kind, found | {"status": status}
        before, after = (_condition(each) for each in (old, status))
        if (before.get("status"), before.get("message")) != (after["status"], after["message"]):
            self._custom.post_event(kind, found["metadata"], after)

    def _outcome(self, uid: str, found: Object) -> Outcome:
        if error := self._invalid.get(uid):
            return Outcome([], [Failure(_name(found), error)], 0, 0)
        wanted, keys = self._wanted[uid], self.loop.jobs_of(uid)
        tried = [last for key in keys if (last := self.loop.last.get(key))]
        now = self._parts.clock()
        due = min((last.due for last in tried), default=now)
        times = min(
            (last.times for last in tried if last.times), key=lambda at: at.expires, default=None
        )
        errors: dict[str, HelperError] = {}
        for last in tried:
            for synced in last.report.synced:
                errors |= synced.errors
        failures = [one for last in tried for one in last.report.failures]
        rows = [
            RegistryResult(key, None if key in errors else times, due, errors.get(key))
            for key in wanted.registries
        ]
        ready = sum(not last.report.errors for last in tried)
        return Outcome(rows, failures, ready, len(keys))


def expand(text: str) -> str:
    """Return host and port of `<account>@<region>` or of a registry's address.

    Raises Refusal for neither.
    """
    account, at, region = text.strip().partition("@")
    try:
        if at and registry.is_account(account):
            return regions.make_host(account, region)
    except HelperError as exc:
        raise Refusal(Reason.INVALID_SPEC, exc.message, hint=exc.hint) from exc
    host = registry.parse_host(text.strip())
    port = text.strip().partition("://")[2] or text.strip()
    port = port.partition("/")[0].rpartition(":")[2]
    if not host:
        msg = f"{text!r} is no registry"
        raise Refusal(Reason.INVALID_SPEC, msg, hint="write <account>@<region>, or its host")
    return f"{host}:{port}" if port.isdigit() and not registry.parse(host) else host


def _name(found: Object) -> str:
    metadata = found["metadata"]
    namespace = metadata.get("namespace", "")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def _condition(status: Object) -> Object:
    found: list[Object] = status.get("conditions") or [{}]
    return found[0]
