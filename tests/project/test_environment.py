"""Facts about the environment of the tests: the runner's variables cannot change a result."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import botocore.configprovider
import pytest

import docker_credential_ecrpy
from tests.world import environment
from tests.world.tree import REPOSITORY

PACKAGE = Path(docker_credential_ecrpy.__file__).parent
NEEDED = {"DYLD_LIBRARY_PATH", "HOME", "LD_LIBRARY_PATH", "PATH", "PATHEXT", "USERPROFILE"}
"""The variables that the package reads and tests inherit, unless they set them."""
HOSTILE = {
    "AWS_PROFILE": "nobody",
    "AWS_EC2_METADATA_DISABLED": "false",
    "BOTO_CONFIG": "/nowhere",
    "COLUMNS": "3",
    "DOCKER_CONFIG": "/nowhere",
    "FORCE_COLOR": "1",
    "KUBERNETES_SERVICE_HOST": "127.0.0.1",
    "LC_ALL": "tr_TR.UTF-8",
    "OPENSSL_CONF": "/nowhere",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PIP_TARGET": "/nowhere",
    "PYTHONHASHSEED": "1",
    "PYTHONNOUSERSITE": "1",
    "REGISTRY_AUTH_FILE": "/nowhere",
    "REQUESTS_CA_BUNDLE": "/nowhere",
    "SSL_CERT_FILE": "",
    "SSL_CERT_DIR": "/nowhere",
    "SUDO_UID": "4711",
    "TERM": "dumb",
    "TZ": "Asia/Kathmandu",
    "XDG_CONFIG_HOME": "/nowhere",
    "https_proxy": "http://127.0.0.1:9",
}
"""Variables of a runner's environment, one of each kind."""


def _words(source: str) -> set[str]:
    """Return every string in a module that could be a variable's name."""
    found = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return {text for text in found if isinstance(text, str) and text.isupper()}


def test_no_variable_that_is_read_comes_from_the_runner() -> None:
    """Of the variables that the package and botocore read, tests inherit only the needed ones."""
    read = set().union(*(_words(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")))
    read |= _words(Path(botocore.configprovider.__file__).read_text("utf-8"))
    assert {"AWS_PROFILE", "AWS_CA_BUNDLE", "DOCKER_CONFIG", "NO_COLOR", "SUDO_UID"} <= read
    kept = {name for name in read if name in environment.KEPT or name.startswith(environment.TOOLS)}

    assert kept == NEEDED


def test_nothing_else_is_left() -> None:
    """The same holds for processes that a test starts."""
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert dict(os.environ) == environment.kept()
    assert not json.loads(done.stdout).keys() & HOSTILE.keys()


@pytest.mark.parametrize("workers", [[], ["-n", "1"]], ids=["alone", "worker"])
def test_a_runners_settings_change_nothing(tmp_path: Path, workers: list[str]) -> None:
    """They do not affect the tests' process, the wheel, or the programs that tests run."""
    (tmp_path / "docker_credential_ecrpy.py").write_text("raise SystemExit('the runner's')")
    tests = (
        "project/test_environment.py::test_nothing_else_is_left",
        "unit/doctor/probes/test_aws.py::TestReach::test_what_it_tells",
        "promises/test_docker_sdk.py",
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *workers),
            *(f"--basetemp={tmp_path / 'base'}", *(f"tests/{name}" for name in tests)),
        ],
        cwd=REPOSITORY,
        env={**os.environ, **HOSTILE, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
