"""The results: medians and their spread, and where ours are not the fastest."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.programs import OTHERS, OURS
from benchmarks.timing import Sample


@dataclass(frozen=True)
class Spread:
    """A median between its quartiles."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median and the quartiles of at least one value."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(low, median, high)


@dataclass
class Cell:
    """One program's results in one scenario. note: why there are none."""

    samples: list[Sample] = field(default_factory=list)
    failures: int = 0
    note: str = ""

    @property
    def wall(self) -> Spread:
        """Milliseconds from start to end."""
        return spread([sample.wall for sample in self.samples])

    @property
    def cpu(self) -> Spread:
        """Milliseconds of processor time."""
        return spread([sample.cpu for sample in self.samples])

    @property
    def calls(self) -> dict[str, float]:
        """The median number of AWS calls of one run, by kind, without kinds of median 0."""
        kinds = sorted({kind for sample in self.samples for kind in sample.calls})
        medians = {
            kind: statistics.median([sample.calls.get(kind, 0) for sample in self.samples])
            for kind in kinds
        }
        return {kind: number for kind, number in medians.items() if number}


@dataclass
class Row:
    """One scenario's results, by program. runs: how often each program ran."""

    section: str
    title: str
    runs: int
    cells: dict[str, Cell] = field(default_factory=dict)

    def median(self, program: str) -> float | None:
        """Return a program's median wall time, or None if it has none."""
        cell = self.cells.get(program)
        return cell.wall.median if cell and cell.samples else None

    def best_other(self) -> str | None:
        """Return the fastest of the other programs without failures."""
        done = [n for n in OTHERS if self.median(n) is not None and not self.cells[n].failures]
        return min(done, key=lambda name: self.cells[name].wall.median, default=None)

    def losses(self) -> dict[str, float]:
        """Return each of ours that is slower than the best other -> the ratio of their times."""
        best = self.best_other()
        if best is None:
            return {}
        least = self.cells[best].wall.median
        ratios = {n: m / least for n in OURS if (m := self.median(n)) is not None}
        return {name: ratio for name, ratio in ratios.items() if ratio > 1}


def dump(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows as values for JSON."""
    return [asdict(row) for row in rows]


def load(found: Sequence[dict[str, Any]]) -> list[Row]:
    """Return the rows from the values of `dump`."""
    return [
        Row(**{**row, "cells": {name: _cell(cell) for name, cell in row["cells"].items()}})
        for row in found
    ]


def _cell(found: dict[str, Any]) -> Cell:
    return Cell([Sample(**each) for each in found["samples"]], found["failures"], found["note"])
