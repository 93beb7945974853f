"""The status that a resource shows: per registry, per namespace, and as conditions."""

from collections.abc import Mapping, Sequence
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Times
from docker_credential_ecrpy.kubernetes.pull_secrets.names import reason_of
from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.sanitize import make_printable
from docker_credential_ecrpy.text.times import stamp

_MOST_FAILURES = 10  # namespaces or accounts whose error a status shows
_LONGEST = 1024  # characters of an error


@dataclass(frozen=True)
class RegistryResult:
    """The last try for a registry.

    times: of its login; None if there is none. error: why there is no new one. due: when the next
    one is fetched, in nanoseconds since the epoch (UTC).
    """

    key: str
    times: Times | None
    due: int
    error: HelperError | None = None


@dataclass(frozen=True)
class Failure:
    """A Secret or ServiceAccount that is not as it is wanted, by namespace and name."""

    name: str
    error: HelperError


@dataclass(frozen=True)
class Outcome:
    """What was done for a resource. ready, total: Secrets that are up to date, and all of them."""

    registries: Sequence[RegistryResult]
    failures: Sequence[Failure]
    ready: int
    total: int

    @property
    def is_pending(self) -> bool:
        """Whether some Secrets were not tried yet, and none has failed: neither good nor bad."""
        has_failed = self.failures or any(one.error for one in self.registries)
        return self.ready < self.total and not has_failed


def make_status(
    old: Mapping[str, Any], generation: int, outcome: Outcome, now: int
) -> dict[str, Any]:
    """Return the status of a resource; equal to the `old` one if nothing changed.

    now: nanoseconds since the epoch (UTC).
    """
    before = {one.get("registry"): one for one in old.get("registries") or ()}
    rows = [_row(result, before.get(result.key) or {}) for result in outcome.registries]
    errors = [result.error for result in outcome.registries if result.error]
    errors += [one.error for one in outcome.failures]
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "registries": rows,
        "secrets": {"ready": outcome.ready, "total": outcome.total},
        "conditions": [_condition(old, generation, errors, outcome, now)],
    }
    for name in ("expiresAt", "nextRefreshAt", "lastSuccessAt"):
        if found := [row[name] for row in rows if name in row]:
            status[name] = min(found)
    if outcome.failures:
        shown = outcome.failures[:_MOST_FAILURES]
        status["failures"] = [{"object": one.name, **_say(one.error)} for one in shown]
    return status


def _row(result: RegistryResult, old: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"registry": result.key}
    if result.times:
        row["expiresAt"] = stamp(result.times.expires)
        row["lastSuccessAt"] = stamp(result.times.written)
    else:  # the secret still has the login of then
        row |= {name: old[name] for name in ("expiresAt", "lastSuccessAt") if name in old}
    row["nextRefreshAt"] = stamp(result.due)
    return row | (_say(result.error) if result.error else {})


def _say(error: HelperError) -> dict[str, str]:
    """Return an error with its cure, without secrets."""
    text = make_printable(secrets.redact(str(error)))
    return {"reason": reason_of(error).value, "error": text[:_LONGEST]}


def _condition(
    old: Mapping[str, Any],
    generation: int,
    errors: Sequence[HelperError],
    outcome: Outcome,
    now: int,
) -> dict[str, Any]:
    said = _say(errors[0]) if errors else {}
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    good = f"{outcome.ready} of {outcome.total} secrets are up to date"
    condition = {
        "type": "Ready",
        "status": "False" if errors else "True",
        "reason": said.get("reason", "Refreshed"),
        "message": said.get("error", good) + more,
        "observedGeneration": generation,
    }
    found: list[Mapping[str, Any]] = list(old.get("conditions") or ())
    before = next((one for one in found if one.get("type") == "Ready"), {})
    is_kept = before.get("status") == condition["status"] and "lastTransitionTime" in before
    condition["lastTransitionTime"] = before["lastTransitionTime"] if is_kept else stamp(now)
    return condition
