"""Temporary files: their names, and which of them a process that has ended left behind."""

import os
import re
import sys
import time

_LATEST = 2.0  # seconds; a younger file may belong to a process of another machine or container
_LATEST_UNKNOWN = 24 * 3600.0  # the same, where nothing shows whether the process has ended
# Version 0.1.0 wrote the short form.
_NAME = r"\.docker-credential-ecrpy-(\d+)-\d+\.new|\.new-(\d+)-\d+"


def make_name() -> str:
    """Return a new name for a temporary file of this process."""
    return f".docker-credential-ecrpy-{os.getpid()}-{time.monotonic_ns()}.new"


def is_name(name: str) -> bool:
    """Whether a file's name has the exact form of a temporary file of this program."""
    return re.fullmatch(_NAME, name, re.ASCII) is not None


def is_abandoned(name: str, age: float) -> bool:
    """Whether a file of this name, `age` seconds old, is one whose process has ended."""
    match = re.fullmatch(_NAME, name, re.ASCII)
    if match is None or age <= _LATEST:
        return False
    if sys.platform == "win32":
        return age > _LATEST_UNKNOWN  # there, `os.kill` would end the process
    try:
        os.kill(int(match[1] or match[2]), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False
