"""Checks of each answer: its form, its time, and whether it is right at that time."""

import json

from tests.chaos.actors import AT, Who
from tests.chaos.history import History, Run
from tests.chaos.plan import ACTIONS, ELSEWHERE, EU, OTHER, PRIVATE, PUBLIC, STALLED, US
from tests.chaos.verdict import Verdict
from tests.world.aws import LIFE
from tests.world.machine import NOT_FOUND

SLACK = 2.5
"""Seconds between a process's last look at its clock and the moment that its end is seen, at most,
on a busy machine."""
_UNSEEN = 10
"""Seconds by which the clock may go back unnoticed, more than a fetch takes: a time server steps by
less than one, and the clock steps here are far larger."""
_OUT_OF_TIME = (b"no answer from ", b"without an answer for ")
_ECRS = (US, EU, OTHER)


def look(history: History, verdict: Verdict) -> None:
    """Check every answer."""
    for run in history.runs:
        took = run.ended - run.began
        late = "did not end" if run.code is None else f"took {took:.1f} s"
        in_time = run.code is not None and took - run.asleep <= run.limit
        verdict.hold("deadline", in_time, f"{run} {late}")
        if run.code is None:
            continue
        if run.whole or run.stdout:
            wrong = _misformed(run)
            verdict.hold("form", not wrong, f"{run}: {wrong}: {run.stdout!r} {run.stderr!r}")
            if wrong:
                continue
        if run.call.action == "get" and run.stdout.startswith(b"{"):
            _look_at_token(history, run, json.loads(run.stdout)["Secret"], verdict)
        elif run.whole:
            _look_at_failure(history, run, verdict)


def _misformed(run: Run) -> str:
    """Return what is wrong with the form of an answer; "" for nothing."""
    if not run.whole and not run.stdout.startswith(b"{"):
        return ""  # killed between writing to the two streams
    if run.call.action not in ACTIONS:
        return _misformed_command(run)
    if run.whole and not run.done:
        return _misformed_error(run)
    if run.stderr:
        return "a success with text on standard error"
    action = run.call.action
    if action in ("store", "erase"):
        return "output where none is due" if run.stdout else ""
    if run.stdout.count(b"\n") != 1 or not run.stdout.endswith(b"\n"):
        return "not one line"
    try:
        fields = json.loads(run.stdout)
    except ValueError:
        return "not JSON"
    if not isinstance(fields, dict) or not all(isinstance(v, str) for v in fields.values()):
        return "not an object of strings"
    if action == "get":
        names = {"ServerURL", "Username", "Secret"}
        right = (run.call.host, "AWS")
        same = (fields.get("ServerURL"), fields.get("Username")) == right
        return "" if set(fields) == names and same and fields["Secret"] else "wrong fields"
    return "" if set(fields.values()) <= {"AWS"} else "a user name other than AWS"


def _misformed_command(run: Run) -> str:
    """Return what is wrong with what a command for users printed."""
    if b"Traceback" in run.stderr or b"unexpected error" in run.stderr:
        return "an unexpected error"
    if not run.whole or run.done:
        return ""
    if run.code != 1:
        return f"exit code {run.code}"
    return "" if run.stderr.strip() else "a failure without a word"


def _misformed_error(run: Run) -> str:
    if run.code != 1:
        return f"exit code {run.code}"
    if run.stdout.count(b"\n") != 1 or not run.stdout.endswith(b"\n") or len(run.stdout) < 2:
        return "not one line"
    if run.stdout == NOT_FOUND:
        if run.call.action != "get" or run.call.host in _ECRS:
            return "not found, although it is ECR's"
        return "text on standard error" if run.stderr else ""
    name, _, said = run.stderr.partition(b": ")
    if said != run.stdout or not name.startswith(b"docker-credential-"):
        return "the two streams differ"
    return "an unexpected error" if b"unexpected error" in said else ""


def _look_at_token(history: History, run: Run, secret: str, verdict: Verdict) -> None:
    low, _ = history.clocks(run)
    stored = next((other for other in history.runs if other.login == secret), None)
    if stored is not None:
        verdict.hold("stores", may_answer(history, stored, run), f"{run} answers with {stored}")
        expires = expiry(history, stored)[1]
        written = history.clocks(stored)[0]
    else:
        issued = history.issued.get(secret)
        verdict.hold("identity", issued, f"{run} answers with a token that AWS never issued")
        if issued is None:
            return
        found = Who(issued.arn, issued.region, issued.service)
        right = run.actor.who(run.call.host, run.began, run.ended)
        verdict.hold("identity", found in right, f"{run} is answered as {found}, not {right}")
        missing = must_answer(history, run)
        verdict.hold("stores", not missing, f"{run} answers with a token instead of {missing}")
        expires = issued.expires
        at = history.issued.times[secret]
        written = min(history.ahead.during(at - run.limit, at + run.limit))
        verdict.hold("erased", not _erased(history, run, at), f"{run} answers with an erased token")
        if at >= run.began:
            written = low  # its own token, fetched now
    # A cached token's life does not grow when the clock is set back.
    ahead = written if written > low + _UNSEEN else low
    alive = expires > run.began + ahead and expires + SLACK > run.ended + ahead
    verdict.hold("expiry", alive, f"{run}: expired for {run.ended + ahead - expires:.1f} s")


