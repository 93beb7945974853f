"""The outcomes as Markdown tables, and their places in a page."""

from collections.abc import Iterable
from dataclasses import astuple

from tools.simulation.outcome import Outcome
from tools.simulation.pull_secrets import SecretsOutcome
from tools.simulation.scenarios import Scenario

_FLEETS = (
    "ECR requests",
    "peak a second, first half hour",
    "peak a second, later",
    "STS requests",
    "STS peak a second",
    "throttled",
    "failed pulls",
    "served by an older token",
)
_SECRETS = (
    "Kubernetes API requests",
    "peak a second, at the start",
    "peak a second, later",
    "ECR requests",
)


def fleets(rows: Iterable[tuple[Scenario, str, Outcome]]) -> str:
    """Return the table of all fleets with all helpers."""
    return _head("fleet | helper", _FLEETS) + "".join(line(*row) for row in rows)


def line(scenario: Scenario, name: str, outcome: Outcome) -> str:
    """Return one row of that table."""
    return f"| {scenario.title} | {name} | {_cells(astuple(outcome))} |\n"


def pull_secrets(rows: Iterable[tuple[str, str, SecretsOutcome]]) -> str:
    """Return the table of the controller: its credentials, its refresh, and the outcome."""
    lines = (f"| {source} | {name} | {_cells(astuple(found))} |\n" for source, name, found in rows)
    return _head("credentials | refresh", _SECRETS) + "".join(lines)


def _head(first: str, numbers: tuple[str, ...]) -> str:
    return f"| {first} | {' | '.join(numbers)} |\n| --- | --- |{' ---: |' * len(numbers)}\n"


def _cells(numbers: Iterable[int]) -> str:
    return " | ".join(f"{number:,}" for number in numbers)


def replace_table(page: str, name: str, table: str) -> str:
    """Return the page with a table between two comments. Raises ValueError without them."""
    before, begin, rest = page.partition(f"<!-- begin: {name} -->\n")
    _, end, after = rest.partition(f"<!-- end: {name} -->\n")
    if not (begin and end):
        msg = f"the page has no place for the table of {name}"
        raise ValueError(msg)
    return f"{before}{begin}\n{table}\n{end}{after}"
