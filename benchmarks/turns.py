"""Runs the programs of a row in turn."""

import random
import sys
from collections.abc import Callable, Mapping
from typing import Protocol

from benchmarks.programs import OURS
from benchmarks.results import Cell, Row
from benchmarks.timing import Sample


class Scene(Protocol):
    """A program that is ready to run."""

    def once(self) -> tuple[Sample, str]:
        """Run it once; return the duration, and the error or ""."""


def take_turns(row: Row, scenes: Mapping[str, Scene], *, warm_up: bool = True) -> None:
    """Run each scene as often as the row says, in a new order each round.

    If the machine's speed drifts, all programs slow down equally, and none always follows the same
    one.
    warm_up: run each once before, without a result. A failure of one of ours ends the benchmark;
    those of the others are counted.
    """
    shuffle = random.Random(0)  # noqa: S311 - not cryptography
    for number in range(0 if warm_up else 1, row.runs + 1):
        for name in shuffle.sample(list(scenes), len(scenes)):
            progress(f"{row.title}: {number} of {row.runs}, {name}")
            sample, problem = scenes[name].once()
            if problem and name in OURS:
                sys.exit(f"bench: {row.title}: {name}: {problem}")
            _note(row.cells.setdefault(name, Cell()), sample, problem, counts=number > 0)
    progress("")


def _note(cell: Cell, sample: Sample, problem: str, *, counts: bool) -> None:
    cell.note = problem or cell.note
    if counts and problem:
        cell.failures += 1
    elif counts:
        cell.samples.append(sample)


def _progress() -> Callable[[str], None]:
    if not sys.stderr.isatty():
        return lambda _: None
    return lambda text: print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


progress = _progress()
"""Shows the present step on a terminal; "" removes the line."""
