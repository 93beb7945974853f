"""Facts about docs/recipes/github-actions.md: its workflows run, its tables are complete."""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from docker_credential_ecrpy import HOMEPAGE
from tests.world.accounts import EU, US, A, B
from tests.world.aws import Keys
from tests.world.engine_socket import engine_socket
from tests.world.machine import Machine
from tests.world.runner import ACTION, ROOT, Job, Runner, TwoJobs, Values, fill, prepare

PAGE = (ROOT / "docs" / "recipes" / "github-actions.md").read_text(encoding="utf-8")
WORKFLOWS = {
    found["name"]: found
    for found in map(
        yaml.safe_load, re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    )
}
NAME = HOMEPAGE.removeprefix("https://github.com/")
# Each workflow of the page -> who pulls or pushes where.
PULLS = {
    "build": {US.format(A): A},
    "accounts": {US.format(A): A, EU.format(B): A},
    "roles": {US.format(A): A, US.format(B): B},
    "twice": {US.format(A): A, EU.format(B): B},
    "services": {US.format(A): A},
    "self-hosted": {US.format(A): A},
    "steps": {US.format(A): A},
}
# As in amazon-ecr-login's own documentation, with another line `uses:`. The host -> the output.
MIGRATED = {
    "public.ecr.aws": """
- {id: login-ecr, uses: NAME@main, with: {mask-password: 'true', registry-type: public}}
- name: Push
  env: {REGISTRY: "${{ steps.login-ecr.outputs.registry }}"}
  run: docker push $REGISTRY/my-alias/my-ecr-public-repo:1
""",
    US.format(B): """
- {uses: NAME@main, with: {registries: "ACCOUNT-A,ACCOUNT-B", skip-logout: 'true'}}
- run: docker push ACCOUNT-B.dkr.ecr.us-east-1.amazonaws.com/my-ecr-repo:1
""",
}
# An independent client of credential helpers stands in for docker.
DOCKER = """#!{python}
import json, sys
from docker import auth
if sys.argv[1:] == ["--version"]:
    print("Docker version 29.1.0, build 1")
for word in sys.argv[2:]:
    host, _, rest = word.partition("/")
    if "." in host and rest:
        found = auth.load_config().resolve_authconfig(host)
        with open({log!r}, "a") as file:
            file.write(json.dumps([host, found["Password"]]) + "\\n")
"""


@dataclass(frozen=True)
class Scene:
    """Runs the jobs of a workflow in directories of their own. log: what docker got, by line."""

    machine: Machine
    runner: Runner
    earlier: Job
    root: Path

    @property
    def log(self) -> Path:
        return self.root / "pulls.jsonl"

    def start(self, name: str, keys: Keys | None = None) -> Job:
        job = prepare(self.runner.start(self.root / name, keys), self.earlier)
        job.environ["PATH"] = f"{self.root / 'bin'}{os.pathsep}{job.environ['PATH']}"
        job.environ["HOME"] = str(self.root)
        return job

    def run(self, job: Job, described: Mapping[str, Any], values: Values) -> Values:
        """Run a job of a workflow, and return its outputs."""
        others: dict[str, Callable[[Job, Mapping[str, str]], None]] = {
            "actions/checkout": lambda _job, _inputs: None,
            "aws-actions/configure-aws-credentials": self.configure_credentials,
        }
        job.environ |= fill(described.get("env", {}), values)
        values = job.run_steps(described["steps"], NAME, others, values)
        return fill(described.get("outputs", {}), values)

    def configure_credentials(self, job: Job, inputs: Mapping[str, str]) -> None:
        """Do what aws-actions/configure-aws-credentials does."""
        region = inputs["aws-region"]
        job.environ |= self.machine.aws.session(inputs["role-to-assume"]).environ
        job.environ |= {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}

    def pull_as_runner(self, described: Mapping[str, Any], values: Values) -> None:
        """Pull the images of a job before its first step."""
        for image in [described.get("container"), *described.get("services", {}).values()]:
            if image:
                given = fill({**image["credentials"], "image": image["image"]}, values)
                assert given["username"] == "AWS"
                with self.log.open("a") as file:
                    line = [given["image"].partition("/")[0], given["password"]]
                    file.write(json.dumps(line) + "\n")

    def read_pulls(self) -> Values:
        """Return each host that had a password, and the account that got it."""
        pulls = [json.loads(line) for line in self.log.read_text().splitlines()]
        issued = self.machine.aws.issued
        return {host: issued[password].arn.split(":")[4] for host, password in pulls}


