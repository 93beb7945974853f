"""Racy timestamps: a second write within one clock tick leaves the same mtime and stamp.

Read a file only after the tick (milliseconds; seconds on some file systems) of its last change, as
git does with its index: https://git-scm.com/docs/racy-git
"""

import os
import sys
import time
from collections.abc import Collection, Iterator

from docker_credential_ecrpy.hot.cache import SECOND

STEP = 20_000_000
"""Nanoseconds; Linux timestamps have ticks of 10 ms at most."""
COARSE_STEP = 2 * SECOND
"""Nanoseconds, for file systems with times in whole seconds, such as FAT and ext3."""
_STEPS = 3  # waits at most, for files that keep changing


def wait(files: Collection[str]) -> None:
    """Wait until none of the files changed within the current tick; for a few ticks at most."""
    for _ in range(_STEPS):
        now = time.time_ns()
        longest = max((time_left(at, now) for file in files for at in _changes(file)), default=0)
        if not longest:
            return
        time.sleep(longest / SECOND)


def time_left(changed: int, now: int) -> int:
    """Return how long the tick of a file's change still lasts; all in nanoseconds."""
    step = STEP if changed % SECOND else COARSE_STEP
    age = now - changed
    if age < -step:
        return 0
    return min(max(step - age, 0), step)  # a file server's clock may be slightly ahead


def _changes(file: str) -> Iterator[int]:
    for look in (os.lstat, os.stat):  # a symlink may be retargeted twice, too
        try:
            seen = look(file)
        except (OSError, ValueError):
            continue
        # Only the kernel sets the ctime; Windows has none.
        yield seen.st_mtime_ns if sys.platform == "win32" else seen.st_ctime_ns
