"""Log lines: what the helper did and why, without tokens and keys."""

import os
import select
import sys
import time
from collections.abc import Callable, Mapping

from docker_credential_ecrpy.hot import protocol

_NO = frozenset(("", "0", "false", "no", "off"))
_YES = frozenset(("1", "true", "yes"))

PIPE_BYTES = 512
"""POSIX: a pipe that can be written to takes as many at once."""

_patience = 1.0  # seconds for which this process still waits for the readers of standard error

Log = Callable[[str], None]
"""Takes one line without its line break; several lines are folded into one."""


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Whether a variable is on: neither unset or empty, nor 0, false, no or off."""
    return environ.get(name, "").strip().lower() not in _NO


def is_true(environ: Mapping[str, str], name: str) -> bool:
    """Whether a variable is true, 1 or yes: nothing else turns on what changes an answer."""
    return environ.get(name, "").strip().lower() in _YES


def discard(_text: str) -> None:
    """Drop a line: the log is off."""


def write_stderr(data: bytes) -> None:
    """Write to standard error; what is not read within a moment is lost, as if that is closed."""
    try:
        while data and _wait_for_reader():
            data = data[os.write(protocol.STDERR, data[:PIPE_BYTES]) :]
    except (OSError, ValueError):
        pass  # a lost log line must not change the answer or exit code


def _wait_for_reader() -> bool:
    """Wait until a write to standard error does not block; return False if it would."""
    global _patience  # noqa: PLW0603 - for all lines: nobody may read any of them
    if sys.platform == "win32":
        return True  # `select` takes only sockets there
    began = time.monotonic()
    ready = bool(select.select((), (protocol.STDERR,), (), max(_patience, 0))[1])
    _patience -= time.monotonic() - began
    return ready
