"""Files that changed a moment ago, of which a second change might not show.

A file system's clock moves in steps: of a few milliseconds mostly, of one or two seconds on some.
Two changes within one step leave the same times behind, and so the same stamp. What is kept under
a stamp is therefore read only when that step is over, as git does with its index.
https://git-scm.com/docs/racy-git
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
_STEPS = 3  # files that change all the time are not waited for


def wait(files: Collection[str]) -> None:
    """Wait until none of the files changed within the present step; for a few steps at most."""
    for _ in range(_STEPS):
        now = time.time_ns()
        longest = max((left(at, now) for file in files for at in _changes(file)), default=0)
        if not longest:
            return
        time.sleep(longest / SECOND)


def left(changed: int, now: int) -> int:
    """Return how long the step goes on in which a file changed; all in nanoseconds."""
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
