"""When each job is next to be done: at its time, or at once when something has changed."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Collection, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
_SET_BACK = 5_000_000_000
"""Nanoseconds; less changes little."""


class Agenda(Generic[Key]):
    """The jobs of the controller, by their keys; none is done by two threads at once.

    clock: returns nanoseconds since the epoch (UTC).
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._due: dict[Key, int] = {}
        self._heap: list[tuple[int, int, Key]] = []  # with entries that no longer count
        self._number = itertools.count()
        self._busy: set[Key] = set()
        self._writing: set[Key] = set()  # of the busy ones
        self._woken: set[Key] = set()  # while they were being done
        self._changed = threading.Condition()
        self._latest = 0

    def set_jobs(self, keys: Collection[Key]) -> None:
        """Add the jobs that are new, due at once, and drop those that are no longer wanted."""
        with self._changed:
            for key in self._due.keys() - set(keys):
                del self._due[key]
            for key in keys:
                if key not in self._due:
                    self._plan(key, 0)
                    if key in self._busy:  # with what was wanted before
                        self._woken.add(key)
            self._changed.notify_all()

    def wake(self, key: Key, due: int = 0) -> None:
        """Do a job at once, or at `due` if that is sooner; once more if it is being done now."""
        with self._changed:
            if key in self._busy:
                self._woken.add(key)
            elif key in self._due and due < self._due[key]:
                self._plan(key, due)
                self._changed.notify_all()

    def is_busy(self, key: Key) -> bool:
        """Whether a job is being done now."""
        with self._changed:
            return key in self._busy

    def begin_write(self, key: Key) -> bool:
        """Note that a job that is being done writes until `done`; False if it is not wanted."""
        with self._changed:
            if key in self._due:
                self._writing.add(key)
            return key in self._due

    def wait_for_writes(self, concerns: Callable[[Key], bool]) -> None:
        """Wait until the jobs that are concerned do not write."""
        with self._changed:
            self._changed.wait_for(lambda: not any(map(concerns, self._writing)))

    def take(self) -> Key:
        """Wait for the next job, and return it; `done` must follow."""
        with self._changed:
            while True:
                now = self._clock()
                self._follow_clock(now)
                due = self._next_due()
                if due is not None and due <= now:
                    key = heapq.heappop(self._heap)[2]
                    self._busy.add(key)
                    return key
                # At most a second: the clock may be set.
                self._changed.wait(min((due - now) / 1e9, 1) if due is not None else 1)

    def done(self, key: Key, due: int) -> None:
        """Note that a job was done, and when it is due again (nanoseconds since the epoch)."""
        with self._changed:
            self._busy.discard(key)
            self._writing.discard(key)
            if key in self._due:
                self._plan(key, 0 if key in self._woken else due)
            self._woken.discard(key)
            self._changed.notify_all()

    def _follow_clock(self, now: int) -> None:
        """Do every job after the clock was set back: its time would come that much later."""
        if now < self._latest - _SET_BACK:
            for key in self._due:
                self._plan(key, 0)
            self._changed.notify_all()
            self._latest = now
        self._latest = max(self._latest, now)

    def _plan(self, key: Key, due: int) -> None:
        self._due[key] = due
        heapq.heappush(self._heap, (due, next(self._number), key))

    def _next_due(self) -> int | None:
        """Return when the first job is due, which is then the first of the heap; None for none."""
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) == due and key not in self._busy:
                return due
            heapq.heappop(self._heap)  # dropped, planned again, or being done
        return None

    @property
    def jobs(self) -> list[Key]:
        """The jobs that are wanted."""
        with self._changed:
            return list(self._due)
