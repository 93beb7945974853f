"""Log lines: what the helper did and why, without tokens and keys."""

from collections.abc import Callable, Mapping

from docker_credential_ecrpy.hot import protocol

_NO = frozenset(("", "0", "false", "no", "off"))
_YES = frozenset(("1", "true", "yes"))

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
    """Write to standard error; does nothing if that is closed."""
    try:
        protocol.send(data, protocol.STDERR)
    except OSError:
        pass  # a lost log line must not change the answer or exit code
