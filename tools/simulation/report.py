"""The outcomes as a Markdown table."""

from collections.abc import Iterable
from dataclasses import astuple

from tools.simulation.outcome import Outcome
from tools.simulation.scenarios import Scenario

_BEGIN, _END = "<!-- begin: make simulate -->\n", "<!-- end: make simulate -->\n"
_COLUMNS = (
    "ECR requests",
    "peak a second, first half hour",
    "peak a second, later",
    "STS requests",
    "STS peak a second",
    "throttled",
    "failed pulls",
    "served by an older token",
)


def render(rows: Iterable[tuple[Scenario, str, Outcome]]) -> str:
    """Return the table."""
    head = (
        f"| fleet | helper | {' | '.join(_COLUMNS)} |\n| --- | --- |{' ---: |' * len(_COLUMNS)}\n"
    )
    return head + "".join(line(scenario, name, outcome) for scenario, name, outcome in rows)


def line(scenario: Scenario, name: str, outcome: Outcome) -> str:
    """Return one row of the table."""
    cells = " | ".join(f"{number:,}" for number in astuple(outcome))
    return f"| {scenario.title} | {name} | {cells} |\n"


def replace_table(page: str, table: str) -> str:
    """Return the page with the table between its two comments. Raises ValueError without them."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not (begin and end):
        msg = "the page has no place for the table"
        raise ValueError(msg)
    return f"{before}{begin}\n{table}\n{end}{after}"
