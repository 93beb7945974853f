"""When a pull secret is due: the same in every replica, and after every restart.

The engine says when a token is due: at half its life, or when the AWS credentials that fetched it
expire. The jitter spreads many secrets over the tenth before that. It depends on the object alone.
"""

import hashlib

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.kubernetes.pull_secrets.login import Times
from docker_credential_ecrpy.tokens.token import spread

_FIRST_RETRY = 5 * cache.SECOND
_LONGEST_RETRY = 300 * cache.SECOND
_MOST_DOUBLED = 20
_RESTORED_AT_ONCE = 3  # times in a row
_LONGEST_RESTORE = 30 * cache.SECOND


def fraction(uid: str) -> float:
    """Return a number from 0 on, below 1, that depends on an object's UID alone."""
    return int.from_bytes(hashlib.sha256(uid.encode()).digest()[:6], "big") / 2**48


def due_at(times: Times, uid: str) -> int:
    """Return when logins are due for an object, in nanoseconds since the epoch (UTC)."""
    return spread(times.written, times.refresh, fraction(uid))


def retry_delay(failures: int, uid: str) -> int:
    """Return the nanoseconds until the next try after `failures` in a row, at least one.

    They double from five seconds to five minutes; half of it is spread over the objects.
    """
    doubled = 1 << min(failures - 1, _MOST_DOUBLED)
    whole = min(_FIRST_RETRY * doubled, _LONGEST_RETRY)
    return whole // 2 + int(whole / 2 * fraction(f"{uid} {failures}"))


def restore_delay(restored: int) -> int:
    """Return the nanoseconds to wait since a Secret was restored so many times in a row.

    Two programs that undo each other's writes would else write as fast as the API allows.
    """
    if restored < _RESTORED_AT_ONCE:
        return 0
    return min(cache.SECOND << min(restored - _RESTORED_AT_ONCE, _MOST_DOUBLED), _LONGEST_RESTORE)
