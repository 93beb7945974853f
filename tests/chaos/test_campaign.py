"""The fault campaign itself: it passes the program, fails broken ones, and shrinks a failure."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.broken import BROKEN, BROKEN_PROGRAM
from tests.chaos.campaign import Case, examine, smallest
from tests.chaos.dice import generate
from tests.chaos.drive import why_none
from tests.chaos.plan import (
    EU,
    OTHER,
    PRIVATE,
    PUBLIC,
    US,
    Attack,
    Call,
    Calm,
    Clock,
    Fault,
    Harm,
    Join,
    Life,
    Login,
    Plan,
    Plant,
    Rewrite,
    Stall,
    Step,
    Wait,
    from_json,
)
from tests.chaos.play import Ground, clear, play
from tests.chaos.second_user import why_alone
from tests.chaos.shrink import shrink
from tests.chaos.timeline import Timeline
from tests.chaos.verdict import Broken
from tests.world.tree import REPOSITORY
from tests.world.web import Authority

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals, links and FIFOs of Unix")


def _get(host: str = US, actor: str = "keys") -> Call:
    return Call("get", actor, host)


def _plan(*steps: Step, timeout: int = 20, clock: bool = False) -> Plan:
    return Plan(0, timeout, 300, clock, 0, ("keys",), steps)


FIFO = Harm("keys", "tokens", "fifo", 0, 0, US)
PLANTS = (Plant("keys", "tokens", "report.odt~"), Plant("keys", "tokens", "main.tf"))
# how the program is broken -> steps that show it
SHOWN: dict[str, tuple[Step, ...]] = {
    "expired": (Life(1.5), _get(), Join(), Wait(1600), _get()),
    "identities": (_get(actor="tenant-a"), Join(), _get(actor="tenant-b")),
    "regions": (_get(), Join(), _get(EU)),
    "lines": (Call("erase", "keys", US),),
    "stores": (Call("store", "keys", US), Join(), _get()),
    "erases": (_get(), Join(), Call("erase", "keys", US), Join(), _get()),
    "locks": (_get(), _get(), _get()),
    "deadline": (Fault("ecr", "hang"), _get()),
    "fifos": (Call("store", "keys", US), Join(), replace(FIFO, folder="logins"), _get()),
    "logs": (_get(),),
    "modes": (Call("store", "keys", US),),
    "copies": (Call("store", "keys", US),),
    "disks": (_get(), Join(), Harm("keys", "tokens", "folder", 0, 0), _get(EU)),
    "lists": (Call("list", "keys"),),
}
# the same, for what is not the program's own, or was changed while it was not looking
TRUSTED: dict[str, tuple[Step, ...]] = {
    "neighbours": (_get(), Join(), *PLANTS, _get(EU)),
    "readers": (_get(), Join(), *PLANTS, _get(EU)),
    "links": (Attack("sticky", "links", 100), Wait(500), _get(actor="sticky"), Join()),
    "edits": (_get(actor="sso"), Join(), Rewrite("sso", "replace"), _get(actor="sso")),
    "early looks": (Stall("stalled", "cache", "lookup"), _get(actor="stalled"), Join(), Calm()),
    "late writes": (
        replace(_get(), stop=60, asleep=1500),
        *(Join(), Call("erase", "keys", US), Join(), Wait(1500), Join(), _get()),
    ),
    "late sweeps": (
        *(Call("store", "keys", US, life=-5), Join()),
        *(Call("store", "keys", EU, stop=60, asleep=1500), Join()),
        *(Call("store", "keys", US), Join(), Wait(1500), Join(), _get()),
    ),
    "lost logins": (
        *(Login("keys", 0), Call("configure", "keys", US, stop=60, asleep=1000), Join()),
        *(Login("keys", 0), Wait(1000)),
    ),
    "unwritten": (Call("configure", "keys", US), Join()),
}
HURRIED = ("deadline", "fifos", "early looks")
"""The breaks with processes that hang until they are killed."""


def _need(steps: tuple[Step, ...]) -> None:
    """Skip steps that need a second user or a drive that stalls, or fail in CI, without them."""
    why = why_alone() if any(isinstance(step, Attack) for step in steps) else ""
    why = why or (why_none() if any(isinstance(step, Stall) for step in steps) else "")
    if why and os.environ.get("CI"):
        pytest.fail(f"CI must be able to play all actors: {why}")
    if why:
        pytest.skip(why)


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_program_breaks_its_invariant(authority: Authority, how: str) -> None:
    """Each invariant can fail, and the steps above are enough to show it."""
    hurried = how in HURRIED
    steps = (SHOWN | TRUSTED)[how]
    _need(steps)
    plan = _plan(*steps, timeout=1 if hurried else 20)
    ground = Ground(authority, None, (*BROKEN_PROGRAM, how), margin=1 if hurried else 5)
    ground = replace(ground, suspends=BROKEN[how].suspends)

    history = play(plan, ground, visits=False)
    broken = {each.invariant for each in examine(history).broken}
    clear(history)
    assert BROKEN[how].invariant in broken


def test_the_program_itself_breaks_none(authority: Authority) -> None:
    """The program passes all these steps in one episode, with a clock that is set back."""
    skipped = (*HURRIED, "expired", "logs", "copies")
    steps = [
        step for how, shown in SHOWN.items() if how not in skipped for step in (*shown, Join())
    ]
    steps += [
        Call("store", "rules", PRIVATE, life=600),
        Rewrite("rules", "slowly"),
        *(_get(host, "rules") for host in (PRIVATE, US, OTHER, PUBLIC)),
        FIFO,
        Call("get", "keys", US, kill=100),
        Clock(-3600),
        _get(),
        Call("list", "keys"),
    ]
    history = play(_plan(*steps, clock=True), Ground(authority))
    verdict = examine(history)
    clear(history)

    assert verdict.broken == []
    assert set(verdict.checked) >= {BROKEN[how].invariant for how in SHOWN}


@pytest.mark.parametrize("how", TRUSTED)
def test_the_program_itself_is_to_be_trusted(authority: Authority, how: str) -> None:
    """The program passes the steps that show a broken one, also when it is suspended in them."""
    _need(TRUSTED[how])
    history = play(_plan(*TRUSTED[how], timeout=4), Ground(authority))
    verdict = examine(history)
    clear(history)

    assert verdict.broken == []


def test_a_case_is_shrunk(authority: Authority) -> None:
    """Steps that the failure does not need are removed, and the others stay."""
    plan = _plan(Wait(1), Call("list", "keys"), Wait(2), Call("list", "tenant-a"), Join())
    case = Case(plan, [Broken("list", "")], "")

    found = smallest(case, Ground(authority, program=(*BROKEN_PROGRAM, "lists")), 30)
    assert len(found.plan.steps) == 1
    assert found.plan.steps[0] in (Call("list", "keys"), Call("list", "tenant-a"))
    assert "list: " in str(found)


@pytest.mark.parametrize("needed", [(0,), (3, 4), (1, 20, 38)], ids=str)
def test_shrinking_finds_the_steps_that_matter(needed: tuple[int, ...]) -> None:
    """The needed steps are found wherever they are."""
    steps = tuple(Wait(number) for number in range(40))
    wanted = tuple(Wait(number) for number in needed)

    found = shrink(_plan(*steps), lambda plan: set(wanted) <= set(plan.steps), 30)
    assert found.steps == wanted


def test_a_seed_is_an_episode() -> None:
    """A seed gives the same episode each time, also through JSON; another seed gives another."""
    plans = [generate(seed, disturbed=True, users=True, drives=True) for seed in range(30)]

    assert plans == [generate(seed, disturbed=True, users=True, drives=True) for seed in range(30)]
    assert [from_json(plan.to_json()) for plan in plans] == plans
    assert len({plan.steps for plan in plans}) == 30
    alone = [generate(seed, disturbed=False, users=False, drives=False) for seed in range(30)]
    assert not any(plan.clock or plan.drag for plan in alone)


def test_both_states_are_possible_during_a_change() -> None:
    """The old and the new state are both possible while the change is made."""
    timeline = Timeline("old")
    timeline.change("new", 10, 11)

    assert timeline.during(0, 9) == ["old"]
    assert timeline.during(9, 10.5) == timeline.during(10.4, 10.5) == ["old", "new"]
    assert timeline.during(11.5, 12) == ["new"]


def test_the_command_reports_a_failure_and_how_to_repeat_it(tmp_path: Path) -> None:
    """It exits with 1, and prints the seed, the invariant, the steps, and a file to replay."""
    case = tmp_path / "case.json"
    case.write_text(_plan(Call("list", "keys")).to_json())
    command = [sys.executable, "-m", "tests.chaos", "--replay", str(case), "--shrink", "1"]
    done = subprocess.run(
        [*command, "--broken", "lists"],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env={"PATH": "", "TMPDIR": str(tmp_path)},
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert "seed 0: list: " in done.stdout
    again = tmp_path / "chaos-0.json"
    assert f"--replay {again}" in done.stdout
    assert json.loads(again.read_text())["steps"] == [
        {"do": "Call", "action": "list", "actor": "keys", "host": ""}
        | {"kill": 0, "life": 0, "stop": 0, "asleep": 0}
    ]
