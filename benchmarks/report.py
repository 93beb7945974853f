"""The tables as Markdown, with marks where ours are slower."""

from collections.abc import Callable, Sequence

from benchmarks.programs import COLUMNS, OTHERS, OURS
from benchmarks.results import Cell, Row, Spread
from benchmarks.scenarios import AT_ONCE, BUILD, FIRST, FULL
from benchmarks.targets import TARGETS, judge

LOST = " !"
_TWO_DIGITS = 10
_CPU_MATTERS = (FIRST, FULL, AT_ONCE, BUILD)

INTRODUCTION = """\
Medians in milliseconds, with the quartiles in brackets; `!` marks where one of ours (one folder,
one file, wheel) is slower than the best of the others (Go helper, boto3 script). Within a row all
programs ran in turn, in a new order each round. Each had its own home and cache, and was
timed from outside, as a client waits for it. Every answer was checked.

A row's title has the work, the identity, and the latency of each AWS call, which is also that of
the credential_process. AWS is the loopback one of the tests, reached by AWS's own names over TLS;
its certificate is trusted beside the system's. The boto3 script does what
`aws ecr get-login-password` does, without the AWS CLI's own start. The Go helper is Debian's.
"""


def render(rows: Sequence[Row], facts: Sequence[tuple[str, str]], not_run: Sequence[str]) -> str:
    """Return everything as Markdown."""
    parts = [INTRODUCTION] if rows else []
    parts += [_section(name, rows) for name in _sections(rows)]
    titles = {row.title for row in rows}
    verdicts = [judge(target, rows) for target in TARGETS if target.row in titles]
    if verdicts:
        parts += ["## Targets\n", _list([verdict.text for verdict in verdicts])]
    if rows:
        lost = _list(losses(rows)) or "Nowhere.\n"
        parts += ["## Where ours are slower\n", lost]
    if not_run:
        parts += ["## Not run\n", _list(not_run)]
    parts += ["## Measured with\n", _list([f"{name}: {fact}" for name, fact in facts])]
    return "\n".join(parts)


def losses(rows: Sequence[Row]) -> list[str]:
    """Return a line for each row in which one of ours is slower than the best of the others."""
    lines = []
    for row in rows:
        best = row.best_other()
        lost = row.losses()
        if best and lost:
            ratios = ", ".join(f"{name} {ratio:.1f} times" for name, ratio in lost.items())
            took = number(row.cells[best].wall.median)
            lines.append(f"{row.title}: {best} {took} ms; {ratios} as long")
    return lines


def _section(name: str, rows: Sequence[Row]) -> str:
    chosen = [row for row in rows if row.section == name]
    columns = [n for n in COLUMNS if any(n in row.cells for row in chosen)]
    parts = [f"## {name}\n", _table("milliseconds", chosen, columns, _wall)]
    if name in _CPU_MATTERS:
        parts.append(_table("processor time, milliseconds", chosen, columns, _cpu))
    if any(cell.calls for row in chosen for cell in row.cells.values()):
        parts.append(
            _table("AWS calls", chosen, [n for n in columns if n in (*OURS, *OTHERS)], _calls)
        )
    notes = _notes(chosen)
    return "\n".join([*parts, *([_list(notes)] if notes else [])])


def _sections(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.section for row in rows))


def _table(
    what: str, rows: Sequence[Row], columns: Sequence[str], show: Callable[[Row, str], str]
) -> str:
    lines = [
        f"| {what} | runs | {' | '.join(columns)} |",
        f"| --- |{' ---: |' * (len(columns) + 1)}",
    ]
    for row in rows:
        cells = [show(row, name) if name in row.cells else "" for name in columns]
        lines.append(f"| {row.title} | {row.runs} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _wall(row: Row, name: str) -> str:
    cell = row.cells[name]
    return _spread(cell, cell.wall) + LOST * (name in row.losses()) if cell.samples else _why(cell)


def _cpu(row: Row, name: str) -> str:
    cell = row.cells[name]
    return _spread(cell, cell.cpu) if cell.samples else _why(cell)


def _calls(row: Row, name: str) -> str:
    cell = row.cells[name]
    if not cell.samples:
        return _why(cell)
    return ", ".join(f"{kind} {times:g}" for kind, times in cell.calls.items()) or "0"


def _why(cell: Cell) -> str:
    return "fails" if cell.failures else "not run"


def _spread(cell: Cell, found: Spread) -> str:
    some = f", {cell.failures} of {cell.failures + len(cell.samples)} fail" if cell.failures else ""
    between = f" ({number(found.low)}-{number(found.high)})" if len(cell.samples) > 1 else ""
    return f"{number(found.median)}{between}{some}"


def number(value: float) -> str:
    """Return a number of milliseconds with its significant digits."""
    return f"{value:.1f}" if value < _TWO_DIGITS else f"{value:,.0f}"


def _notes(rows: Sequence[Row]) -> list[str]:
    """Return the problems: programs that failed, with the count, or that could not run."""
    notes = []
    for row in rows:
        for name, cell in row.cells.items():
            if cell.failures:
                tried = cell.failures + len(cell.samples)
                what = f"fails, {cell.failures} of {tried}: {cell.note}"
                notes.append(f"{name}, {row.title}: {what}")
            elif cell.note and not cell.samples:
                notes.append(f"{name}, {row.title}: {cell.note}")
    return notes


def _list(lines: Sequence[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)
