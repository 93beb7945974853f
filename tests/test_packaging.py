"""Facts about what is installed."""

import os
import zipfile
from pathlib import Path

from docker_credential_ecrpy import __version__

DIST_INFO = f"docker_credential_ecrpy-{__version__}.dist-info"
FILES = {
    "docker_credential_ecrpy/__init__.py",
    "docker_credential_ecrpy/__main__.py",
    "docker_credential_ecrpy/ancestry.py",
    "docker_credential_ecrpy/asking.py",
    "docker_credential_ecrpy/authorization.py",
    "docker_credential_ecrpy/aws.py",
    "docker_credential_ecrpy/aws_caches.py",
    "docker_credential_ecrpy/aws_connection.py",
    "docker_credential_ecrpy/aws_errors.py",
    "docker_credential_ecrpy/aws_outlook.py",
    "docker_credential_ecrpy/aws_refusals.py",
    "docker_credential_ecrpy/broker.py",
    "docker_credential_ecrpy/cache.py",
    "docker_credential_ecrpy/cli.py",
    "docker_credential_ecrpy/commands/__init__.py",
    "docker_credential_ecrpy/commands/explain.py",
    "docker_credential_ecrpy/deadline.py",
    "docker_credential_ecrpy/errors.py",
    "docker_credential_ecrpy/fallback.py",
    "docker_credential_ecrpy/helper.py",
    "docker_credential_ecrpy/identity.py",
    "docker_credential_ecrpy/inputs.py",
    "docker_credential_ecrpy/known.py",
    "docker_credential_ecrpy/lock.py",
    "docker_credential_ecrpy/log.py",
    "docker_credential_ecrpy/paths.py",
    "docker_credential_ecrpy/patterns.py",
    "docker_credential_ecrpy/profiles.py",
    "docker_credential_ecrpy/protocol.py",
    "docker_credential_ecrpy/registry.py",
    "docker_credential_ecrpy/rule_reader.py",
    "docker_credential_ecrpy/rules.py",
    "docker_credential_ecrpy/settings.py",
    "docker_credential_ecrpy/settling.py",
    "docker_credential_ecrpy/toml_source.py",
    f"{DIST_INFO}/METADATA",
    f"{DIST_INFO}/RECORD",
    f"{DIST_INFO}/WHEEL",
    f"{DIST_INFO}/entry_points.txt",
    f"{DIST_INFO}/licenses/LICENSE",
}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """No tests, no benchmarks, no stray file."""
    with zipfile.ZipFile(wheel) as archive:
        assert set(archive.namelist()) == FILES


def test_both_programs_are_installed(scripts: Path) -> None:
    """The drop-in's name, and the one for people."""
    for name in ("docker-credential-ecr-login", "docker-credential-ecrpy"):
        assert any(path.stem == name for path in scripts.iterdir())


def test_a_console_script_imports_nothing_but_sys(scripts: Path) -> None:
    """What a current pip writes; older ones import `re`, which takes longer than all of ours."""
    if os.name == "nt":
        return  # the script is inside an executable there
    text = (scripts / "docker-credential-ecr-login").read_text()

    assert [line for line in text.splitlines() if "import" in line] == [
        "import sys",
        "from docker_credential_ecrpy.__main__ import main",
    ]
