"""The chart: bars on a logarithmic scale, as SVG. A drawing library would be larger than this.

https://www.w3.org/TR/SVG11/
"""

import math
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.programs import FOLDER, GO, ONE_FILE, SCRIPT, WHEEL
from benchmarks.report import number
from benchmarks.results import Row
from benchmarks.scenarios import MANY

COLOURS = {
    FOLDER: "#0b5394",
    ONE_FILE: "#3d85c6",
    WHEEL: "#9fc5e8",
    GO: "#e69138",
    SCRIPT: "#999999",
}
ROWS = (
    "cached get, static keys, 0 ms",
    "cached get, assumed role, 80 ms",
    "cached get, web identity, 80 ms",
    "cached get, SSO, 80 ms",
    "cached get, credential_process, 80 ms",
    "get, not ECR, static keys, 0 ms",
    "list, static keys, 80 ms",
    "first get, static keys, 80 ms",
    f"{MANY} first gets, static keys, 80 ms",
    f"{MANY} cached gets, assumed role, 80 ms",
    "first build, 10 registries, assumed role, 80 ms",
    "next build, 10 registries, assumed role, 80 ms",
)
_LEFT, _RIGHT, _TOP = 410, 970, 90  # left and right ends of the bars, and the top of the first
_BAR, _GAP = 13, 12
_WIDTH = _RIGHT + 70
_INK, _PAPER, _LINES = "#222222", "#ffffff", "#dddddd"


def draw(rows: Sequence[Row]) -> str:
    """Return the chart of the rows in ROWS."""
    shown = [row for row in rows if row.title in ROWS and _bars(row)]
    values = [value for row in shown for _, value in _bars(row)]
    low = math.floor(math.log10(min(values, default=1)))
    high = max(low + 1, math.ceil(math.log10(max(values, default=10))))
    bottom = _TOP + sum(_BAR * len(_bars(row)) + _GAP for row in shown)
    size = f'width="{_WIDTH}" height="{bottom + 45}" viewBox="0 0 {_WIDTH} {bottom + 45}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">',
            f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
            *_heading(),
            *_axis(low, high, bottom),
            *_groups(shown, low, high),
            "</svg>\n",
        ]
    )


def _heading() -> Iterator[str]:
    yield _text(20, 30, "How long a client waits: median milliseconds, less is better", size=17)
    left = 20
    for name, colour in COLOURS.items():
        yield f'<rect x="{left}" y="47" width="13" height="13" fill="{colour}"/>'
        yield _text(left + 19, 58, name)
        left += 120


def _axis(low: int, high: int, bottom: int) -> Iterator[str]:
    for power in range(low, high + 1):
        x = _x(10**power, low, high)
        yield f'<path d="M{x} {_TOP - 8}V{bottom}" stroke="{_LINES}"/>'
        yield _text(x, bottom + 16, f"{10**power:,}", anchor="middle")
    middle = (_LEFT + _RIGHT) / 2
    yield _text(middle, bottom + 35, "milliseconds, logarithmic scale", anchor="middle")


def _groups(rows: Sequence[Row], low: int, high: int) -> Iterator[str]:
    top = _TOP
    for row in rows:
        bars = _bars(row)
        yield _text(_LEFT - 10, top + _BAR * len(bars) / 2 + 4, row.title, anchor="end")
        for name, value in bars:
            width = round(_x(value, low, high) - _LEFT, 1)
            place = f'x="{_LEFT}" y="{top}" width="{width}" height="{_BAR - 2}"'
            yield f'<rect {place} fill="{COLOURS[name]}"/>'
            yield _text(_LEFT + width + 5, top + 10, number(value), size=11)
            top += _BAR
        top += _GAP


def _bars(row: Row) -> list[tuple[str, float]]:
    return [(name, value) for name in COLOURS if (value := row.median(name)) is not None]


def _x(value: float, low: int, high: int) -> float:
    """Return the position of a number of milliseconds on the axis from 10**low to 10**high."""
    part = (math.log10(value) - low) / (high - low)
    return round(_LEFT + part * (_RIGHT - _LEFT), 1)


def _text(x: float, y: float, text: str, *, size: int = 13, anchor: str = "start") -> str:
    where = f'x="{round(x, 1)}" y="{round(y, 1)}" font-size="{size}"'
    return f'<text {where} text-anchor="{anchor}" fill="{_INK}">{escape(text)}</text>'
