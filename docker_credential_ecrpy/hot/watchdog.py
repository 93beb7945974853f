"""Ends this process at its deadline with an error, even if its main thread is blocked for ever.

A file system that does not answer blocks a thread in the kernel, where no exception reaches it.
This module loads nothing but what every interpreter has loaded: it starts before the caches.
"""

import _thread
import os

from docker_credential_ecrpy.hot import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_MARGIN = 0.5  # seconds: the errors of the calls themselves, which say more, come first
_SLICE = 0.25  # seconds; the time that the process is suspended counts as one slice
# Seconds to the alarm, which each slice sets again. It ends a process in which one blocked thread
# keeps the others from running, and one that was suspended for longer.
_ALARM = 60.0
_ALARM_WHILE_WRITING = 10.0  # seconds for the error, whose stream may not answer either


class _Watchdog:
    """Calls `report` and ends the process when no time is left, unless it is stopped before."""

    def __init__(self, seconds: float, report: "Callable[[int], None]") -> None:
        self._left = seconds + _MARGIN
        self._report = report
        self._watched = _thread.get_ident()
        self._turn = _thread.RLock()  # whoever has it may write the answer, or set the alarm
        self._over = _thread.allocate_lock()
        self._over.acquire()
        self._stopped = False

    def run(self) -> None:
        while not self._over.acquire(timeout=_SLICE):
            with self._turn:
                if self._stopped:
                    return
                self._left -= _SLICE
                if self._left > 0:
                    protocol.set_timer(_ALARM)
                    continue
                protocol.set_timer(_ALARM_WHILE_WRITING)
                try:
                    self._report(self._watched)
                finally:
                    os._exit(1)

    def allow(self, seconds: float) -> None:
        self._left = max(self._left, seconds + _MARGIN)

    def stop(self) -> None:
        with self._turn:  # if the watchdog has it, it ends the process
            self._stopped = True
        self._over.release()

    def pause(self) -> None:
        self._turn.acquire()
        protocol.set_timer(0)

    def go_on(self) -> None:
        protocol.set_timer(_ALARM)
        self._turn.release()


_running: "_Watchdog | None" = None


def start(seconds: float, report: "Callable[[int], None]") -> None:
    """Give this thread, the main one, `seconds` until `stop`; does nothing if that is done already.

    report: writes the error; its argument is this thread's number. The process then ends with exit
    code 1. If the system has no thread left, an alarm ends it without an error.
    """
    global _running  # noqa: PLW0603 - one deadline for the process
    if _running is not None:
        return
    watchdog = _Watchdog(seconds, report)
    protocol.set_alarm(seconds + _ALARM_WHILE_WRITING)
    try:
        _thread.start_new_thread(watchdog.run, ())
    except RuntimeError:
        return
    protocol.set_timer(_ALARM)  # also before the first slice, in which it may be suspended
    _running = watchdog


def allow(seconds: float) -> None:
    """Extend the deadline to `seconds` from now, if it is sooner."""
    if _running is not None:
        _running.allow(seconds)


def stop(seconds: float = 0) -> None:
    """End the watch: this thread may now write its answer. If the watchdog writes, wait for it.

    seconds: until the alarm, for what is still to be done; 0 for none.
    """
    global _running  # noqa: PLW0603 - see `start`
    if _running is not None:
        _running.stop()
        _running = None
    protocol.set_timer(seconds)


class Paused:
    """The time within does not count, and nothing ends the process: it waits for the user."""

    def __enter__(self) -> None:
        self._watchdog = _running
        if self._watchdog is not None:
            self._watchdog.pause()

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        value: "BaseException | None",
        trace: "TracebackType | None",
    ) -> None:
        if self._watchdog is not None:
            self._watchdog.go_on()
