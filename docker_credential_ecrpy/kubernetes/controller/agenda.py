"""When each job is next to be done: at its time, or at once when something has changed."""

import threading
import time
from collections.abc import Callable, Collection, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Agenda(Generic[Key]):
    """The jobs of the controller, by their keys; none is done by two threads at once.

    clock: returns nanoseconds since the epoch (UTC).
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._due: dict[Key, int] = {}
        self._busy: set[Key] = set()
        self._woken: set[Key] = set()  # while they were being done
        self._changed = threading.Condition()

    def set_jobs(self, keys: Collection[Key]) -> None:
        """Add the jobs that are new, due at once, and drop those that are no longer wanted."""
        with self._changed:
            for key in self._due.keys() - set(keys):
                del self._due[key]
            for key in keys:
                self._due.setdefault(key, 0)
            self._changed.notify_all()

    def wake(self, key: Key) -> None:
        """Do a job at once, and once more if it is being done now."""
        with self._changed:
            if key in self._busy:
                self._woken.add(key)
            elif key in self._due:
                self._due[key] = 0
                self._changed.notify_all()

    def take(self) -> Key:
        """Wait for the next job, and return it; `done` must follow."""
        with self._changed:
            while True:
                ready = {key: due for key, due in self._due.items() if key not in self._busy}
                now = self._clock()
                first = min(ready, key=ready.__getitem__, default=None)
                if first is not None and ready[first] <= now:
                    self._busy.add(first)
                    return first
                # At most a second: the clock may be set.
                left = (ready[first] - now) / 1e9 if first is not None else 1
                self._changed.wait(min(left, 1))

    def done(self, key: Key, due: int) -> None:
        """Note that a job was done, and when it is due again (nanoseconds since the epoch)."""
        with self._changed:
            self._busy.discard(key)
            if key in self._due:
                self._due[key] = 0 if key in self._woken else due
            self._woken.discard(key)
            self._changed.notify_all()

    @property
    def jobs(self) -> list[Key]:
        """The jobs that are wanted."""
        with self._changed:
            return list(self._due)
