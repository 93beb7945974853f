"""Episodes one after the other, their results, and the few steps of a failing one."""

import time
from collections import Counter
from dataclasses import dataclass, field

from tests.chaos import answers, docker_config, leftovers
from tests.chaos.history import History
from tests.chaos.plan import Plan
from tests.chaos.play import Ground, clear, play
from tests.chaos.shrink import shrink
from tests.chaos.verdict import Broken, Verdict

_ATTEMPTS = 3
"""How often an episode is played before it counts as passing: its processes race."""


@dataclass(frozen=True)
class Case:
    """An episode that failed: what broke, and what happened, one event a line."""

    plan: Plan
    broken: list[Broken]
    transcript: str

    def __str__(self) -> str:
        named = "\n".join(f"{each.invariant}: {each.text}" for each in self.broken)
        return f"{self.transcript}\n{named}\nthe {len(self.plan.steps)} steps that break it:\n" + (
            self.plan.to_json()
        )


def examine(history: History) -> Verdict:
    """Return the verdict on an episode."""
    verdict = Verdict()
    answers.look(history, verdict)
    leftovers.look(history, verdict)
    docker_config.check(history, verdict)
    return verdict


def smallest(case: Case, ground: Ground, seconds: float) -> Case:
    """Return a case that breaks the same invariant, with as few steps as can be found."""
    invariant = case.broken[0].invariant
    found = case

    def fails(plan: Plan) -> bool:
        nonlocal found
        for _ in range(_ATTEMPTS):
            history = play(plan, ground, visits=invariant == "strays")
            broken = examine(history).broken
            clear(history)
            if any(each.invariant == invariant for each in broken):
                found = Case(plan, broken, history.transcript())
                return True
        return False

    shrink(case.plan, fails, seconds)
    return found


@dataclass
class Campaign:
    """The results of a number of episodes."""

    ground: Ground
    seeds: list[int] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    actions: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)

    def play(self, plan: Plan) -> Case | None:
        """Play an episode; return its case if it failed."""
        history = play(plan, self.ground)
        verdict = examine(history)
        clear(history)
        self._count(history, verdict)
        return Case(plan, verdict.broken, history.transcript()) if verdict.broken else None

    def _count(self, history: History, verdict: Verdict) -> None:
        self.seeds.append(history.plan.seed)
        self.verdict.checked += verdict.checked
        self.verdict.broken += verdict.broken
        for run in history.runs:
            self.actions[run.call.action] += 1
            self.outcomes[f"{run.call.action} {run.outcome}"] += 1
        self.outcomes["fetches"] += history.fetches
        self.faults += history.steps

    @property
    def seconds(self) -> float:
        """Seconds since the campaign began."""
        return time.monotonic() - self.began

    def __str__(self) -> str:
        seeds = f"seeds {self.seeds[0]} to {self.seeds[-1]}" if self.seeds else "none"
        lines = [f"{len(self.seeds)} episodes in {self.seconds:.0f} s, {seeds}"]
        for title, counted in (
            ("actions", self.actions),
            ("outcomes", self.outcomes),
            ("faults and changes", self.faults),
            ("invariants checked", self.verdict.checked),
        ):
            parts = ", ".join(f"{name} {count}" for name, count in sorted(counted.items()))
            lines.append(f"{title}: {sum(counted.values())} ({parts})")
        broken = Counter(each.invariant for each in self.verdict.broken)
        parts = ", ".join(f"{name} {count}" for name, count in sorted(broken.items()))
        return "\n".join([*lines, f"invariants broken: {parts or 'none'}"])
