"""`make bench`: how long each program takes, side by side, in one run.

    python -m benchmarks [RUNS] [--quick] [--only TEXT] [--write]

Each program has its own home and cache, and calls the loopback AWS of the tests. The results are
printed; with RUNS of 15 or more, or with --write, they are also written beside this file. With
--only, they are not: `--only budget` takes some minutes.
"""

import argparse
import contextlib
import datetime as dt
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from benchmarks import budgets, builds, chart, machine, namespace, programs, report
from benchmarks.budgets import Budget
from benchmarks.programs import BARE
from benchmarks.results import Cell, Row
from benchmarks.scenarios import BUILD, SCENARIOS, Scenario
from benchmarks.scene import Scene
from benchmarks.turns import take_turns
from benchmarks.world import BenchAws, World
from tests.world import environment
from tests.world.web import Authority, WebServer

Chosen = TypeVar("Chosen", Budget, Scenario)
_HERE = Path(__file__).parent
_RUNS, _ENOUGH, _FEW = 21, 15, 3
_AGAIN = """\
Written by `make bench`, which replaces the whole file. It needs root, Docker's engine and
`docker-registry` for the builds, and `amazon-ecr-credential-helper` for the comparison.
"""
_SLOW = "slow, left out by --quick"
_BUILDS = 7  # runs per round of builds


def main() -> None:
    """Run the selected rows and print the results; write them if there are enough runs."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended by a signal"))
    options = _options()
    runs = _FEW if options.quick else options.runs
    began = dt.datetime.now(dt.timezone.utc)
    not_run: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        facts = machine.describe(Path(folder))
        with _world(Path(folder)) as world:
            few = 1 if options.quick else runs
            compared = [
                (budget, _compare(budget, world, budget.scenario.runs(few)))
                for budget in _choose(budgets.ALL, options, not_run)
            ]
            rows = [
                _play(scenario, world, scenario.runs(runs))
                for scenario in _choose(SCENARIOS, options, not_run)
            ]
        rows += _builds(Path(folder), runs, options, not_run)
    took = (dt.datetime.now(dt.timezone.utc) - began).total_seconds()
    facts.insert(
        0, ("date", f"{began:%Y-%m-%d}, `make bench RUNS={runs}`, {took / 60:.1f} minutes")
    )
    facts.insert(1, ("way to AWS", namespace.describe()))
    text = (budgets.render(compared) if compared else "") + report.render(rows, facts, not_run)
    print(text)
    if (options.write or runs >= _ENOUGH) and not options.only:
        title = f"# Measured\n\n{_AGAIN}\n![the medians as bars](chart.svg)\n\n"
        (_HERE / "RESULTS.md").write_text(title + text)
        (_HERE / "chart.svg").write_text(chart.draw(rows))
        print("written to benchmarks/RESULTS.md and benchmarks/chart.svg", file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Time the helpers.")
    parser.add_argument("runs", nargs="?", type=int, default=_RUNS, help="runs of the fastest rows")
    parser.add_argument("--quick", action="store_true", help="few runs, without slow rows")
    parser.add_argument("--only", default="", help="only rows with this text in section or title")
    parser.add_argument("--write", action="store_true", help="write the results of few runs too")
    return parser.parse_args()


@contextlib.contextmanager
def _world(folder: Path) -> Iterator[World]:
    aws, authority = BenchAws(), Authority(root="Amazon Root CA 1")
    if is_own := namespace.is_entered():
        namespace.lead_to_aws(folder, authority)
    address, port = (namespace.ADDRESS, 443) if is_own else ("127.0.0.1", 0)
    server = WebServer(aws.handle, address=address, port=port, authority=authority, tls=is_own)
    with server, WebServer(aws.handle) as plain:
        yield World(folder, aws, server, plain, authority)


def _choose(
    among: Sequence[Chosen], options: argparse.Namespace, not_run: list[str]
) -> Iterator[Chosen]:
    """Yield what the options choose, and note what is too slow for them."""
    for one in among:
        if options.only.lower() not in f"{one.section}: {one.title}".lower():
            continue
        if options.quick and one.slow:
            not_run.append(f"{one.title}: {_SLOW}")
        else:
            yield one


def _compare(budget: Budget, world: World, runs: int) -> Row:
    scenario = budget.scenario
    world.aws.latency = scenario.latency / 1000
    found, row = programs.everything(), Row(budgets.BUDGETS, budget.title, runs)
    played = {name: (scenario, found[name]) for name in scenario.programs}
    for name in scenario.programs:
        base = budget.base or Scenario(budgets.BUDGETS, budget.base_name)
        player = (budget.of or name) if budget.base else BARE
        played.setdefault(budget.base_of(name), (base, found[player]))
    row.cells = {name: Cell(note=program.missing) for name, (_, program) in played.items()}
    scenes = {
        name: Scene(what, program, world)
        for name, (what, program) in played.items()
        if not program.missing
    }
    take_turns(row, scenes, warm_up=scenario.at_once == 1 and not scenario.registries)
    return row


def _builds(folder: Path, runs: int, options: argparse.Namespace, not_run: list[str]) -> list[Row]:
    if options.only.lower() not in BUILD.lower():
        return []
    most = max(known for _, known in builds.PLAN)
    if options.quick:
        not_run.append(f"{BUILD}, {most} registries: {_SLOW}")
        most -= 1
    here = folder / "builds"
    here.mkdir()
    rows, missing = builds.rows(here, max(1, runs // _BUILDS), most)
    not_run += [f"{BUILD}: {missing}"] if missing else []
    return rows


def _play(scenario: Scenario, world: World, runs: int) -> Row:
    world.aws.latency = scenario.latency / 1000
    found = programs.everything()
    row = Row(scenario.section, scenario.title, runs)
    row.cells = {name: Cell(note=found[name].missing) for name in scenario.programs}
    here = [name for name in scenario.programs if not found[name].missing]
    scenes = {name: Scene(scenario, found[name], world) for name in here}
    take_turns(row, scenes, warm_up=not (scenario.cold and scenario.at_once > 1))
    return row


if __name__ == "__main__":
    environment.close()
    namespace.enter("benchmarks", sys.argv[1:])
    main()
