"""Facts about what the hot path loads. Names, not milliseconds: `make bench` prints those."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.stage import HOST, Stage

pytestmark = pytest.mark.tree
HOT = {
    "docker_credential_ecrpy",
    "docker_credential_ecrpy.__main__",
    "docker_credential_ecrpy.cache",
    "docker_credential_ecrpy.identity",
    "docker_credential_ecrpy.paths",
    "docker_credential_ecrpy.protocol",
    "docker_credential_ecrpy.registry",
    # Loaded by the interpreter's own start, on all or some of the supported ones:
    "errno",
    "os",
    "stat",
    "sys",
    "time",
}
COLD = {
    "docker_credential_ecrpy.cli",
    "docker_credential_ecrpy.helper",
    "docker_credential_ecrpy.broker",
    "json",
}
RUN = """
import sys
before = set(sys.modules)
sys.argv = ["docker-credential-ecr-login", "get"]
from docker_credential_ecrpy.__main__ import main
code = main()
sys.stderr.write("\\n".join(sorted(set(sys.modules) - before)))
sys.exit(code)
"""


def _loaded(stage: Stage, scripts: Path, host: str, code: int) -> set[str]:
    """Return the modules that a `get` of the installed package loads beyond a bare interpreter."""
    done = subprocess.run(
        [scripts / "python", "-I", "-c", RUN],
        input=host.encode(),
        capture_output=True,
        env=stage.environ,
        check=False,
    )
    assert done.returncode == code, done
    return set(done.stderr.decode().split())


def test_a_cached_get_loads_the_hot_modules_alone(stage: Stage, scripts: Path) -> None:
    """Nothing but them and what any interpreter loads at its start."""
    stage.login()
    stage.get()
    loaded = _loaded(stage, scripts, HOST, 0)

    assert loaded <= HOT
    assert {name for name in HOT if "." in name} <= loaded


def test_a_get_from_a_stored_login_loads_the_hot_modules_alone(stage: Stage, scripts: Path) -> None:
    """As a cached one does."""
    login = f'{{"ServerURL": "{HOST}", "Username": "AWS", "Secret": "x"}}'
    stage.run("store", stdin=login.encode())

    assert _loaded(stage, scripts, HOST, 0) <= HOT


@pytest.mark.parametrize("host", ["ghcr.io", "https://index.docker.io/v1/", "\0"])
def test_a_get_for_another_registry_loads_the_hot_modules_alone(
    stage: Stage, scripts: Path, host: str
) -> None:
    """As credsStore, it is asked for every registry."""
    assert _loaded(stage, scripts, host, 1) <= HOT


def test_the_measurement_sees_what_is_loaded(stage: Stage, scripts: Path) -> None:
    """A cold get shows the cold modules, so that an empty difference means something."""
    stage.login()

    assert _loaded(stage, scripts, HOST, 0) >= COLD


def test_waiting_and_listing_do_without_boto3(stage: Stage) -> None:
    """It takes a third of a second, so only a fetch loads it."""
    code = (
        "import sys\nfrom docker_credential_ecrpy import cli\nimport os\n"
        "cli.main(['x', 'list'], os.environ, None)\n"
        "cli.main(['x', 'store'], os.environ, b'{}')\n"
        "sys.exit('botocore' in sys.modules or 'boto3' in sys.modules)"
    )

    assert stage.run(command=[sys.executable, "-c", code]).code == 0
