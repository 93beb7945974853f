"""The benchmark's arithmetic, tables and chart; its measurements are not tested."""

import json
import sys
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import budgets, builds, chart, report, results, timing, turns
from benchmarks.programs import BARE, COLUMNS, FOLDER, GO, ONE_FILE, OURS, SCRIPT, WHEEL, everything
from benchmarks.results import Cell, Row
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.targets import TARGETS, Target, judge
from benchmarks.timing import Sample

pytestmark = pytest.mark.tree
BUILDS = [
    builds.title(what, known, identity)
    for identity, known in builds.PLAN
    for what in ("first", "next")
]
SVG = "{http://www.w3.org/2000/svg}"
TIMES = st.lists(st.floats(0.1, 1e5), min_size=1, max_size=30)


def cell(*times: float, failures: int = 0, note: str = "", **calls: int) -> Cell:
    return Cell([Sample(time, time / 2, calls) for time in times], failures, note)


def row(title: str = "a row", **cells: Cell) -> Row:
    names = {"folder": FOLDER, "wheel": WHEEL, "go": GO, "script": SCRIPT, "bare": BARE}
    return Row("A section", title, 3, {names[name]: found for name, found in cells.items()})


class TestArithmetic:
    def test_a_median_and_its_quartiles(self) -> None:
        """They are the middle of the values, and of each half."""
        assert results.spread([5, 1, 4, 2, 3]) == results.Spread(2, 3, 4)
        assert results.spread([7]) == results.Spread(7, 7, 7)

    @given(TIMES)
    def test_a_spread_is_in_order(self, times: list[float]) -> None:
        """Each quartile is on its side of the median, within the measured values."""
        found = results.spread(times)
        near = pytest.approx
        ends = [min(times), found.low, found.median, found.high, max(times)]
        assert all(low <= high or low == near(high) for low, high in pairwise(ends))

    def test_calls_are_medians_by_kind(self) -> None:
        """A kind of call that most runs did not make is left out."""
        samples = [
            Sample(1, 1, {"ecr": 1}),
            Sample(1, 1, {"ecr": 3, "sts": 1}),
            Sample(1, 1, {"ecr": 3}),
        ]
        assert Cell(samples).calls == {"ecr": 3}

    @pytest.mark.parametrize(
        ("found", "losses"),
        [
            (row(folder=cell(20), wheel=cell(5), go=cell(10)), {FOLDER: 2}),
            (row(folder=cell(20), go=cell(40), script=cell(10)), {FOLDER: 2}),
            (row(folder=cell(20), go=cell(10, failures=1), script=cell(40)), {}),
            (row(folder=cell(20), bare=cell(10)), {}),
            (row(folder=cell(20), go=cell(failures=3)), {}),
            (row(wheel=cell(20), go=cell(20)), {}),
        ],
        ids=[
            "by ratio",
            "to the best",
            "not to a failing one",
            "not to a floor",
            "to none",
            "even",
        ],
    )
    def test_losses(self, found: Row, losses: dict[str, float]) -> None:
        """Ours lose to the fastest other program without failures, and never to a floor."""
        assert found.losses() == losses

    def test_rows_survive_json(self) -> None:
        """The builds' rows come back unchanged from another process."""
        rows = [row(folder=cell(1, 2, ecr=1), go=cell(failures=2, note="no"))]
        assert results.load(json.loads(json.dumps(results.dump(rows)))) == rows


