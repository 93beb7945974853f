"""Deadline of a call, whatever hangs in it: a name server, a pipe, a child process."""

import os
import threading
from collections.abc import Callable, Sequence
from enum import Enum
from typing import TypeVar

from docker_credential_ecrpy.errors import DeadlineExceeded
from docker_credential_ecrpy.files.programs import stalled
from docker_credential_ecrpy.files.programs.program import Program, say_signal
from docker_credential_ecrpy.hot import protocol, watchdog

MAX_PRINTED = 1024 * 1024
"""The limit in bytes of what a credential_process prints; its JSON has about 2 KB."""

THREAD = "call with a deadline"
"""The name of the thread of a call, which goes on after its deadline."""

Result = TypeVar("Result")

_SHELL_BASE = 128  # a shell adds the number of the signal that has ended its command
_KILLED = (_SHELL_BASE + 9, _SHELL_BASE + 15)  # by SIGKILL or SIGTERM


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
        self._programs: list[Program] = []
        self._over = False

    def enter(self, stage: Stage, target: str = "") -> None:
        """Note what the call waits for now; `target` names it where `stage` alone does not."""
        self.stage, self.target = stage, target or stage.value

    def start(self, command: Sequence[str]) -> Program:
        """Start a program that ends with the call, without a terminal for prompts.

        Raises DeadlineExceeded once the call has ended, and OSError.
        """
        if self._over:
            msg = "the deadline is over"
            raise DeadlineExceeded(msg)
        program = Program(command, name=self.target, most=MAX_PRINTED, keep_errors=True)
        self._programs.append(program)
        if self._over:  # meanwhile
            program.kill()
        return program

    def find_signal(self) -> str:
        """Return which signal has ended one of the programs, or its command; "" if none has."""
        for program in self._programs:
            code = program.returncode or 0
            if code < 0 or code in _KILLED:
                return say_signal(code if code < 0 else _SHELL_BASE - code)
        return ""

    def end(self) -> None:
        """Kill the programs that still run, with their own child processes."""
        self._over = True
        for program in self._programs:
            if program.returncode is None:
                program.kill()


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

    watchdog.allow(seconds)
    thread = threading.Thread(target=run, name=THREAD, daemon=True)
    thread.start()
    try:
        thread.join(seconds)
    finally:
        is_late = not (results or errors)  # what ends below is the call's end, and not its result
        if not results:
            watch.end()
    if not is_late and errors:
        raise errors[0]
    if is_late:
        file = stalled.find_file(thread.ident or 0)
        shown = round(seconds, 2) or protocol.time_limit(os.environ)  # little may have been left
        if file and watch.stage is not Stage.PROCESS:
            raise stalled.explain(file, os.environ, shown)
        msg = f"no answer from {watch.target} within {shown:g} s"
        hint = "check the network, VPN or proxy, and what the AWS profile runs;"
        raise DeadlineExceeded(msg, hint=f"{hint} AWS_ECR_TIMEOUT sets the limit in seconds")
    return results[0]
