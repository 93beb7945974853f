"""Temporary files: their names, and which of them a process that has ended left behind."""

import os
import re
import sys
import time

_LATEST = 2.0  # seconds; a younger file may belong to a process of another machine or container
_LATEST_UNKNOWN = 24 * 3600.0  # the same, where nothing shows whether the process has ended
_NAME = re.compile(r"\.docker-credential-ecrpy-(\d+)-\d+(-held)?\.new", re.ASCII)
_OLD_NAME = re.compile(r"\.new-(\d+)-\d+", re.ASCII)  # of version 0.1.0, in the cache only


def make_name(*, held: bool = False) -> str:
    """Return a new name for a temporary file of this process.

    held: for a file that may be another program's write, which no sweep may remove.
    """
    kind = "-held" if held else ""
    return f".docker-credential-ecrpy-{os.getpid()}-{time.monotonic_ns()}{kind}.new"


def is_name(name: str) -> bool:
    """Whether a file's name has the exact form of a temporary file of this program."""
    return _NAME.fullmatch(name) is not None


def is_cache_name(name: str) -> bool:
    """Whether it is the name of a temporary file in the cache, also one of version 0.1.0."""
    return is_name(name) or _OLD_NAME.fullmatch(name) is not None


def is_held(name: str) -> bool:
    """Whether a temporary file of this name may be another program's write."""
    match = _NAME.fullmatch(name)
    return match is not None and match[2] is not None


def is_abandoned(name: str, age: float) -> bool:
    """Whether a file of this name, `age` seconds old, is one whose process has ended.

    After a day it counts as ended: another process may have its id, as in a container.
    """
    match = _NAME.fullmatch(name) or _OLD_NAME.fullmatch(name)
    if match is None or age <= _LATEST:
        return False
    process = int(match[1])
    if age > _LATEST_UNKNOWN or process == 0:  # to `os.kill`, 0 is this process's own group
        return True
    if sys.platform == "win32":
        return False  # there, `os.kill` would end the process
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        pass
    return False
