"""What the standalone programs do for everything except a `get` that needs no AWS."""

import _signal  # type: ignore[import-not-found]  # `signal` loads enum and re; no stub
import gc
import sys

from docker_credential_ecrpy import __main__ as program
from docker_credential_ecrpy.hot import protocol

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


def interrupt(*_: object) -> "NoReturn":
    """Raise KeyboardInterrupt once: a one-file bootloader forwards SIGINT, so it arrives twice."""
    _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    raise KeyboardInterrupt


def report_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    """End the program where KeyboardInterrupt cannot be raised, such as in a weakref's callback."""
    if unraisable.exc_type is KeyboardInterrupt:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        _signal.raise_signal(_signal.SIGINT)
    sys.__unraisablehook__(unraisable)


def close_stderr() -> None:
    """Have nobody write to standard error during Docker's actions, which write to descriptors.

    Modules would write tracebacks, as hashlib does for each hash without memory. The commands for
    users may ask a question there.
    """
    if sys.argv[1:] in program.ACTIONS:
        sys.stderr = None


def run(
    request: "protocol.GetRequest | None", prepare: "Callable[[], None]" = program.be_ready
) -> int:
    """Do the work that `at_once` left, with the request that it read; return the exit code.

    prepare: as in `in_full`.
    """
    gc.disable()  # the program ends before collecting garbage pays
    sys.unraisablehook = report_unraisable
    close_stderr()
    try:
        if _signal.getsignal(_signal.SIGINT) is None:  # the handler of a bootloader
            _signal.signal(_signal.SIGINT, interrupt)
        code = program.in_full(request, prepare)
        if _signal.getsignal(_signal.SIGINT) is interrupt:
            _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # no code below catches an exception
    except KeyboardInterrupt:  # just before or after `in_full`
        code = protocol.INTERRUPTED
    return code


def end(code: int) -> "NoReturn":
    """End the process; at once after Docker's actions, which leave nothing to do."""
    if sys.argv[1:] in program.ACTIONS:
        program.end(code)
    sys.exit(code)
