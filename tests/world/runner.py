"""A stand-in for GitHub's runner: it runs the steps of the composite action, and those of a job.

It knows what the action and the documented workflows use: `run` steps with bash, inputs, outputs,
and the files behind GITHUB_ENV, GITHUB_PATH and GITHUB_OUTPUT. It fails for anything else.
https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.world.aws import Aws, Keys
from tests.world.tree import REPOSITORY

ROOT = REPOSITORY
"""The action's own files."""
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
# https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_SECONDS = 110

DOCKER_HUB = {"https://index.docker.io/v1/": {"auth": "bWU6aHVudGVyMg=="}}
"""The `auths` of the home's configuration."""
PLUGIN = "cli-plugins/docker-buildx"
"""A file beside it."""
Values = dict[str, str]


@dataclass
class Job:
    """A job on a runner. environ: its variables, which steps change. temporary: RUNNER_TEMP.

    log, code: of the last action or script. outputs: of the last action.
    """

    root: Path
    environ: dict[str, str]
    temporary: Path
    log: str = ""
    code: int = 0
    outputs: Values = field(default_factory=dict)

    @property
    def errors(self) -> list[str]:
        return re.findall(r"^::error(?: [^:]*)?::(.*)$", self.log, re.MULTILINE)

    @property
    def masks(self) -> list[str]:
        return re.findall(r"^::add-mask::(.*)$", self.log, re.MULTILINE)

    @property
    def docker(self) -> Path:
        return Path(self.environ["DOCKER_CONFIG"])

    def use(self, inputs: Mapping[str, str] | None = None, **more: str) -> "Job":
        """Run the action. more: inputs, with _ for -. Its steps end at the first failure."""
        given = {**(inputs or {}), **{name.replace("_", "-"): text for name, text in more.items()}}
        assert set(given) <= set(ACTION["inputs"]), given
        values = {
            f"inputs.{name}": given.get(name, i["default"]) for name, i in ACTION["inputs"].items()
        }
        self.log, self.code = "", 0
        for step in ACTION["runs"]["steps"]:
            assert set(step) <= {"name", "id", "shell", "env", "run"}, step
            assert step["shell"] == "bash"
            found = self.step(step["run"], fill(step["env"], values))
            values |= {
                f"steps.{step.get('id')}.outputs.{name}": text for name, text in found.items()
            }
            if self.code:
                break
        described = {name: output["value"] for name, output in ACTION["outputs"].items()}
        self.outputs = {name: text for name, text in fill(described, values).items() if text}
        return self

    def run(self, script: str, **environ: str) -> str:
        """Return what a script prints as a step, which must not fail. environ: the step's own."""
        self.log = ""
        self.step(script, environ)
        assert self.code == 0, self.log
        return self.log

    def step(self, script: str, own: Mapping[str, str]) -> Values:
        """Run a script as a step, and return its outputs. own: the step's own variables."""
        assert "${{" not in script
        files = {name: self.root / f"{name}.txt" for name in ("ENV", "PATH", "OUTPUT")}
        for path in files.values():
            path.write_text("")
        (self.root / "step.sh").write_text(script)
        done = subprocess.run(
            [*BASH, str(self.root / "step.sh")],
            env={
                **self.environ,
                **own,
                **{f"GITHUB_{name}": str(path) for name, path in files.items()},
                "GITHUB_ACTION_PATH": f"{ROOT}/.",
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

    def run_steps(
        self,
        steps: Sequence[Mapping[str, Any]],
        action: str,
        others: Mapping[str, Callable[["Job", Mapping[str, str]], None]],
        values: Values,
    ) -> Values:
        """Run the steps of a job, and return the values of expressions after it.

        action: the name of ours. others: that of each other one -> what it does with its inputs.
        values: of the expressions before.
        """
        for step in steps:
            assert set(step) <= {"name", "id", "env", "run", "uses", "with"}, step
            own = fill(step.get("env", {}), values)
            inputs = fill(step.get("with", {}), values)
            name = step.get("uses", "").partition("@")[0]
            if "run" in step:
                self.run(step["run"], **own)
            elif name in others:
                others[name](self, inputs)
            else:
                assert name == action
                self.use(inputs)
                assert self.code == 0, self.log
                outputs = {
                    f"steps.{step.get('id')}.outputs.{n}": t for n, t in self.outputs.items()
                }
                values = {**values, **outputs}
        return values


def read_values(path: Path) -> Values:
    """Return the values in a file of the runner: `name=value`, or `name<<end` with its lines."""
    found: Values = {}
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        if not end or "=" in name:
            name, equals, found[name] = line.partition("=")
            assert equals, line
            continue
        value = []
        for each in lines:
            if each == end:
                break
            value.append(each)
        else:
            raise ValueError(line)
        found[name] = "\n".join(value)
    return found


def fill(texts: Mapping[str, Any], values: Mapping[str, str]) -> Values:
    """Return texts with their expressions replaced; an output that is not set is empty."""

    def find(match: "re.Match[str]") -> str:
        name = match[1]
        is_output = name.startswith(("steps.", "needs."))
        return values.get(name, "") if is_output else values[name]

    # The runner writes YAML's booleans as JSON does.
    plain = {name: str(t).lower() if isinstance(t, bool) else str(t) for name, t in texts.items()}
    return {name: _EXPRESSION.sub(find, text) for name, text in plain.items()}


@dataclass(frozen=True)
class Runner:
    """Starts jobs on a machine, whose pip has no network.

    environ: the machine's. wheel: of the program. packages: an empty directory, for links to the
    packages of this environment, which pip then takes for installed ones.
    """

    environ: Mapping[str, str]
    wheel: Path
    packages: Path

    def __post_init__(self) -> None:
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if "docker_credential_ecrpy" not in path.name:
                (self.packages / path.name).symlink_to(path)

    @property
    def version(self) -> str:
        return self.wheel.name.split("-")[1]

    def start(self, root: Path, keys: Keys | None = None, temporary: Path | None = None) -> Job:
        """Return a job in a directory of its own, with credentials, or with none."""
        temporary = temporary or root / "_work" / "_temp"
        temporary.mkdir(parents=True, exist_ok=True)
        root.mkdir(exist_ok=True)
        environ = {
            **self.environ,
            "PYTHONPATH": str(self.packages),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{self.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheel.parent),
            "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as the value of "build isolation"
            "AWS_REGION": "us-east-1",
            **(keys.environ if keys else {}),
        }
        return Job(root, environ, temporary)


@dataclass(frozen=True)
class TwoJobs:
    """Two jobs that ran at once, of two accounts, on one runner's directories.

    before: the files of the home before both.
    """

    first: Job
    second: Job
    before: dict[str, bytes]


def prepare(job: Job, earlier: Job) -> Job:
    """Return a job with the installation of an earlier one, and with nothing configured.

    It is as if it had used the action before.
    """
    directory = job.temporary / "docker-credential-ecrpy.earlier"
    directory.mkdir()
    (directory / "venv").symlink_to(earlier.docker.parent / "venv")
    shutil.copy(earlier.docker.parent / "installed", directory)
    job.environ["DOCKER_CONFIG"] = str(directory / "docker")
    return job


def read_files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def get(job: Job, host: str) -> str:
    """Return the password that Docker gets in a later step."""
    password: str = json.loads(job.run(f"printf %s {host} | docker-credential-ecr-login get"))[
        "Secret"
    ]
    return password


def who(job: Job, aws: Aws, host: str) -> str:
    """Return the ARN that the token of a later step was issued to."""
    return aws.issued[get(job, host)].arn


def read_helpers(job: Job) -> Values:
    found: Values = json.loads((job.docker / "config.json").read_text())["credHelpers"]
    return found
