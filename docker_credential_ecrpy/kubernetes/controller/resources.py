"""Follows the custom resources: what they ask for, their status, their Events, and their end."""

import threading
import time
from functools import partial
from typing import Any

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.kubernetes.controller import round as rounds
from docker_credential_ecrpy.kubernetes.controller.api.custom import (
    API_VERSION,
    KINDS,
    CustomObjects,
    Kind,
    make_path,
)
from docker_credential_ecrpy.kubernetes.controller.api.events import News
from docker_credential_ecrpy.kubernetes.controller.api.failure import ApiFailure, is_lost_race
from docker_credential_ecrpy.kubernetes.controller.api.watch import Handlers, Source, Watcher
from docker_credential_ecrpy.kubernetes.controller.loop import Loop, Parts
from docker_credential_ecrpy.kubernetes.controller.removal import Search
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Times, earliest
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
_DEFINITIONS = "kubectl apply -k deploy/kubernetes/pull-secrets/crds"

Object = dict[str, Any]


class Resources:
    """The custom resources of the cluster, or of one namespace alone."""

    def __init__(self, parts: Parts, namespace: str = "", *, by_rule: bool = False) -> None:
        """Follow those of a namespace, or all. by_rule: as for `spec.parse`."""
        self.loop = Loop(parts, self._note_done)
        self._custom = CustomObjects(parts.cluster)
        self._parts = parts
        self._namespace = namespace
        self._by_rule = by_rule
        self._kinds = [kind for kind in KINDS if kind.is_namespaced or not namespace]
        self._known: dict[str, tuple[Kind, Object]] = {}
        self._wanted: dict[str, PullSecret] = {}
        self._invalid: dict[str, HelperError] = {}
        self._unclear: set[str] = set()
        self._ending: set[str] = set()
        self._dirty: set[str] = set()
        self._changed = threading.Condition(threading.RLock())
        self._watchers: dict[str, Watcher] = {}

    def readiness(self) -> tuple[bool, str]:
        """Return whether it works, and what to say of it: at first, the resources are read."""
        read = {name for name, watcher in self._watchers.items() if watcher.has_begun}
        unread = sorted({kind.plural for kind in self._kinds} - read)
        if unread:
            return False, f"{', '.join(unread)} are not read"
        return self.loop.readiness()

    def start(self) -> None:
        """Begin to follow, in threads that do not keep the process alive."""
        for kind in self._kinds:
            source = Source(self._parts.cluster, make_path(kind, self._namespace))
            follow, complain = partial(self._follow, kind), partial(self._complain, kind)
            self._watchers[kind.plural] = Watcher(
                source, Handlers(follow, self._end_gone), complain
            )
        for watcher in self._watchers.values():
            watcher.start()
        self.loop.start()
        threading.Thread(target=self._write_statuses, daemon=True).start()
        search = Search(self._parts.cluster, self._namespace, self._list_wanted, self._is_judged)
        self.loop.removal.leave_leftovers(search)

    def _complain(self, kind: Kind, error: HelperError) -> None:
        """Report why a kind cannot be read; most often, it is not defined."""
        if isinstance(error, ApiFailure) and error.code == ApiFailure.NOT_FOUND:
            msg = f"the cluster has no definition of {kind.kind}"
            error = HelperError(msg, hint=f"install it: {_DEFINITIONS}")
        self.loop.reporter.complain(f"watch of {kind.plural}", error)

    def _list_wanted(self) -> list[PullSecret]:
        """Return what the resources of now want. Raises ApiFailure."""
        wanted = []
        for kind in self._kinds:
            for each in self._custom.list_all(kind, self._namespace):
                try:
                    wanted.append(self._parse(each))
                except HelperError:  # its status says why; what it has stays
                    self._unclear.add(f"{kind.kind}/{each['metadata']['name']}")
        return wanted

    def _is_judged(self, owner: str) -> bool:
        """Whether it is known what an owner wants."""
        kinds = {kind.kind for kind in self._kinds}
        return owner.partition("/")[0] in kinds and owner not in self._unclear

    def _parse(self, found: Object) -> PullSecret:
        return parse(found, expand, by_rule=self._by_rule)

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
            wanted = self._parse(found)
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
            self.loop.reporter.complain(f"finalizers of {kind.plural}", exc)
        with self._changed:
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
        tools = self.loop.make_removal_tools(wanted)
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
            failed = set()
            for uid in dirty:
                try:
                    self._write_status(uid)
                except ApiFailure as exc:
                    self.loop.reporter.complain("statuses of resources", exc)
                    if exc.is_passing:
                        failed.add(uid)
            if failed:  # its Secret may not be due for hours
                time.sleep(_RETRY)
                with self._changed:
                    self._dirty |= failed

    def _write_status(self, uid: str) -> None:
        with self._changed:
            kind, found = self._known.get(uid, (None, {}))
            is_read = uid in self._wanted or uid in self._invalid
            if kind is None or not is_read or found["metadata"].get("deletionTimestamp"):
                return
            outcome = self._outcome(uid, found)
        old = found.get("status") or {}
        if outcome.is_pending:
            return  # the last try of them comes back here
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
            metadata = found["metadata"]
            about = {"apiVersion": API_VERSION, "kind": kind.kind, "name": metadata["name"]}
            about |= {"namespace": metadata.get("namespace", ""), "uid": metadata["uid"]}
            news = News(after["reason"], after["message"], is_good=after["status"] == "True")
            self.loop.events.post(about, news)

    def _outcome(self, uid: str, found: Object) -> Outcome:
        if error := self._invalid.get(uid):
            return Outcome([], [Failure(_name(found), error)], 0, 0)
        wanted, keys = self._wanted[uid], self.loop.jobs_of(uid)
        tried = [last for key in keys if (last := self.loop.last.get(key))]
        now = self._parts.clock()
        due = min((last.due for last in tried), default=now)
        times: dict[str, list[Times]] = {}
        for last in tried:
            for key, one in last.times.items():
                times.setdefault(key, []).append(one)
        errors: dict[str, HelperError] = {}
        for last in tried:
            for synced in last.report.synced:
                errors |= synced.errors
        failures = [one for last in tried for one in last.report.failures]
        rows = [
            RegistryResult(
                key, earliest(times[key]) if key in times else None, due, errors.get(key)
            )
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