class TestTargets:
    @pytest.mark.parametrize(
        ("target", "said", "met"),
        [
            (Target("a row", FOLDER, BARE, 1.35), "2.5 times as long as python -ISc pass; ", False),
            (Target("a row", FOLDER, milliseconds=80), "25 ms; at most 80: met", True),
            (Target("a row", FOLDER, BARE, milliseconds=15), "15 ms more than python -ISc", True),
            (Target("a row", WHEEL, milliseconds=80), "not measured", None),
            (Target("a row", FOLDER, GO, 3), "not measured", None),
            (Target("another row", FOLDER, milliseconds=1), "not measured", None),
        ],
        ids=["times", "milliseconds", "more", "no such cell", "nothing to compare", "no such row"],
    )
    def test_a_verdict(self, target: Target, said: str, met: bool | None) -> None:
        """A target is met, missed, or not measured, with its number."""
        verdict = judge(target, [row(folder=cell(25), bare=cell(10), go=cell(failures=1))])
        assert said in verdict.text
        assert verdict.met is met

    def test_targets_are_about_rows_that_are_run(self) -> None:
        """Each target names a scenario, and programs that take part in it."""
        programs = {scenario.title: scenario.programs for scenario in SCENARIOS}
        for target in TARGETS:
            assert {target.program, target.other} - {""} <= set(programs[target.row])


class TestPlan:
    def test_titles_are_unique(self) -> None:
        """A title identifies its row."""
        titles = [*(scenario.title for scenario in SCENARIOS), *BUILDS]
        assert len(titles) == len(set(titles))

    def test_the_chart_shows_rows_that_are_run(self) -> None:
        """Each of the chart's rows is a scenario or a build."""
        assert set(chart.ROWS) <= {*(scenario.title for scenario in SCENARIOS), *BUILDS}

    def test_programs_are_known(self) -> None:
        """Each program of a scenario has a definition and a column, and ours take part."""
        named = {name for scenario in SCENARIOS for name in scenario.programs}
        assert named <= set(everything()) <= set(COLUMNS)
        assert set(OURS) <= named

    @pytest.mark.parametrize("asked", [1, 5, 21])
    def test_every_row_is_run(self, asked: int) -> None:
        """Each row is run at least once, however few runs are asked for."""
        assert all(1 <= scenario.runs(asked) <= asked for scenario in SCENARIOS)


class TestBudgets:
    @pytest.mark.parametrize(
        ("limits", "own", "said", "met"),
        [
            ({"times": 1.3}, 26, "1.30 x, at most 1.3: met", True),
            ({"times": 1.3}, 27, "1.35 x, at most 1.3: MISSED", False),
            ({"milliseconds": 12}, 44, "+12.0 ms, at most 12: met", True),
            ({"milliseconds": 12}, 46, "+13.0 ms, at most 12: MISSED", False),
            ({"is_difference": True}, 18, "-1.0 ms", None),
            ({}, 40, "2.00 x", None),
        ],
    )
    def test_a_result(
        self, limits: dict[str, float], own: float, said: str, met: bool | None
    ) -> None:
        """The processor time is compared with the base's; the limit belongs to it."""
        budget = _budget(**limits)
        cells = {WHEEL: cell(own), budget.base_of(WHEEL): cell(20)}
        (found,) = budgets.judge(budget, Row("A section", "a row", 1, cells))
        assert (found.text, found.met) == (said, met)
        assert (found.took, found.base) == (own / 2, 10)

    @pytest.mark.parametrize(
        ("program", "said"),
        [(ONE_FILE, "1.20 x, at most 0.9: MISSED"), (WHEEL, "1.20 x, at most 1.3: met")],
    )
    def test_the_one_file_may_have_its_own_limit(self, program: str, said: str) -> None:
        """It holds for the static program alone."""
        budget = _budget(times=1.3, one_file=0.9)
        scenario_cells = {program: cell(24), budget.base_of(program): cell(20)}
        (found,) = budgets.judge(budget, Row("A section", "a row", 1, scenario_cells))
        assert found.text == said

    def test_others_have_no_limit(self) -> None:
        """The Go helper's number is shown, without a verdict."""
        budget = _budget(times=1.3)
        cells = {GO: cell(40, ecr=2), budget.base_of(GO): cell(20)}
        (found,) = budgets.judge(budget, Row("A section", "a row", 1, cells))
        assert (found.text, found.met, found.calls) == ("2.00 x", None, 2)

    def test_what_failed_has_no_result(self) -> None:
        """A failure is reported with its message; a missing program once, with the cure."""
        budget = _budget(times=1.3)
        cells = {
            GO: cell(1, failures=1, note="not implemented"),
            budget.base_of(GO): cell(20),
            WHEEL: cell(note="not installed"),
        }
        found = Row("A section", "a row", 1, cells)
        assert budgets.judge(budget, found) == []
        text = budgets.render([(budget, found), (budget, found)])
        assert text.count("- Go helper, a work: not implemented\n") == 1
        assert text.count("- wheel: not installed\n") == 1
        assert "| a work |" not in text

    def test_each_budget_has_a_base(self) -> None:
        """Titles are unique, and a base is played by each program or by a known one."""
        titles = [budget.title for budget in budgets.ALL]
        assert len(titles) == len(set(titles))
        for budget in budgets.ALL:
            assert budget.of in {"", *everything()}
            assert not (budget.times and budget.milliseconds)
            assert set(budget.scenario.programs) <= set(everything())


