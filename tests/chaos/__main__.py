"""The fault campaign's command: plays episodes until the time is up or an invariant breaks."""

import argparse
import os
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.chaos.broken import BROKEN, BROKEN_PROGRAM
from tests.chaos.campaign import Campaign, Case, smallest
from tests.chaos.dice import generate
from tests.chaos.disk import small_disk
from tests.chaos.drive import why_none
from tests.chaos.plan import Plan, from_json
from tests.chaos.play import Ground
from tests.chaos.second_user import why_alone
from tests.world import environment
from tests.world.machine import MODULE
from tests.world.web import Authority


def main(arguments: Sequence[str]) -> int:
    """Run the campaign; return 1 if an invariant broke."""
    options = _parsed(arguments)
    program = tuple(MODULE)
    if options.program:
        program = (str(Path(options.program).absolute()),)
    elif options.broken:
        program = (*BROKEN_PROGRAM, options.broken)
    own = program == tuple(MODULE)
    suspends = bool(options.broken) and BROKEN[options.broken].suspends
    alone, steady = why_alone(), why_none()
    if (alone or steady) and os.environ.get("CI"):
        _say(f"CI must be able to play all actors: {alone or steady}")
        return 1
    with small_disk() as small:
        full = "a small tmpfs" if small else "directories without write permission"
        _say(f"a full disk is {full}; clock and disk are {'disturbed' if own else 'left alone'}")
        _say(f"there is no second user: {alone}" if alone else "a second user attacks caches")
        _say(f"no drive stalls: {steady}" if steady else "a drive stalls")
        campaign = Campaign(Ground(Authority(), small, program, suspends=suspends))
        failed = False
        for plan in _plans(options, campaign, disturbed=own, users=not alone, drives=not steady):
            _show(f"episode {len(campaign.seeds) + 1}, seed {plan.seed} ")
            case = campaign.play(plan)
            if case is not None:
                failed = True
                _report(case, campaign.ground, options)
                if not options.keep_going:
                    break
        _say(str(campaign))
    return int(failed)


def _plans(options: argparse.Namespace, campaign: Campaign, **able: bool) -> Iterator[Plan]:
    for number in range(options.episodes):
        if number and campaign.seconds > options.seconds:
            break
        if options.replay:
            yield from_json(Path(options.replay).read_text())
        else:
            yield generate(options.seed + number, **able)


def _report(case: Case, ground: Ground, options: argparse.Namespace) -> None:
    """Print what broke, and the few steps that break it again."""
    seed = case.plan.seed
    _say("\n".join(f"seed {seed}: {each.invariant}: {each.text}" for each in case.broken))
    if not options.keep_going:
        case = smallest(case, ground, options.shrink)
        _say(str(case))
    path = Path(tempfile.gettempdir(), f"chaos-{seed}.json")
    path.write_text(case.plan.to_json())
    _say(f"again: {sys.executable} -m tests.chaos --replay {path}")


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="start episodes for this long")
    parser.add_argument("--seed", type=int, help="the first seed; others count up")
    parser.add_argument("--episodes", type=int, default=10**6, help="at most this many")
    parser.add_argument("--program", help="test this program instead of the tree's")
    parser.add_argument("--broken", choices=sorted(BROKEN), help="test a program broken on purpose")
    parser.add_argument("--replay", help="play the episode in this file repeatedly")
    parser.add_argument("--keep-going", action="store_true", help="continue after a failure")
    parser.add_argument("--shrink", type=float, default=150, help="seconds to shrink a failure")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.randrange(10**6)
    return options


def _show(text: str) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(f"\r{text}")
        sys.stdout.flush()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    environment.close()
    sys.exit(main(sys.argv[1:]))
