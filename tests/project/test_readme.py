"""Facts about the README: it is short, its links work on PyPI, its install lines run as written."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from docker_credential_ecrpy import HOMEPAGE
from tests.world import installations
from tests.world.documents import README, Transcript, find_page
from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.tree
LONGEST = 150
CLONE = f"git clone {HOMEPAGE}"
INSTALLERS = (installations.command("pipx"), installations.command("uv"))
MAKERS = (
    installations.command("make"),
    "make deb && " + installations.command("Debian package"),
)
SECONDS = 600


def test_it_is_short() -> None:
    """Everything else is in docs/."""
    assert len(README.text.splitlines()) <= LONGEST


def test_its_links_are_absolute() -> None:
    """PyPI shows the page without the repository."""
    assert README.links
    assert all(link.startswith("https://") for link in README.links)


def test_it_has_the_two_commands() -> None:
    """`make demo` and `make test` need nothing but the tree."""
    commands = [found.command.partition(" #")[0].strip() for found in README.transcripts]

    assert {"make demo", "make test"} <= {*commands}


def test_it_installs_nothing_that_is_not_released_yet() -> None:
    """PyPI is named in the text, for the time after the first release."""
    typed = " ".join(
        found.command for found in README.transcripts + find_page("install").transcripts
    )

    assert "install docker-credential-ecrpy" not in typed.replace("uninstall", "")
    assert "From the first release on" in README.text


def _install_commands() -> list[Transcript]:
    """Return what the README and the install page say to type, in their order."""
    pages = README.transcripts + find_page("install").transcripts
    return list(dict.fromkeys(Transcript(found.command, "") for found in pages))


def test_the_installers_are_named() -> None:
    """The test below runs what both pages say."""
    commands = [found.command for found in _install_commands()]

    assert [CLONE, "cd docker-credential-ecrpy", INSTALLERS[0]] == [
        found.command for found in README.transcripts[:3]
    ]
    for installer in INSTALLERS:
        assert f"`{installer}`" in README.text or installer in commands
        assert installer in commands


def test_each_installer_has_a_line_for_its_upgrade() -> None:
    """The same one, but for an option that replaces what is installed."""
    text = find_page("install").text
    first, later = (
        {
            command.replace(" --force", "").replace(" --reinstall", "")
            for command in re.findall(
                r"(?m)^\$ (.*install.*)$", text.partition(heading)[2].partition("\n## ")[0]
            )
        }
        for heading in ("## From the repository", "## Upgrade")
    )

    assert len(first) == 5
    assert first == later


@pytest.fixture(scope="module", name="at_github")
def _at_github(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the repository's URL leads to this tree's last commit."""
    home = tmp_path_factory.mktemp("home")
    scripts = sysconfig.get_path("scripts")
    settings = {f"url.{REPOSITORY}.insteadOf": HOMEPAGE, "safe.directory": "*"}
    counted = enumerate(settings.items())
    return {
        "HOME": str(home),
        "PATH": f"{home}/.local/bin{os.pathsep}{scripts}{os.pathsep}{os.environ['PATH']}",
        "UV_PYTHON": sys.executable,
        "UV_SYSTEM_CERTS": "true",  # pip trusts these, and PyPI may be behind a company's proxy
        "GIT_CONFIG_COUNT": str(len(settings)),
        **{
            f"GIT_CONFIG_{part}_{number}": text
            for number, pair in counted
            for part, text in zip(("KEY", "VALUE"), pair, strict=True)
        },
    }


def _run_script(script: str, environ: Mapping[str, str], directory: Path) -> str:
    """Run a shell script that has to succeed; return what it prints on both streams."""
    done = subprocess.run(
        ["sh", "-c", script],
        env=environ,
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.sdist
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("installer", INSTALLERS)
def test_the_install_lines_run_as_written(
    installer: str, at_github: dict[str, str], tmp_path: Path
) -> None:
    """From a fresh clone: then both programs start, and the README's next line works."""
    tool = installer.partition(" ")[0]
    if not shutil.which(tool, path=at_github["PATH"]):
        assert not os.environ.get("CI"), f"{tool} is missing"
        pytest.skip(f"{tool} is not here")
    configure = next(
        found.command for found in README.transcripts if " configure " in found.command
    )
    script = "\n".join(
        [
            "set -e",
            CLONE,
            "cd docker-credential-ecrpy",
            installer,
            "command -v docker-credential-ecr-login",
            "command -v docker-credential-ecrpy",
            "docker-credential-ecr-login version",
            f"{configure} --dry-run",
            f"{tool} {'tool ' if tool == 'uv' else ''}uninstall docker-credential-ecrpy",
        ]
    )
    shown = _run_script(script, at_github, tmp_path)

    for name in ("docker-credential-ecr-login", "docker-credential-ecrpy"):
        assert f"{at_github['HOME']}/.local/bin/{name}\n" in shown
    assert "docker-credential-ecr-login (docker-credential-ecrpy)" in shown
    assert '"123456789012.dkr.ecr.us-east-1.amazonaws.com": "ecr-login"' in shown


@pytest.mark.sdist
@pytest.mark.parametrize("line", MAKERS)
def test_the_make_lines_are_understood_as_written(
    line: str, at_github: dict[str, str], tmp_path: Path
) -> None:
    """From a fresh clone, without running the recipes: `make test-binary` tests the products."""
    assert line in [found.command for found in find_page("install").transcripts]
    for name, text in {"sudo": 'exec "$@"', "apt-get": 'echo apt-get "$@"'}.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    environ = {**at_github, "PATH": f"{tmp_path}/bin{os.pathsep}{at_github['PATH']}"}
    script = f"set -e\n{CLONE}\ncd docker-credential-ecrpy\n{line}"
    shown = _run_script(script, {**environ, "MAKEFLAGS": "--dry-run"}, tmp_path)

    assert "install.sh install" in shown or "apt-get install" in shown


@pytest.mark.parametrize("found", _install_commands(), ids=lambda found: found.command)
def test_the_make_targets_exist(found: Transcript) -> None:
    """Each target that the pages name is the Makefile's; what it does is tested elsewhere."""
    words = found.command.partition("#")[0].split()
    targets = [after for word, after in pairwise(words) if word == "make"]
    text = (REPOSITORY / "Makefile").read_text(encoding="utf-8")

    assert all(f"\n{target}:" in text for target in targets)