def _budget(**limits: Any) -> budgets.Budget:
    base = Scenario("A section", "a base")
    return budgets.Budget(Scenario("A section", "a work"), base, **limits)


class TestReport:
    def test_a_table_marks_what_is_slower(self) -> None:
        """One of ours that is slower than the best other has a mark, and a line."""
        text = report.render(
            [row(folder=cell(20, 20, 20), wheel=cell(9), go=cell(10, 11, 12, ecr=2))], [], []
        )
        assert "| a row | 3 | 20 (20-20) ! | 9.0 | 11 (10-12) |" in text
        assert "| a row | 3 | 0 | 0 | ecr 2 |" in text
        assert "- a row: Go helper 11 ms; one folder 1.8 times as long\n" in text

    def test_failures_are_reported(self) -> None:
        """A program that fails has no number; a note has its message and count."""
        found = row(folder=cell(20), go=cell(failures=3, note="exit code 1: not implemented"))
        text = report.render([found], [("date", "today")], ["a build: it needs root"])
        assert "| a row | 3 | 20 | fails |" in text
        assert "- Go helper, a row: fails, 3 of 3: exit code 1: not implemented\n" in text
        assert "- a build: it needs root\n" in text
        assert "Nowhere" in text

    def test_without_rows_nothing_is_claimed(self) -> None:
        """With budgets alone, the report says nowhere that ours are not slower."""
        assert report.render([], [("date", "today")], []) == "## Measured with\n\n- date: today\n"

    def test_some_failures_are_reported_beside_the_number(self) -> None:
        """The good runs count, and the number of failures is shown."""
        found = row(folder=cell(20), go=cell(10, 10, failures=1, note="reset"))
        text = report.render([found], [], [])
        assert "| a row | 3 | 20 | 10 (10-10), 1 of 3 fail |" in text
        assert "- Go helper, a row: fails, 1 of 3: reset\n" in text


class TestChart:
    @given(st.lists(st.floats(0.5, 9e4), min_size=4, max_size=4))
    def test_it_is_svg_and_nothing_overlaps(self, times: list[float]) -> None:
        """The SVG is well-formed, within its bounds, and no bars or texts overlap."""
        shown = [
            row(
                title,
                folder=cell(times[0]),
                wheel=cell(times[1]),
                go=cell(times[2]),
                script=cell(times[3]),
            )
            for title in chart.ROWS
        ]
        root = ET.fromstring(chart.draw(shown))
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        boxes = [_box(found) for found in root if found.tag in (f"{SVG}rect", f"{SVG}text")][1:]
        for left, top, right, bottom in boxes:
            assert 0 <= left <= right <= width
            assert 0 <= top <= bottom <= height
        for one, other in combinations(boxes, 2):
            apart = (
                one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
            )
            assert apart, (one, other)

    def test_nothing_to_show(self) -> None:
        """Without any of its rows the chart is empty."""
        ET.fromstring(chart.draw([row(folder=cell(1))]))

    def test_a_longer_time_is_a_longer_bar(self) -> None:
        """A factor of ten is one step of the axis."""
        drawn = chart.draw([row(chart.ROWS[0], folder=cell(10), go=cell(100), script=cell(1000))])
        bars = [found for found in ET.fromstring(drawn) if found.attrib.get("height") == "11"]
        short, middle, long = (float(found.attrib["width"]) for found in bars)
        assert long - middle == pytest.approx(middle - short, abs=0.5)


