"""Print how often fleets call AWS in a day, as Markdown, and write it into docs/scale.md.

    python -m tools.simulation [--seed N] [--write]

Half a minute on two cores. The page has the outcome of seed 1.
"""

import argparse
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tools.simulation import report
from tools.simulation.outcome import Outcome, play
from tools.simulation.scenarios import SCENARIOS, Scenario

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
SEED = 1


def main() -> None:
    """Run all scenarios with all helpers."""
    parser = argparse.ArgumentParser(prog="python -m tools.simulation")
    parser.add_argument("--seed", type=int, default=SEED, help="another day of the same fleets")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/scale.md")
    options = parser.parse_args()
    table = report.render(_play_all(options.seed))
    print(table, end="")
    if options.write:
        PAGE.write_text(report.replace_table(PAGE.read_text(encoding="utf-8"), table))


def _play_all(seed: int) -> list[tuple[Scenario, str, Outcome]]:
    rows = [(scenario, name) for scenario in SCENARIOS for name in scenario.helpers]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        waiting = [pool.submit(play, *row, seed) for row in rows]
        return [(*row, one.result()) for row, one in zip(rows, waiting, strict=True)]


if __name__ == "__main__":
    main()
