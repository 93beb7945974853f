"""One program in one scenario, on its own machine: prepared, run, and its answers checked."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import filled, identities, timing
from benchmarks.programs import FLOORS, OURS, SCRIPT, Program
from benchmarks.scenarios import Scenario
from benchmarks.timing import Ended, Sample
from benchmarks.turns import progress
from benchmarks.world import World
from tests.world import bazel
from tests.world.aws import ACCOUNT
from tests.world.machine import HOST, Machine


class Scene:
    """A program that plays a scenario on a machine."""

    def __init__(self, scenario: Scenario, program: Program, world: World) -> None:
        self.scenario = scenario
        self.program = program
        self._hosts = 0
        filled_before = world.filled.get((program.name, scenario.entries))
        self.machine = filled_before or world.machine()
        self._output = self.machine.root / "output"
        self._output.mkdir(exist_ok=True)
        self._stdin = _stdin(self.machine, scenario.action, scenario.host)
        if filled_before:
            self.forget()
        else:
            self._set_up(world)

    def _set_up(self, world: World) -> None:
        machine, scenario = self.machine, self.scenario
        identities.set_up(machine, scenario.identity, scenario.latency / 1000)
        if scenario.plain:
            machine.environ["AWS_ENDPOINT_URL"] = world.plain.url
        if scenario.rules or scenario.globs:
            machine.environ["AWS_ECR_CONFIG"] = _rules(machine, scenario.rules, scenario.globs)
        if scenario.entries:
            progress(f"{scenario.section}: filling the cache of {self.program.name}")
            self._run("get", _stdin(machine, "get", HOST))
            before = [world.filled.get((name, scenario.entries)) for name in OURS]
            filled.fill(machine, self.program.name, scenario.entries, before)
            self.forget()
            world.filled[self.program.name, scenario.entries] = machine

    def once(self) -> tuple[Sample, str]:
        """Run the program once; return the duration, and the error or ""."""
        if self.scenario.cold:
            self.forget()
        if self.scenario.after:
            self._run(self.scenario.after, _stdin(self.machine, self.scenario.after, HOST))
        if self.scenario.registries:
            return self._visit(self.scenario.registries)
        if self.scenario.new:
            self._hosts += 1
            self._stdin.write_text(f"{self._hosts}.{self.scenario.host}")
        return self._run(self.scenario.action, self._stdin, self.scenario.at_once)

    def _visit(self, number: int) -> tuple[Sample, str]:
        """Do what the classic build does with this many registries of as many accounts."""
        hosts = [f"{300_000_000_000 + each}{HOST[12:]}" for each in range(number)]
        runs = [self._run("list", _stdin(self.machine, "list", ""))]
        runs += [self._run("get", _stdin(self.machine, "get", host)) for host in hosts]
        samples = [sample for sample, _ in runs]
        calls = sum((Counter(sample.calls) for sample in samples), Counter[str]())
        said = ", ".join(sorted({problem for _, problem in runs if problem}))
        return Sample(sum(s.wall for s in samples), sum(s.cpu for s in samples), calls), said

    def forget(self) -> None:
        """Remove the files that the program has written since the set-up."""
        shutil.rmtree(self.machine.home / ".aws" / "cli", ignore_errors=True)
        if self.scenario.entries:
            filled.forget(self.machine, self.program.name, self.scenario.entries)
        else:
            shutil.rmtree(self.machine.cache, ignore_errors=True)

    def _run(self, action: str, stdin: Path, at_once: int = 1) -> tuple[Sample, str]:
        aws, machine = self.machine.aws, self.machine
        before = aws.count()
        line = self.program.line(action)
        sample, ended = timing.run(line, machine.environ, stdin, self._output, at_once)
        calls = dict(aws.count() - before)
        problems = Counter(filter(None, (self._problem(action, one) for one in ended)))
        said = ", ".join(
            f"{number} of {at_once}: {what}" if at_once > 1 else what
            for what, number in problems.items()
        )
        return Sample(sample.wall, sample.cpu, calls), said

    def _problem(self, action: str, ended: Ended) -> str:
        code = 0 if self.program.name in FLOORS else self.scenario.code
        if ended.code != code:
            said = (ended.stdout + ended.stderr).decode(errors="replace").strip()
            return f"exit code {ended.code}: {said.partition(chr(10))[0][:150]}"
        if action == "get" and code == 0 and self.program.name not in FLOORS:
            said = ended.stdout.decode().strip()
            secret = said if self.program.name == SCRIPT else _secret(json.loads(said))
            return "" if secret in self.machine.aws.issued else "not a token that was issued"
        return ""


def _secret(reply: Mapping[str, Any]) -> str:
    """Return the password in a reply of Docker's protocol or of Bazel's."""
    if "headers" not in reply:
        return str(reply["Secret"])
    return bazel.Credentials(reply["headers"]).login[1]


def _rules(machine: Machine, accounts: int, globs: int) -> str:
    """Write this many rules, the last of which is for the host; return their file."""
    matches = [f"{number:012}" for number in range(accounts - 1)] + [ACCOUNT] * bool(accounts)
    matches += [f"{400_000_000_000 + number}.dkr.ecr.*.amazonaws.com" for number in range(globs)]
    text = "".join(f'[[registry]]\nmatch = "{match}"\n' for match in matches)
    return str(machine.file("rules.toml", text))


def _stdin(machine: Machine, action: str, host: str) -> Path:
    """Write the action's input for the host."""
    if action != "store":
        return machine.file(f"stdin of {action} {host}", "" if action == "list" else host)
    secret = machine.aws.password("arn", "us-east-1")
    login = {"ServerURL": host, "Username": "AWS", "Secret": secret}
    return machine.file("login", json.dumps(login))
