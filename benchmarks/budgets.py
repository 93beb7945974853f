"""The budgets: the processor time of one scenario against another's, measured in turn.

A budget's two sides run in the same rounds, so that a slower machine slows both. `--only budget`
runs these alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.identities import ROLE
from benchmarks.programs import BARE, GO, ONE_FILE, OURS
from benchmarks.results import Cell, Row
from benchmarks.scenarios import MANY, OTHER_ACCOUNT, Scenario
from docker_credential_ecrpy.tokens import store

BUDGETS = "Budgets"
KEPT = store.MOST_ENTRIES
"""Tokens that the sweeps leave."""
ENTRIES = 100_000
"""Tokens of a cache that no sweep has trimmed."""
REGISTRIES = 50
_FEW_GLOBS = 200
_NOT_OURS = "registry.example.com"


@dataclass(frozen=True)
class Budget:
    """A scenario, and what it may take of processor time.

    base: the scenario that it is compared with, or None for the bare interpreter's start.
    of: the program that plays the base; "" for the same one.
    times: the most that it may take, as a multiple of the base. milliseconds: the most that it may
    take in addition to the base. one_file: the limit of the one file, which is a static program, if
    it has another one. is_difference: whether the result is a difference in milliseconds
    where there is no limit; it is a ratio otherwise.
    """

    scenario: Scenario
    base: Scenario | None
    of: str = ""
    times: float = 0
    milliseconds: float = 0
    one_file: float = 0
    is_difference: bool = False

    @property
    def title(self) -> str:
        """What is compared with what."""
        return f"{self.scenario.what}, against {self.of or self.base_name}"

    @property
    def section(self) -> str:
        """The section of the results."""
        return self.scenario.section

    @property
    def base_name(self) -> str:
        """The base, in words."""
        return self.base.what if self.base else BARE

    @property
    def slow(self) -> bool:
        """Whether `--quick` leaves it out."""
        played = self.scenario
        is_long = played.registries or played.at_once > 1 or played.globs > _FEW_GLOBS
        return bool(played.entries or is_long)

    def base_of(self, program: str) -> str:
        """Return the name of the base's cell beside a program's."""
        return self.of or (f"{program}: {self.base_name}" if self.base else BARE)


@dataclass(frozen=True)
class Result:
    """One program's result: milliseconds of processor time, and AWS calls of one run."""

    program: str
    took: float
    base: float
    calls: float
    text: str
    met: bool | None
    """None without a limit."""


def _scenario(what: str, share: float = 1, **rest: Any) -> Scenario:
    return Scenario(BUDGETS, what, share=share, **rest)


_GET = _scenario("cached get")
_FIRST = _scenario("first get", 0.5, cold=True)


def _actions() -> Iterator[Budget]:
    yield Budget(_GET, None, one_file=0.9)
    yield Budget(_scenario("list", action="list", after="get"), _GET, times=1.35)
    yield Budget(_scenario("store", action="store"), _GET, times=1.35)
    yield Budget(_scenario("erase", 0.5, action="erase", after="get"), _GET, times=1.35)
    second = "get for another account, its region's token cached"
    for rules, what in ((0, second), (1, f"{second}, with config.toml")):
        get = _scenario(what, host=OTHER_ACCOUNT, cold=True, after="get", rules=rules)
        yield Budget(get, _GET, times=1.2)
    yield Budget(_FIRST, None, milliseconds=115, one_file=55)
    role = _scenario("first get with an assumed role", 0.5, identity=ROLE, cold=True)
    yield Budget(role, _FIRST, milliseconds=12)


def _rules() -> Iterator[Budget]:
    none = _scenario("miss without settings", 0.5, host=_NOT_OURS, new=True, code=1)
    yield Budget(none, None, is_difference=True)
    for number in (1, _FEW_GLOBS, 2000):
        what = f"miss with {number} glob rule{'s' * (number > 1)}"
        miss = _scenario(what, 0.5, host=_NOT_OURS, new=True, code=1, globs=number)
        yield Budget(miss, none, is_difference=True)


def _together() -> Iterator[Budget]:
    many = _scenario(f"{MANY} first gets at once", 0.25, cold=True, at_once=MANY, latency=80)
    yield Budget(many, many, GO, times=1.1, one_file=0.7)
    turn = _scenario(
        f"list and {REGISTRIES} first gets in turn", 0.25, cold=True, registries=REGISTRIES
    )
    yield Budget(turn, turn, GO, times=0.65, one_file=0.5)


def _full() -> Iterator[Budget]:
    list_ = _scenario("list", action="list", after="get")
    store_ = _scenario("store", action="store", cold=True)
    erase = _scenario("erase", 0.5, action="erase", cold=True, after="get")
    second = _scenario("get for another account", 0.5, host=OTHER_ACCOUNT, cold=True, after="get")
    for entries in (KEPT, ENTRIES):
        for base in (_FIRST, second, list_, store_, erase):
            full = f"{base.what} beside {entries:,} tokens of {entries // 10:,} hosts"
            scenario = replace(base, what=full, entries=entries, programs=OURS)
            yield Budget(scenario, base, times=1.3)


ALL = (*_actions(), *_rules(), *_together(), *_full())


def judge(budget: Budget, row: Row) -> list[Result]:
    """Return the results of the programs that ran; only ours have a limit."""
    found = []
    for program in budget.scenario.programs:
        own, base = row.cells.get(program), row.cells.get(budget.base_of(program))
        if own and base and own.samples and base.samples and not own.failures:
            found.append(_judge(budget, program, own, base))
    return found


def _judge(budget: Budget, program: str, own: Cell, base: Cell) -> Result:
    took, least = own.cpu.median, base.cpu.median
    is_difference = budget.is_difference or budget.milliseconds > 0
    limit = (program == ONE_FILE and budget.one_file) or budget.milliseconds or budget.times
    value = took - least if is_difference else took / least
    text = f"{value:+.1f} ms" if is_difference else f"{value:.2f} x"
    met = value <= limit if limit and program in OURS else None
    if met is not None:
        text += f", at most {limit:g}: {'met' if met else 'MISSED'}"
    return Result(program, took, least, sum(own.calls.values()), text, met)


def render(rows: Sequence[tuple[Budget, Row]]) -> str:
    """Return the budgets' results as Markdown, with the failures."""
    lines = [
        f"## {BUDGETS}\n",
        "Medians of the processor time in milliseconds, each beside what ran in turn with it.\n",
        "| work | program | runs | CPU | compared with | CPU | AWS calls | result |",
        "| --- | --- | ---: | ---: | --- | ---: | ---: | --- |",
    ]
    failed: dict[str, None] = {}
    for budget, row in rows:
        base = f"{budget.of}, the same" if budget.of else budget.base_name
        for result in judge(budget, row):
            numbers = f"{result.took:.1f} | {base} | {result.base:.1f} | {result.calls:g}"
            lines.append(
                f"| {budget.scenario.what} | {result.program} | {row.runs} | {numbers} | "
                f"{result.text} |"
            )
        for name, cell in row.cells.items():
            if cell.failures:
                failed[f"- {name}, {budget.scenario.what}: {cell.note}"] = None
            elif cell.note and name in budget.scenario.programs:
                failed[f"- {name}: {cell.note}"] = None
    return "\n".join([*lines, "", *failed, ""])
