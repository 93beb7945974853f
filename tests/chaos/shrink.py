"""Finds the few steps of an episode that a failure needs."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.chaos.plan import Plan, Step

Steps = tuple[Step, ...]


def shrink(plan: Plan, fails: Callable[[Plan], bool], seconds: float) -> Plan:
    """Return a plan that still fails, with as few steps as are found within this many seconds.

    It leaves out all steps of an actor, all of a kind, and then ever smaller pieces, as delta
    debugging does. `fails` plays a plan often enough to trust that it passes.
    https://www.st.cs.uni-saarland.de/papers/tse2002/tse2002.pdf
    """
    end = time.monotonic() + seconds
    tried = {plan.steps}
    while time.monotonic() < end:
        smaller = _smaller(plan, fails, tried, end)
        if smaller is None:
            break
        plan = smaller
    return plan


def _smaller(
    plan: Plan, fails: Callable[[Plan], bool], tried: set[Steps], end: float
) -> Plan | None:
    for steps in _parts(plan.steps):
        if steps in tried:
            continue
        if time.monotonic() > end:
            break
        tried.add(steps)
        part = replace(plan, steps=steps)
        if fails(part):
            return part
    return None


def _parts(steps: Steps) -> Iterator[Steps]:
    """Return the steps without one piece or another, the largest pieces first."""
    for name in sorted({getattr(step, "actor", "") for step in steps} - {""}):
        yield tuple(step for step in steps if getattr(step, "actor", "") != name)
    for kind in sorted({type(step).__name__ for step in steps}):
        yield tuple(step for step in steps if type(step).__name__ != kind)
    size = len(steps) // 2
    while size:
        # From the end: the steps after the failure are there.
        for stop in range(len(steps), 0, -size):
            yield steps[: max(0, stop - size)] + steps[stop:]
        size //= 2
