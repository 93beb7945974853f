"""A stand-in for GitHub's runner: it runs the steps of a composite action, and of a job.

It knows what the action uses: `run` steps with bash, expressions of `inputs` and of the outputs of
steps, and the files behind GITHUB_ENV, GITHUB_PATH and GITHUB_OUTPUT. It fails for anything else.
https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax
"""

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.world.tree import REPOSITORY

ACTION = REPOSITORY / "action.yml"
# https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_SECONDS = 110


@dataclass
class Job:
    """A job on a runner. environ: its variables, which steps change. temporary: RUNNER_TEMP."""

    root: Path
    environ: dict[str, str]
    temporary: Path
    action: Path = REPOSITORY
    log: str = ""
    code: int = 0
    outputs: dict[str, str] = field(default_factory=dict)
    """Those of the last action."""
    steps: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of a job: the id of a step -> its outputs."""

    @property
    def variables(self) -> dict[str, str]:
        """What Docker and the helper have in a later step."""
        return {
            n: t for n, t in self.environ.items() if n in ("DOCKER_CONFIG", "AWS_ECR_CACHE_DIR")
        }

    @property
    def errors(self) -> list[str]:
        return re.findall(r"^::error(?: [^:]*)?::(.*)$", self.log, re.MULTILINE)

    @property
    def masks(self) -> list[str]:
        return re.findall(r"^::add-mask::(.*)$", self.log, re.MULTILINE)

    def use(self, **inputs: str) -> "Job":
        """Run the action; the names of inputs with _ for -. Its steps end at the first failure."""
        described = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert set(given) <= set(described["inputs"]), given
        values = {f"inputs.{n}": str(i.get("default", "")) for n, i in described["inputs"].items()}
        values |= {f"inputs.{name}": value for name, value in given.items()}
        self.log, self.code = "", 0
        for step in described["runs"]["steps"]:
            assert set(step) <= {"name", "id", "shell", "env", "run"}, step
            assert step["shell"] == "bash"
            own = {name: _fill(text, values) for name, text in step["env"].items()}
            found = self.run(step["run"], own)
            values |= {f"steps.{step.get('id')}.outputs.{n}": t for n, t in found.items()}
            if self.code:
                break
        self.outputs = {n: _fill(o["value"], values) for n, o in described["outputs"].items()}
        return self

    def run(self, script: str, own: Mapping[str, str] | None = None) -> dict[str, str]:
        """Run a script as a step, and return its outputs. own: the step's own variables."""
        assert "${{" not in script
        files = {name: self.root / f"{name}.txt" for name in ("ENV", "PATH", "OUTPUT")}
        for path in (*files.values(), self.root / "step.sh"):
            path.write_text("")
        (self.root / "step.sh").write_text(script)
        done = subprocess.run(
            [*BASH, str(self.root / "step.sh")],
            env={
                **self.environ,
                **(own or {}),
                **{f"GITHUB_{name}": str(path) for name, path in files.items()},
                "GITHUB_ACTION_PATH": f"{self.action}/.",
                "RUNNER_TEMP": str(self.temporary),
            },
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        self.log += done.stdout
        self.code = done.returncode
        self.environ |= read_values(files["ENV"])
        for line in files["PATH"].read_text().splitlines():
            self.environ["PATH"] = f"{line}{os.pathsep}{self.environ['PATH']}"
        return read_values(files["OUTPUT"])


def read_values(path: Path) -> dict[str, str]:
    """Return the values in a file of the runner: `name=value`, or `name<<end` with its lines."""
    found: dict[str, str] = {}
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        if end and "=" not in name:
            value = []
            for each in lines:
                if each == end:
                    break
                value.append(each)
            else:
                raise ValueError(line)
            found[name] = "\n".join(value)
        else:
            name, equals, text = line.partition("=")
            assert equals, line
            found[name] = text
    return found


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its expressions replaced; an output that is not set is empty."""

    def find(match: "re.Match[str]") -> str:
        name = match[1]
        return values.get(name, "") if name.startswith("steps.") else values[name]

    return _EXPRESSION.sub(find, text)


def read_workflow(text: str) -> dict[str, Any]:
    """Return a workflow of a page."""
    found: dict[str, Any] = yaml.safe_load(text)
    return found
