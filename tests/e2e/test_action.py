"""The action with Docker's engine: a job pulls and pushes after its steps, without a login."""

from pathlib import Path

from tests.world import engines
from tests.world.aws import ACCOUNT
from tests.world.engine_host import ECR, ECR_2, OTHER_ACCOUNT, EngineHost
from tests.world.runner import Runner


def test_a_job_pulls_and_pushes(
    engine_host: EngineHost, app: str, wheel: Path, tmp_path: Path
) -> None:
    """From two accounts, with one call to AWS; `check` passes, and the home stays as it was."""
    (tmp_path / "packages").mkdir()
    environ = {**engine_host.environ, "PATH": engines.PATH}
    runner = Runner(environ, wheel, tmp_path / "packages")
    job = runner.start(tmp_path / "job", engine_host.aws.user())
    registries = f"{ACCOUNT},{OTHER_ACCOUNT}"
    job.use(registries=registries, version=runner.version, check="true")
    assert job.code == 0, job.log
    docker = engines.find("docker")
    job.run(
        f"{docker} pull {ECR}/{app}\n"
        f"{docker} tag {ECR}/{app} {ECR_2}/{app}-of-a-job\n"
        f"{docker} push {ECR_2}/{app}-of-a-job\n"
    )

    assert engine_host.aws.count("ecr") == {"ecr": 1}
    assert not (engine_host.home / ".docker").exists()
    assert not (engine_host.home / ".ecr").exists()
