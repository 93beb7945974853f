"""Limits for our programs, and whether they are met."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.programs import BARE, FOLDER, GO, ISOLATED, ONE_FILE, SCRIPT, WHEEL
from benchmarks.results import Row

_CACHED = "cached get, static keys, 0 ms"
_RULED = "cached get, 200 rules, static keys, 0 ms"
_ROLE = "cached get, assumed role, 80 ms"
_FOREIGN = "get, not ECR, static keys, 0 ms"
_FIRST = "first get, static keys, 0 ms"


@dataclass(frozen=True)
class Target:
    """A limit of one program's median in one row.

    The limit is `times` the median of the row's `other` program, or `milliseconds` more than it.
    """

    row: str
    program: str
    other: str = ""
    times: float = 1
    milliseconds: float = 0


@dataclass(frozen=True)
class Verdict:
    """The result of a target. met: None if it was not measured."""

    text: str
    met: bool | None


TARGETS = (
    Target(_CACHED, FOLDER, BARE, 1.35),
    Target(_RULED, FOLDER, BARE, 1.35),
    Target(_FOREIGN, FOLDER, BARE, 1.35),
    Target(_CACHED, ONE_FILE, milliseconds=80),
    Target(_CACHED, WHEEL, ISOLATED, 1.25),
    Target(_FOREIGN, WHEEL, ISOLATED, 1.25),
    Target(_CACHED, FOLDER, GO, 3),
    Target(_ROLE, FOLDER, GO, 0.1),
    Target(_FIRST, WHEEL, SCRIPT, 1.2),
    Target(_FIRST, FOLDER, WHEEL, 1),
    Target(_FIRST, FOLDER, BARE, milliseconds=150),
)


def judge(target: Target, rows: Sequence[Row]) -> Verdict:
    """Return the result of a target, in words and numbers."""
    medians: Mapping[str, float | None] = next(
        ({name: row.median(name) for name in row.cells} for row in rows if row.title == target.row),
        {},
    )
    took, other = medians.get(target.program), medians.get(target.other)
    what = f"{target.row}: {target.program}"
    if took is None or (target.other and other is None):
        return Verdict(f"{what}: not measured", None)
    if other is None:
        limit, value, unit = target.milliseconds, took, "ms"
    elif target.milliseconds:
        limit, value, unit = target.milliseconds, took - other, f"ms more than {target.other}"
    else:
        limit, value, unit = target.times, took / other, f"times as long as {target.other}"
    met = value <= limit
    verdict = "met" if met else "MISSED"
    return Verdict(f"{what} takes {value:.3g} {unit}; at most {limit:g}: {verdict}", met)