@pytest.fixture(name="scene")
def _scene(machine: Machine, runner: Runner, jobs: TwoJobs, scripts: Path, tmp_path: Path) -> Scene:
    """With docker, and what else the page's steps run: make, and pipx, which links `scripts`."""
    scene = Scene(machine, runner, jobs.first, tmp_path)
    programs = tmp_path / "bin"
    programs.mkdir()
    texts = {
        "docker": DOCKER.format(python=sys.executable, log=str(scene.log)),
        "make": "#!/bin/sh\n",
        "pipx": f"#!/bin/sh\nln -s {scripts}/docker-credential-ecr* {programs}/\n",
    }
    for name, text in texts.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    return scene


@pytest.mark.parametrize("name", PULLS)
def test_the_workflows_run(scene: Scene, name: str) -> None:
    """Every pull and push has the password of the right account, and so have the runner's own."""
    aws = scene.machine.aws
    aws.role("ecr-puller", B)
    values = {"github.sha": "0123abc"}
    for job_name, described in WORKFLOWS[name]["jobs"].items():
        keys = aws.user("instance", A) if "self-hosted" in described["runs-on"] else None
        job = scene.start(job_name, keys)
        scene.pull_as_runner(described, values)
        with engine_socket() as path:  # doctor wants an engine
            job.environ["DOCKER_HOST"] = f"unix://{path}"
            outputs = scene.run(job, described, values)
        values |= {f"needs.{job_name}.outputs.{each}": text for each, text in outputs.items()}

    assert scene.read_pulls() == PULLS[name]


def test_every_workflow_is_run() -> None:
    """None of the page is missing above."""
    assert {*WORKFLOWS} == {*PULLS}


@pytest.mark.parametrize("host", MIGRATED)
def test_only_the_line_uses_changes(scene: Scene, host: str) -> None:
    """The other lines of a workflow with amazon-ecr-login stay as they are."""
    role = {"role-to-assume": f"arn:aws:iam::{A}:role/ci", "aws-region": "us-east-1"}
    before = [{"uses": "aws-actions/configure-aws-credentials@v4", "with": role}]
    text = MIGRATED[host].replace("NAME", NAME).replace("ACCOUNT-A", A).replace("ACCOUNT-B", B)
    scene.run(scene.start("job"), {"steps": before + yaml.safe_load(text)}, {})

    assert scene.read_pulls() == {host: A}


def read_rows(heading: str) -> list[list[str]]:
    """Return the cells of the tables below a heading, without their heads."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if "`" in line[:12]]
    return [[cell.strip().strip("`") for cell in row] for row in rows if len(row) > 1]


def test_the_tables_have_every_input_and_output() -> None:
    """With the defaults of action.yml."""
    rows = read_rows("Inputs")
    inputs = {row[0]: row[1] for row in rows if len(row) == 3}

    assert inputs == {name: described["default"] for name, described in ACTION["inputs"].items()}
    assert [row[0] for row in rows if len(row) == 2] == [*ACTION["outputs"]]


def test_the_table_of_amazon_ecr_login() -> None:
    """It has each of its inputs, and outputs of ours for its outputs."""
    rows = read_rows("From amazon-ecr-login")
    inputs = ["registries", "registry-type", "mask-password", "skip-logout", "http-proxy"]

    assert [row[0] for row in rows][: len(inputs)] == inputs
    assert {*inputs} < {*ACTION["inputs"]}
    assert [row[0].rpartition("`")[2] for row in rows[len(inputs) :]] == [
        "registry",
        "docker_username_<registry>",
        "docker_password_<registry>",
    ]
