"""The note in a lock file: what its holder tells the processes that wait for the lock.

While it fetches, the holder notes until when it has time; when it fails, it notes why, so that
those who waited fail with it instead of asking AWS again. A note counts only for processes in
the same circumstances.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.text.log import Log

GRACE = 1.0
"""Seconds past its deadline that the lock's holder may take to end."""
_LONGEST = 3600 + GRACE  # seconds a holder may announce; more is another machine's clock
_IRRELEVANT = ("AWS_ECR_LOG", "AWS_ECR_DEBUG")  # a failure never depends on these


@dataclass(frozen=True)
class LockNote:
    """The note in `lock`; where there is no lock, nothing is read or left.

    circumstances: see `circumstances`. clock: returns nanoseconds since the epoch (UTC).
    """

    lock: FileLock | None
    circumstances: str
    clock: Callable[[], int]
    log: Log

    def announce(self, seconds: float) -> None:
        """Note that the holder has so many seconds left to fetch in."""
        self._leave({"until": time.monotonic() + seconds + GRACE})

    def clear(self) -> None:
        """Note that there is nothing to say."""
        self._leave({})

    def leave_failure(self, error: HelperError, seconds: float) -> None:
        """Note that the fetch failed, which had so many seconds."""
        note = {"at": self.clock(), "message": error.message, "hint": error.hint}
        if error.chosen_at:
            note["chosen_at"] = error.chosen_at
        if isinstance(error, DeadlineExceeded):
            note["had"] = seconds
        self._leave(note)

    def shared_failure(self, started: int, left: float) -> HelperError | None:
        """Return what failed for the same identity since `started`, or None.

        started: nanoseconds since the epoch (UTC). left: the seconds that this process still has;
        with more than a fetch had that ran out of time, it can do better.
        """
        note = self._read()
        try:
            if not (started < note["at"] <= self.clock() and left <= note.get("had", left)):
                return None
            hint, chosen_at = note["hint"], note.get("chosen_at")
            error = HelperError(
                str(note["message"]),
                hint=hint and str(hint),
                chosen_at=chosen_at and str(chosen_at),
            )
        except (TypeError, LookupError):
            return None
        self.log("the process that held the lock failed: so does this one")
        return error

    def holder_has_time(self) -> bool:
        """Whether the lock's holder is in the same circumstances and has time left to fetch."""
        until = self._read().get("until")
        return isinstance(until, float) and 0 < until - time.monotonic() < _LONGEST

    def _read(self) -> dict[str, Any]:
        """Return what the lock's holder, or the last one, left for our like; {} for nothing."""
        try:
            note = json.loads(self.lock.read_note()) if self.lock is not None else {}
            return note if note["who"] == self.circumstances else {}
        except (OSError, ValueError, TypeError, LookupError, RecursionError):
            return {}  # no note, or none of ours

    def _leave(self, note: dict[str, Any]) -> None:
        try:
            if self.lock is not None:
                self.lock.write_note(json.dumps({"who": self.circumstances, **note}).encode())
        except OSError as exc:
            self.log(f"lock: no note left: {exc}")


def circumstances(identity: str, environ: Mapping[str, str]) -> str:
    """Return a digest of everything that a failure to get a token may depend on.

    That is the identity, and what two processes of one identity may have differently: secret
    keys, a proxy, trusted certificates, their time limit. Unknown variables count as different.
    """
    parts = [identity] + [
        f"{name}={environ[name]!a}"
        for name in sorted(environ)
        if name.upper() not in _IRRELEVANT
        and (
            name.upper().startswith(("AWS_", "BOTO", "SSL_"))
            or name.upper().endswith(("_PROXY", "_CA_BUNDLE"))
        )
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