@pytest.mark.skipif(sys.platform == "win32", reason="posix_spawn")
class TestTiming:
    def test_a_run(self, tmp_path: Path) -> None:
        """A run has an exit code, outputs, and its duration and CPU time with its children."""
        (tmp_path / "in").write_bytes(b"hello")
        script = "cat; echo bad >&2; sleep 0.05; exit 3"
        environ = {"PATH": "/usr/bin:/bin"}
        sample, (ended,) = timing.run(["/bin/sh", "-c", script], environ, tmp_path / "in", tmp_path)
        assert (ended.code, ended.stdout, ended.stderr) == (3, b"hello", b"bad\n")
        assert sample.wall >= 50 > sample.cpu > 0

    def test_many_at_once(self, tmp_path: Path) -> None:
        """They run at the same time, each with its own output."""
        (tmp_path / "in").write_bytes(b"")
        line = ["/bin/sh", "-c", "echo $$"]
        _, ended = timing.run(line, {}, tmp_path / "in", tmp_path, at_once=8)
        assert len({one.stdout for one in ended}) == 8


class _Fake:
    """A scene that takes a given time."""

    def __init__(self, name: str, log: list[str], problems: str = "") -> None:
        self.name, self.log, self.problems = name, log, problems

    def once(self) -> tuple[Sample, str]:
        self.log.append(self.name)
        return Sample(len(self.log), 0), self.problems


class TestTurns:
    def test_in_turn(self) -> None:
        """All run once before any runs again, and the first round does not count."""
        log: list[str] = []
        found = Row("A section", "a row", 5)
        turns.take_turns(found, {name: _Fake(name, log) for name in (GO, FOLDER, BARE)})
        assert len(log) == 18
        assert all(len({*log[at : at + 3]}) == 3 for at in range(0, 18, 3))
        assert {len(one.samples) for one in found.cells.values()} == {5}
        assert min(one.wall.low for one in found.cells.values()) > 3

    def test_a_failure_of_another_is_counted(self) -> None:
        """It has no times, and its message is kept."""
        found = Row("A section", "a row", 2)
        turns.take_turns(found, {GO: _Fake(GO, [], "not implemented")})
        assert found.cells[GO] == Cell([], 2, "not implemented")

    def test_a_failure_of_ours_ends_it(self) -> None:
        """The message names the program, the row and the error."""
        with pytest.raises(SystemExit, match="bench: a row: wheel: exit code 1"):
            turns.take_turns(Row("A section", "a row", 2), {WHEEL: _Fake(WHEEL, [], "exit code 1")})


def _box(found: ET.Element) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom; a character is at most 0.62 of its size wide."""
    if found.attrib.get("width") == "100%":
        return 0, 0, 0, 0
    x, y = float(found.attrib["x"]), float(found.attrib["y"])
    if found.tag == f"{SVG}rect":
        return x, y, x + float(found.attrib["width"]), y + float(found.attrib["height"])
    size = float(found.attrib["font-size"])
    wide = 0.62 * size * len(found.text or "")
    left = x - {"start": 0, "middle": wide / 2, "end": wide}[found.attrib["text-anchor"]]
    return left, y - 0.75 * size, left + wide, y