def expiry(history: History, store: Run) -> tuple[float, float]:
    """Return the earliest and latest expiry of a stored login by the programs' clock."""
    low, high = history.clocks(store)
    said = float("inf") if store.expires is None else store.expires
    return min(said, store.began + low + LIFE), min(said, store.ended + high + LIFE)


def _list_changes_of_same_place(history: History, run: Run) -> list[Run]:
    """Return the stores and erases of the same host and cache, without the stores that failed.

    An erase that failed may have removed a part.
    """
    return [
        other
        for other in history.runs
        if (other.call.host == run.call.host or _clears_all(other))
        and other.actor.cache == run.actor.cache
        and other.call.action in ("store", "erase", "clear")
        and (other.code != 1 or other.call.action != "store")
    ]


def _clears_all(run: Run) -> bool:
    return run.call.action == "clear" and not run.call.host


def _editions(run: Run) -> frozenset[int]:
    return run.actor.editions(run.call.host, run.began, run.ended)


def may_answer(history: History, store: Run, run: Run) -> bool:
    """Return whether a stored login may answer a get."""
    others = _list_changes_of_same_place(history, run)
    if store not in others or store.began > run.ended or not _editions(store) & _editions(run):
        return False
    if any(
        damage.name in ("swap", "folder") and damage.hits(run.actor.cache, "logins")
        for damage in history.damages
    ):
        return True  # the erased login may have been elsewhere then, and be back now
    return not any(
        other.done
        and store.ended < other.began
        and other.ended < run.began
        and (other.call.action != "store" or _editions(other) == _editions(store))
        for other in others
    )


def must_answer(history: History, run: Run) -> Run | None:
    """Return a login that must answer a get, if there is one."""
    others = _list_changes_of_same_place(history, run)
    return next((store for store in others if _must_answer(history, store, others, run)), None)


def _must_answer(history: History, store: Run, others: list[Run], run: Run) -> bool:
    if store.call.action != "store" or not store.done or store.ended >= run.began:
        return False
    editions = _editions(store)
    if len(editions) != 1 or editions != _editions(run):
        return False
    # A login that expired once and was swept does not return when the clock is set back.
    latest = run.ended + max(history.ahead.during(store.began, run.ended))
    for other in others:
        after = other.ended >= store.began and other.began <= run.ended
        if after and (other.call.action != "store" or expiry(history, other)[0] <= latest):
            return False  # it may have removed the login, or replaced it by an expired one
    if run.call.actor == STALLED and any(history.stalled.during(store.began, run.ended)):
        return False
    if history.attacked(run.actor.cache, store.began, run.ended):
        return False
    return not any(
        damage.hits(run.actor.cache, "logins", run.call.host)
        and store.began <= damage.at <= run.ended
        for damage in history.damages
    )


def _erased(history: History, run: Run, issued: float) -> bool:
    """Return whether a token issued at that time must have been erased before a get began.

    An erase of a host removes its endpoint's token, which answers for other hosts too; a process
    that fetched it before must not store it afterwards.
    """
    if any(
        damage.name in ("swap", "folder") and damage.hits(run.actor.cache, "tokens")
        for damage in history.damages
    ):
        return False
    return any(
        other.actor.cache == run.actor.cache
        and other.call.action in ("erase", "clear")
        and other.done
        and issued < other.began
        and other.ended < run.began
        and _covers(other, run)
        for other in history.runs
    )


def _covers(erase: Run, run: Run) -> bool:
    """Return whether an erase, or a clear, covers a get's token."""
    host = erase.call.host
    if not host:
        return erase.call.action == "clear"
    # The settings tell which endpoint a private name has, and may have changed.
    return host != PRIVATE and AT.get(host) == AT.get(run.call.host)


def _look_at_failure(history: History, run: Run, verdict: Verdict) -> None:
    """Check that the action had a reason to fail."""
    action, host = run.call.action, run.call.host
    if action == "get":
        if host == ELSEWHERE:
            verdict.hold("form", run.stdout == NOT_FOUND, f"{run}: {run.stdout!r}")
            return
        missing = must_answer(history, run)
        verdict.hold("stores", not missing, f"{run} fails instead of answering with {missing}")
    if action in ("configure", "unconfigure"):
        return  # another program may have changed the file, or the settings may be wrong
    if not _smooth(history, run) or any(text in run.stdout for text in _OUT_OF_TIME):
        return
    if action == "store" and any(
        damage.hits(run.actor.cache, "logins") for damage in history.damages
    ):
        return
    if action in ("erase", "clear") and any(
        damage.cache == run.actor.cache for damage in history.damages
    ):
        return  # the program does not remove a directory in a file's place
    verdict.hold("needless failure", run.done, f"{run}: {run.stdout!r}")


def _smooth(history: History, run: Run) -> bool:
    """Return whether a process, and those that it waited for, had no reason to fail.

    A broken cache does not excuse a failed get.
    """
    began = min(other.began for other in history.among(run))
    if any(other.asleep for other in history.among(run)):
        return False  # the lock's holder may have been suspended
    if run.call.actor == STALLED and any(history.stalled.during(began, run.ended)):
        return False
    if any(history.wrong.during(began, run.ended)) or any(history.ahead.during(began, run.ended)):
        return False
    if run.call.action != "get" and any(history.full.during(began, run.ended)):
        return False
    editions = run.actor.list_editions(began, run.ended)
    if len(editions) != 1 or editions[0].number < 0:
        return False
    asked = run.call.host or PUBLIC
    return None not in run.actor.who(asked, run.began, run.ended)
