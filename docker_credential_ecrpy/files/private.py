"""Private files: owned by this user alone.

Another user may have planted another file at the path: never follow or use it.
"""

import os
import stat
import sys

SAFE_FLAGS = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a FIFO must not hang a get
    | getattr(os, "O_CLOEXEC", 0)
)
"""For `os.open` of a path where another user may have planted a file."""


def stands_alone(seen: os.stat_result) -> bool:
    """Whether an opened file is this user's regular file, without a second hard link."""
    own = sys.platform == "win32" or seen.st_uid == os.geteuid()
    return stat.S_ISREG(seen.st_mode) and own and seen.st_nlink <= 1
