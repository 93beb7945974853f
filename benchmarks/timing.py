"""One run of a program, or many at once, timed from outside, as a client waits for them."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Sample:
    """One run. wall, cpu: milliseconds; cpu includes child processes.

    calls: the number of AWS calls, by kind.
    """

    wall: float
    cpu: float
    calls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """How one process ended. output: the file of its standard output."""

    code: int
    output: Path

    @property
    def stdout(self) -> bytes:
        """Its standard output."""
        return self.output.read_bytes()

    @property
    def stderr(self) -> bytes:
        """Its standard error."""
        return self.output.with_suffix(".err").read_bytes()


def run(
    command: list[str],
    environ: Mapping[str, str],
    stdin: Path,
    folder: Path,
    at_once: int = 1,
) -> tuple[Sample, list[Ended]]:
    """Start `command` this many times at once, and wait for all of them.

    The wall time is from the first start to the last end; the CPU time is the sum.
    folder: the directory for their output, which is read after the clock stops.
    """
    outputs = [folder / f"{number}.out" for number in range(at_once)]
    actions = [_redirections(stdin, output) for output in outputs]
    began = time.perf_counter()
    children = [
        os.posix_spawn(command[0], command, environ, file_actions=action) for action in actions
    ]
    ends = [os.wait4(child, 0) for child in children]
    wall = time.perf_counter() - began
    cpu = sum(usage.ru_utime + usage.ru_stime for _, _, usage in ends)
    codes = [os.waitstatus_to_exitcode(status) for _, status, _ in ends]
    ended = [Ended(code, output) for code, output in zip(codes, outputs, strict=True)]
    return Sample(wall * 1000, cpu * 1000), ended


def _redirections(stdin: Path, output: Path) -> list[tuple[int, int, str, int, int]]:
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    return [
        (os.POSIX_SPAWN_OPEN, 0, str(stdin), os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, str(output), write, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, str(output.with_suffix(".err")), write, 0o600),
    ]
