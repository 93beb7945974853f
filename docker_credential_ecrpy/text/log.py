"""Log lines: what the helper did and why, without tokens and keys."""

from collections.abc import Callable, Mapping

from docker_credential_ecrpy.hot import protocol

_NO = frozenset(("", "0", "false", "no", "off"))

Log = Callable[[str], None]
"""Takes one line without its line break; a text with several is folded into one."""


def is_set(environ: Mapping[str, str], name: str) -> bool:
    """Whether a variable says yes: set, and not one of the usual words for no."""
    return environ.get(name, "").strip().lower() not in _NO


def discard(_text: str) -> None:
    """Be a log that is off."""


def write_stderr(data: bytes) -> None:
    """Write to standard error, if anybody reads it."""
    try:
        protocol.send(data, protocol.STDERR)
    except OSError:
        pass  # it is closed; the answer and the exit code still count
