"""Racy timestamps: a second write within one clock tick leaves the same mtime and stamp.

A file is therefore read only when the tick (milliseconds; seconds on some file systems) of its last
change is over, as git does with its index: https://git-scm.com/docs/racy-git
"""

import os
import sys
import time
from collections.abc import Collection, Iterator

from docker_credential_ecrpy.hot.cache import SECOND

STEP = 20_000_000
"""Nanoseconds; Linux stamps files by a tick of 10 ms at most."""
COARSE_STEP = 2 * SECOND
"""Nanoseconds, where times have whole seconds: of FAT, and of ext3 and its like."""
_STEPS = 3  # waits at most, for files that change all the time


def wait(files: Collection[str]) -> None:
    """Wait until none of the files changed within the present step; for a few steps at most."""
    for _ in range(_STEPS):
        now = time.time_ns()
        longest = max((time_left(at, now) for file in files for at in _changes(file)), default=0)
        if not longest:
            return
        time.sleep(longest / SECOND)


def time_left(changed: int, now: int) -> int:
    """Return how long the step of a file's change still lasts; all in nanoseconds."""
    step = STEP if changed % SECOND else COARSE_STEP
    age = now - changed
    if age < -step:
        return 0
    return min(max(step - age, 0), step)  # a file server's clock may be ahead a little


def _changes(file: str) -> Iterator[int]:
    for look in (os.lstat, os.stat):  # a link, too, may be turned twice
        try:
            seen = look(file)
        except (OSError, ValueError):
            continue
        # The time of the change is the kernel's, and no program's to set; Windows has none.
        yield seen.st_mtime_ns if sys.platform == "win32" else seen.st_ctime_ns
