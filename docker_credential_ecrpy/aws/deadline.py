"""Deadline of a call, whatever hangs in it: a name server, a pipe, a child process."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from docker_credential_ecrpy.errors import DeadlineExceeded

Result = TypeVar("Result")


class Stage(Enum):
    """What a call waits for; the value is its name in an error."""

    SDK = "the AWS SDK to load"
    SETTINGS = "the AWS settings"
    CREDENTIALS = "the AWS credentials"
    PROCESS = "credential_process"
    SERVICE = "AWS"


class Watch:
    """The progress of a call with a deadline, and the programs that it started.

    stage: what the call waits for. target: its name in an error.
    """

    def __init__(self) -> None:
        self.enter(Stage.SDK)
        self._children: list[subprocess.Popen[bytes]] = []
        self._over = False

    def enter(self, stage: Stage, target: str = "") -> None:
        """Note what the call waits for now; `target` names it where `stage` alone does not."""
        self.stage, self.target = stage, target or stage.value

    def start(self, command: list[str], stdout: int, stderr: int) -> "subprocess.Popen[bytes]":
        """Start a program that ends with the call, without a terminal for prompts.

        Raises DeadlineExceeded once the call has ended, and OSError.
        """
        if self._over:
            msg = "the deadline is over"
            raise DeadlineExceeded(msg)
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, start_new_session=True
        )
        self._children.append(child)
        return child

    def end(self) -> None:
        """Kill the programs that still run, with their own child processes."""
        self._over = True
        for child in [child for child in self._children if child.returncode is None]:
            if sys.platform == "win32":
                child.kill()
            else:
                try:
                    os.killpg(child.pid, signal.SIGKILL)
                except OSError:
                    pass  # it has ended, or runs as another user


def within(seconds: float, call: Callable[[Watch], Result]) -> Result:
    """Return what `call` returns, or raise what it raises, within `seconds`.

    Raises DeadlineExceeded after that; the call then continues in a thread that does not keep the
    process alive. A signal would work on Unix only, and not if the call catches the exception of
    its handler.
    """
    watch = Watch()
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call(watch))
        except BaseException as exc:  # noqa: BLE001 - raised in the caller's thread, below
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
        msg = f"no answer from {watch.target} within {round(seconds, 2):g} s"
        hint = "check the network, VPN or proxy, and what the AWS profile runs;"
        raise DeadlineExceeded(msg, hint=f"{hint} AWS_ECR_TIMEOUT sets the limit in seconds")
    return results[0]
