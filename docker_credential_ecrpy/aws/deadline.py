"""A bound on a call, whatever hangs in it: a name server, a pipe, a child process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from docker_credential_ecrpy.errors import DeadlineExceeded

Result = TypeVar("Result")


class Watch:
    """What a bounded call is at, so that an error can say it, and what it has to leave behind.

    stage: who is being waited for.
    """

    def __init__(self) -> None:
        self.stage = "the AWS SDK to load"
        self._children: list[subprocess.Popen[bytes]] = []
        self._over = False

    def start(self, command: list[str], stdout: int, stderr: int) -> "subprocess.Popen[bytes]":
        """Start a program that ends with the call, without a terminal to ask a person on."""
        if self._over:
            msg = "the time is up"
            raise DeadlineExceeded(msg)
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        self._children.append(child)
        return child

    def end(self) -> None:
        """End what was started and still runs, with all that it started itself."""
        self._over = True
        for child in self._children:
            if child.returncode is not None:
                continue
            if sys.platform == "win32":
                child.kill()
            else:
                try:
                    os.killpg(child.pid, signal.SIGKILL)
                except OSError:
                    pass  # it has ended, or became another user's, whose it is to end


def within(seconds: float, call: Callable[[Watch], Result]) -> Result:
    """Return what `call` returns, or raise what it raises, within `seconds`.

    Raises DeadlineExceeded when the time is up; the call is then left behind in a thread that
    does not keep the process alive. Signals would do for Unix alone, and only where the call
    does not swallow what they raise.
    """
    watch = Watch()
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call(watch))
        except BaseException as exc:  # noqa: BLE001 - handed on to the caller, below
            errors.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    finally:
        if not results:
            watch.end()
    if errors:
        raise errors[0]
    if not results:
        msg = f"no answer from {watch.stage} within {round(seconds, 2):g} s"
        raise DeadlineExceeded(
            msg,
            hint="check the network, VPN or proxy, and what the AWS profile runs;"
            " AWS_ECR_TIMEOUT sets the limit in seconds",
        )
    return results[0]
