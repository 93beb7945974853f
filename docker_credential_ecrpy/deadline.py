"""Cold layer: a bound on a call, whatever hangs in it: a name server, a pipe, a child process."""

import threading
from collections.abc import Callable
from typing import TypeVar

from docker_credential_ecrpy.errors import DeadlineExceeded

Result = TypeVar("Result")


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return what `call` returns, or raise what it raises, within `seconds`.

    Raises DeadlineExceeded when the time is up; the call is then left behind in a thread that
    does not keep the process alive. Signals would do for Unix alone, and only where the call
    does not swallow what they raise.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as exc:  # noqa: BLE001 - handed on to the caller, below
            errors.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if not results:
        msg = f"no answer within {seconds:g} s"
        raise DeadlineExceeded(msg)
    return results[0]
