"""Print how often fleets call AWS in a day, as Markdown, and write it into docs/scale.md.

    python -m tools.simulation [--seed N] [--write]

It takes about a minute of processor time. The page has the outcome of seed 1.
"""

import argparse
import gc
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tools.simulation import outcome, pull_secrets, report
from tools.simulation.aws import INSTANCE, ROLE
from tools.simulation.scenarios import SCENARIOS

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
SEED = 1


def main() -> None:
    """Run all scenarios with all helpers, and the controller."""
    parser = argparse.ArgumentParser(prog="python -m tools.simulation")
    parser.add_argument("--seed", type=int, default=SEED, help="another day of the same fleets")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/scale.md")
    options = parser.parse_args()
    tables = {
        "fleets": play_fleets(options.seed),
        "pull secrets": play_pull_secrets(options.seed),
    }
    print(*tables.values(), sep="\n", end="")
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        for name, table in tables.items():
            page = report.replace_table(page, name, table)
        PAGE.write_text(page, encoding="utf-8")


def play_fleets(seed: int) -> str:
    """Return the table of the fleets, a row at a time in each process."""
    rows = [(scenario, name) for scenario in SCENARIOS for name in scenario.helpers]
    with ProcessPoolExecutor(os.cpu_count(), initializer=gc.disable) as pool:
        waiting = [pool.submit(outcome.play, *row, seed) for row in rows]
        return report.fleets((*row, one.result()) for row, one in zip(rows, waiting, strict=True))


def play_pull_secrets(seed: int) -> str:
    """Return the table of the controller of pull secrets."""
    return report.pull_secrets(
        (title, name, pull_secrets.play(seed, has_jitter=has_jitter, source=source))
        for title, source in (("an instance's role", INSTANCE), ("a role, for an hour", ROLE))
        for name, has_jitter in (("without jitter", False), ("ours", True))
    )


if __name__ == "__main__":
    main()
