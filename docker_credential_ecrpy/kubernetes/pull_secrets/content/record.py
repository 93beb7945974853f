"""The record of a Secret: which of its logins are this program's, and who keeps each one fresh.

It is an annotation, JSON of a member for each registry. So several owners may share a Secret: each
one changes its own registries alone, and sees whether others have edited them.
"""

import calendar
import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.pull_secrets import names
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Login, Times, earliest
from docker_credential_ecrpy.text.times import stamp

BY_OPTIONS = "pull-secrets"
"""The owner, or its part before "/", where no resource but options say what is wanted."""
_TIMES = ("refreshedAt", "refreshAt", "expiresAt")
_LENGTH = 32  # digits of a digest


@dataclass(frozen=True)
class Note:
    """What the record says of a login.

    owner: who keeps it fresh, such as "ECRPullSecret/ecr"; "" for one that was applied by hand.
    digest: of the login and these times, so that an edit by others is seen.
    """

    owner: str
    digest: str
    times: Times

    def is_of(self, owner: str) -> bool:
        """Whether it is an owner's own, also one that was applied by hand."""
        return self.owner in ("", owner)

    def yields_to(self, owner: str, now: int) -> bool:
        """Whether another owner may have its registry.

        Options that were changed are another owner, and the process with the old ones may have
        ended; so what options want may pass to others. A login that has expired is nobody's.
        """
        by_options = is_by_options(owner) and is_by_options(self.owner)
        return self.is_of(owner) or by_options or self.times.expires <= now

    def serves(self, owner: str) -> bool:
        """Whether an owner needs no login of its own: who wrote this one may go on."""
        return self.owner == owner or (is_by_options(owner) and is_by_options(self.owner))


Record = dict[str, Note]
"""The notes by registry."""


def is_by_options(owner: str) -> bool:
    """Whether no resource but options say what this owner wants."""
    return owner.partition("/")[0] == BY_OPTIONS


def note(login: Login, owner: str) -> Note:
    """Return the note of a login as it is written now, with times of whole seconds."""
    return Note(owner, digest(login, login.times), _read_times(_write_times(login.times)))


def digest(login: Login, times: Times) -> str:
    """Return a digest of a login and its times; of a long random token, it reveals nothing."""
    parts = (login.key, login.identity, login.username, login.password, *_write_times(times))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_LENGTH]


def read(metadata: Mapping[str, Any]) -> Record:
    """Return the record of an object's metadata; empty if there is none that can be read."""
    try:
        found = json.loads((metadata.get("annotations") or {}).get(names.LOGINS) or "{}")
        return {
            str(key): Note(
                str(member["owner"]),
                str(member["digest"]),
                _read_times([member[name] for name in _TIMES]),
            )
            for key, member in found.items()
        }
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}  # edited: what it named is written again, or is others' from now on


def annotations(record: Record) -> dict[str, str]:
    """Return the annotations of a record: its JSON, and the earliest times, for people."""
    members = {
        key: {
            "owner": one.owner,
            "digest": one.digest,
            **dict(zip(_TIMES, _write_times(one.times), strict=True)),
        }
        for key, one in sorted(record.items())
    }
    shown = (names.REFRESHED_AT, names.REFRESH_AT, names.EXPIRES_AT)
    times = _write_times(earliest(one.times for one in record.values()))
    return {names.LOGINS: json.dumps(members), **dict(zip(shown, times, strict=True))}


def _write_times(times: Times) -> list[str]:
    return [stamp(when) for when in (times.written, times.refresh, times.expires)]


def _read_times(texts: Iterable[str]) -> Times:
    """Return the times of texts by `times.stamp`. Raises ValueError."""
    parsed = (time.strptime(text, "%Y-%m-%dT%H:%M:%SZ") for text in texts)
    return Times(*(calendar.timegm(each) * cache.SECOND for each in parsed))
