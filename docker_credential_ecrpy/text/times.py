"""Times and durations for users."""

import sys
import time

from docker_credential_ecrpy.hot import cache

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def moment(when: int, now: int) -> str:
    """Return a time and its distance from now; both are nanoseconds since the epoch (UTC)."""
    span = duration(abs(when - now) // cache.SECOND)
    return f"{stamp(when)} ({span} ago)" if when <= now else f"{stamp(when)} (in {span})"


def expiry(when: int, now: int) -> str:
    """Return when something expires or expired; nanoseconds since the epoch."""
    return f"{'expired' if when <= now else 'expires'} at {moment(when, now)}"


def lifetime(entry: cache.Entry, now: int) -> list[str]:
    """Return when an entry was stored, when it is due for refresh (if ever), and its expiry."""
    times = [f"stored at {moment(entry.written, now)}"]
    if entry.refresh < entry.expires:
        times.append(f"refresh from {moment(entry.refresh, now)}")
    return [*times, expiry(entry.expires, now)]


def stamp(when: int) -> str:
    """Return nanoseconds since the epoch in ISO 8601 and UTC, limited to the years 1 to 9999."""
    seconds = min(max(when // cache.SECOND, -62_135_596_800), 253_402_300_799)
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def set_clock() -> str:
    """Return the command that sets the clock, or "" where there is no such command."""
    return "sudo timedatectl set-ntp true" if sys.platform == "linux" else ""


def say_set_clock() -> str:
    """Return how to set the clock, in words."""
    command = set_clock()
    return "set the clock, in a virtual machine too" + (f": {command}" if command else "")


def duration(seconds: float) -> str:
    """Return a number of seconds in its two largest units."""
    whole = round(seconds)
    if whole >= 2 * _DAY:
        return f"{whole // _DAY} days"
    hours, minutes = whole // _HOUR, whole % _HOUR // _MINUTE
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{whole} s"
