"""Ends this process at its deadline with an error, even if its main thread is blocked for ever.

A file system that does not answer blocks a thread in the kernel, where no exception reaches it.
This module loads nothing but what every interpreter has loaded: it starts before the caches.
"""

import _signal  # type: ignore[import-not-found]  # in every interpreter; `signal` loads `enum`
import _thread
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MARGIN = 0.5  # seconds: the errors of the calls themselves, which say more, come first
_SLICE = 0.25  # seconds; the time that the process is suspended counts as one slice
# Seconds from the watchdog's end to the alarm, for a thread that blocks the others, too.
_ALARM_MARGIN = 10.0


class _Watchdog:
    """Calls `report` and ends the process when no time is left, unless it is stopped before."""

    def __init__(self, report: "Callable[[int], None]") -> None:
        self._left = _SLICE
        self._report = report
        self._watched = _thread.get_ident()
        self._answer = _thread.allocate_lock()  # whoever takes it may write the answer
        self._over = _thread.allocate_lock()
        self._over.acquire()

    def run(self) -> None:
        while self._left > 0:
            if self._over.acquire(timeout=_SLICE):
                return
            self._left -= _SLICE
        if not self._answer.acquire(blocking=False):
            return
        try:
            self._report(self._watched)
        finally:
            os._exit(1)

    def allow(self, seconds: float) -> None:
        self._left = max(self._left, seconds + _MARGIN)
        _set_alarm(self._left + _ALARM_MARGIN)

    def stop(self) -> None:
        self._answer.acquire()  # if the watchdog has it, it ends the process
        self._over.release()


_running: "_Watchdog | None" = None


def start(seconds: float, report: "Callable[[int], None]") -> None:
    """Give this thread `seconds` until `stop`; does nothing if the watchdog runs already.

    report: writes the error; its argument is this thread's number. The process then ends with exit
    code 1. If the system has no thread left, an alarm of the caller's remains.
    """
    global _running  # noqa: PLW0603 - one deadline for the process
    if _running is not None:
        return
    watchdog = _Watchdog(report)
    try:
        _thread.start_new_thread(watchdog.run, ())
    except RuntimeError:
        return
    _running = watchdog
    watchdog.allow(seconds)


def allow(seconds: float) -> None:
    """Extend the deadline to `seconds` from now, if it is sooner."""
    if _running is not None:
        _running.allow(seconds)


def stop() -> None:
    """End the watch: this thread may now write its answer. If the watchdog writes, wait for it."""
    global _running  # noqa: PLW0603 - see `start`
    if _running is not None:
        _running.stop()
        _running = None
    _set_alarm(0)


def _set_alarm(seconds: float) -> None:
    if sys.platform != "win32":
        _signal.setitimer(_signal.ITIMER_REAL, seconds)
