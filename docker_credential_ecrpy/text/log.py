"""Log lines: what the helper did and why, for users who turn the log on.

No line ever holds a token or a key: callers pass names, places and times only.
"""

from collections.abc import Callable, Mapping

from docker_credential_ecrpy.hot import protocol

_NO = frozenset(("", "0", "false", "no", "off"))

Log = Callable[[str], None]
"""Takes one line without its line break; a text with several is folded into one."""


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Whether a variable says yes: set, and not one of the usual words for no."""
    return environ.get(name, "").strip().lower() not in _NO


def nowhere(_text: str) -> None:
    """Be a log that is off."""


def to_stderr(line: bytes) -> None:
    """Write a line to standard error, if anybody reads it."""
    try:
        protocol.send(line, protocol.STDERR)
    except OSError:
        pass  # nobody reads it; the answer still counts
