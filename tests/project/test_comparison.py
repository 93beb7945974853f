"""Facts about the ratios in docs/comparison.md: they are those of benchmarks/RESULTS.md."""

import re

import pytest

from tests.world.documents import Document, find_page
from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.tree
RESULTS = Document(REPOSITORY / "benchmarks" / "RESULTS.md")
GO = "Go helper"
CLOSE = 2.0
"""A new run may differ by this factor before the page has to be written again."""
# A row of the page -> the row of the results.
ROWS = {
    "cached get, static keys": "cached get, static keys, 0 ms",
    "cached get, assumed role, AWS answers in 80 ms": "cached get, assumed role, 80 ms",
    "cached get, SSO, AWS answers in 80 ms": "cached get, SSO, 80 ms",
    "cached get after 10,000 other tokens": "cached get after 10,000 others, static keys, 0 ms",
    "first get, AWS answers at once": "first get, static keys, 0 ms",
    "first get, AWS answers in 80 ms": "first get, static keys, 80 ms",
    "get for a registry that is not ECR": "get, not ECR, static keys, 0 ms",
    "list, AWS answers at once": "list, static keys, 0 ms",
    "64 first gets at once, AWS answers in 80 ms": "64 first gets, static keys, 80 ms",
    "first classic docker build, 10 registries, AWS answers in 80 ms": (
        "first build, 10 registries, static keys, 80 ms"
    ),
    "next classic docker build, 10 registries": "next build, 10 registries, static keys, 80 ms",
}


def _read_medians(row: str) -> dict[str, float]:
    """Return the median of each program in the first table of the results that has the row."""
    before, found, rest = RESULTS.text.partition(f"\n| {row} |")
    assert found, row
    head = [line for line in before.splitlines() if line.startswith("| milliseconds |")][-1]
    programs = [cell.strip() for cell in head.split("|")[3:-1]]
    cells = rest.partition("\n")[0].split("|")[1:-1]
    pairs = zip(programs, cells, strict=True)
    return {name: _number(cell) for name, cell in pairs if cell.strip() and "fails" not in cell}


def _number(cell: str) -> float:
    found = re.search(r"[\d.]+", cell.replace(",", ""))
    assert found, cell
    return float(found[0])


def _read_ratios() -> dict[str, list[str]]:
    rows = find_page("comparison").table("## Speed")
    return {cells[0].replace("`", ""): cells[1:] for cells in rows}


def test_the_page_has_these_rows() -> None:
    """Each row of the table is compared below."""
    assert list(_read_ratios()) == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_the_ratios_are_those_of_the_results(row: str) -> None:
    """The page has the medians of our programs, divided by the Go helper's."""
    medians = _read_medians(ROWS[row])
    *ours, _ = _read_ratios()[row]
    for name, shown in zip(("one folder", "one file", "wheel"), ours, strict=True):
        ratio = medians[name] / medians[GO]
        assert ratio / CLOSE <= _number(shown) <= ratio * CLOSE, name


def test_the_page_names_what_is_slower() -> None:
    """Not all of the ratios are below 1, and the page says so."""
    slower = [row for row, (folder, *_) in _read_ratios().items() if _number(folder) > 1]

    assert slower
    assert "Where this project loses" in find_page("comparison").text
