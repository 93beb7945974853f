"""Temporary files: their names, and which of them a process that has ended left behind."""

import os
import sys
import time

_LATEST = 2.0  # seconds; a younger file may belong to a process of another machine or container
_LATEST_UNKNOWN = 24 * 3600.0  # the same, where nothing shows whether the process has ended
# A name is the first of these, a process id, a dash, a number, and the last, or the last two.
_START, _HELD, _END = ".docker-credential-ecrpy-", "-held", ".new"
_OLD_START = ".new-"  # of version 0.1.0, in the cache only


def make_name(*, held: bool = False) -> str:
    """Return a new name for a temporary file of this process.

    held: for a file that may be another program's write, which no sweep may remove.
    """
    kind = _HELD if held else ""
    return f"{_START}{os.getpid()}-{time.monotonic_ns()}{kind}{_END}"


def is_name(name: str) -> bool:
    """Whether a file's name has the exact form of a temporary file of this program."""
    return _find_process(name) is not None


def is_cache_name(name: str) -> bool:
    """Whether it is the name of a temporary file in the cache, also one of version 0.1.0."""
    return is_name(name) or _find_old_process(name) is not None


def is_held(name: str) -> bool:
    """Whether a temporary file of this name may be another program's write."""
    return is_name(name) and name.endswith(_HELD + _END)


def is_abandoned(name: str, age: float) -> bool:
    """Whether a file of this name, `age` seconds old, is one whose process has ended.

    After a day it counts as ended: another process may have its id, as in a container.
    """
    process = _find_process(name)
    if process is None:
        process = _find_old_process(name)
    if process is None or age <= _LATEST:
        return False
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


def _find_process(name: str) -> "int | None":
    """Return the process id in a name of this program, or None."""
    if not (name.startswith(_START) and name.endswith(_END)):
        return None
    return _parse_numbers(name[len(_START) : -len(_END)].removesuffix(_HELD))


def _find_old_process(name: str) -> "int | None":
    """Return the process id in a name of version 0.1.0, or None."""
    return _parse_numbers(name.removeprefix(_OLD_START)) if name.startswith(_OLD_START) else None


def _parse_numbers(text: str) -> "int | None":
    """Return the first of two numbers with a dash between them, or None."""
    process, _, number = text.partition("-")
    is_pair = text.isascii() and process.isdigit() and number.isdigit()
    return int(process) if is_pair else None
