"""Facts about the isolation of a job: its Docker configuration, its tokens, its PATH."""

import json
import os
import stat
import sys
from pathlib import Path

from tests.world.accounts import EU, US, A, B, C
from tests.world.machine import Machine
from tests.world.runner import (
    DOCKER_HUB,
    PLUGIN,
    ROOT,
    Job,
    Runner,
    TwoJobs,
    read_files,
    read_helpers,
    who,
)


def test_parallel_jobs_have_their_own_registries_and_identities(
    machine: Machine, jobs: TwoJobs
) -> None:
    """They share a home and RUNNER_TEMP; a logout of one is none of the other."""
    first, second, own, other = jobs.first, jobs.second, US.format(A), EU.format(B)

    assert read_helpers(first) == {own: "ecr-login"}
    assert read_helpers(second) == {other: "ecr-login"}
    assert who(first, machine.aws, own) == f"arn:aws:iam::{A}:user/first"
    first.run(f"printf %s {other} | docker-credential-ecr-login erase")
    calls = machine.aws.count()
    assert who(second, machine.aws, other) == f"arn:aws:iam::{B}:user/second"
    assert machine.aws.count() == calls
    for job in (first, second):
        for name in ("DOCKER_CONFIG", "AWS_ECR_CACHE_DIR"):
            assert Path(job.environ[name]).is_relative_to(job.temporary)


def test_nothing_in_the_home_changes(machine: Machine, jobs: TwoJobs) -> None:
    """Not Docker's configuration, and no token is kept there."""
    assert read_files(machine.home) == jobs.before
    assert os.listdir(machine.cache) == ["config.toml"]


def test_the_homes_rules_stay_in_use(machine: Machine, jobs: TwoJobs) -> None:
    """A rule chooses the AWS profile of an account."""
    assert who(jobs.first, machine.aws, US.format(C)) == f"arn:aws:iam::{C}:user/third"


def test_what_docker_keeps_beside_its_configuration_stays_reachable(
    machine: Machine, jobs: TwoJobs
) -> None:
    """Plugins, builders, contexts and keys; other logins are copied, and backups are not."""
    docker, home = jobs.first.docker, machine.home / ".docker"

    for name in ("buildx/instances/builder", "contexts/meta/x/meta.json", "ca.pem"):
        assert (docker / name).samefile(home / name)
    assert os.access(docker / PLUGIN, os.X_OK)
    assert json.loads((docker / "config.json").read_text())["auths"] == DOCKER_HUB
    assert not (docker / "config.json.2026-01-01T00-00-00Z.bak").exists()


def test_no_other_user_reads_the_files(jobs: TwoJobs) -> None:
    """The directory is private, and so are the files with secrets."""
    docker = jobs.first.docker
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (docker.parent, docker)]

    assert modes == [0o700, 0o700]
    assert stat.S_IMODE((docker / "config.json").stat().st_mode) == 0o600


def test_the_jobs_python_stays(jobs: TwoJobs, runner: Runner) -> None:
    """Only the two programs come to PATH, and nothing is written into the action's own files."""
    added = jobs.first.environ["PATH"].split(os.pathsep)[0]
    ours = ["docker-credential-ecr-login", "docker-credential-ecrpy"]

    assert sorted(os.listdir(added)) == ours
    assert jobs.first.run("command -v python3").startswith(str(Path(sys.executable).parent))
    assert not list((ROOT / "action").glob("__pycache__"))


def test_without_isolation_the_present_files_are_used(
    job: Job, machine: Machine, tmp_path: Path
) -> None:
    """They are edited as `configure` edits them, and no variable is set."""
    job.environ["HOME"] = str(tmp_path)
    job.docker.mkdir()
    (job.docker / "config.json").write_text(json.dumps({"auths": DOCKER_HUB}))
    before = {**job.environ, "PATH": ""}
    job.use(registries=A, isolate="False")

    assert job.code == 0, job.log
    assert {**job.environ, "PATH": ""} == before
    found = json.loads((job.docker / "config.json").read_text())
    assert found == {"auths": DOCKER_HUB, "credHelpers": {US.format(A): "ecr-login"}}
    assert not (tmp_path / ".ecr").exists()
    assert who(job, machine.aws, US.format(A)) == f"arn:aws:iam::{A}:user/dev"
    assert (tmp_path / ".ecr" / "tokens").is_dir()
