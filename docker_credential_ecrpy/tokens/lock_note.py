"""The note in a lock file, from the lock's holder to the processes that wait for it.

While it fetches, the holder notes its deadline; when it fails, it notes why, so that the waiting
processes fail with it instead of calling AWS again. A note counts only for processes in the same
circumstances.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.tokens.folder import NOTE_START

GRACE = 1.0
"""Seconds past its deadline that the lock's holder may take to end."""
_LONGEST = 3600 + GRACE  # seconds a holder may announce; more comes from another machine's clock
_IRRELEVANT = ("AWS_ECR_LOG", "AWS_ECR_DEBUG")  # a failure never depends on these


@dataclass(frozen=True)
class LockNote:
    """The note in `lock`; without a lock, nothing is read or written.

    circumstances: see `circumstances`. clock: returns nanoseconds since the epoch (UTC).
    """

    lock: FileLock | None
    circumstances: str
    clock: Callable[[], int]
    log: Log

    def announce(self, seconds: float) -> None:
        """Note that the holder has so many seconds left to fetch."""
        self._write({"until": time.monotonic() + seconds + GRACE})

    def clear(self) -> None:
        """Remove a deadline or failure from the note."""
        self._write({})

    def leave_failure(self, error: HelperError, seconds: float) -> None:
        """Note that the fetch failed, and how many seconds it had."""
        hint = error.hint and secrets.redact(error.hint)
        note = {"at": self.clock(), "message": secrets.redact(error.message), "hint": hint}
        if error.chosen_at:
            note["chosen_at"] = secrets.redact(error.chosen_at)
        if error.refused:
            note["refused"] = True
        if isinstance(error, DeadlineExceeded):
            note["had"] = seconds
        self._write(note)

    def shared_failure(self, started: int, left: float) -> HelperError | None:
        """Return the failure that the same identity had since `started`, or None.

        started: nanoseconds since the epoch (UTC). left: the seconds that this process has left; a
        timeout of a shorter fetch does not count for it.
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
                refused=note.get("refused") is True,
            )
        except (TypeError, LookupError):
            return None
        self.log("lock: its holder failed, and this process shares the failure")
        return error

    def holder_has_time(self) -> bool:
        """Whether the lock's holder has the same circumstances, and time left to fetch."""
        until = self._read().get("until")
        return isinstance(until, float) and 0 < until - time.monotonic() < _LONGEST

    def _read(self) -> dict[str, Any]:
        """Return the note of the current or last holder in the same circumstances, or {}."""
        try:
            note = json.loads(self.lock.read_note()) if self.lock is not None else {}
            return note if note["who"] == self.circumstances else {}
        except (OSError, ValueError, TypeError, LookupError, RecursionError):
            return {}  # no note, or not for this process

    def _write(self, note: dict[str, Any]) -> None:
        if self.lock is None:
            return
        try:
            held = self.lock.read_note()
            if held and not held.startswith(NOTE_START):
                self.log("lock: note not written: the file's content is not this program's")
                return
            self.lock.write_note(json.dumps({"who": self.circumstances, **note}).encode())
        except OSError as exc:
            self.log(f"lock: note not written: {exc}")


def circumstances(identity: str, environ: Mapping[str, str]) -> str:
    """Return a digest of everything that a failure to fetch a token may depend on.

    It covers the identity, and what may differ between two processes of one identity: secret keys,
    a proxy, trusted certificates, their timeout. Unknown variables count, too.
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
