"""Facts about the wheel, its programs and its manual pages."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest

from docker_credential_ecrpy import HOMEPAGE, __version__
from docker_credential_ecrpy.cli.group import program as commands
from tests.world.tree import REPOSITORY
from tools import config_file, share

PROGRAMS = ("docker-credential-ecr-login", "docker-credential-ecrpy")

DIST_INFO = f"docker_credential_ecrpy-{__version__}.dist-info"
SHARE = f"docker_credential_ecrpy-{__version__}.data/data/share"
MODULES = {
    path.relative_to(REPOSITORY).as_posix()
    for path in (REPOSITORY / "docker_credential_ecrpy").rglob("*.py")
}
FILES = MODULES | {
    f"{SHARE}/bash-completion/completions/docker-credential-ecr-login",
    f"{SHARE}/bash-completion/completions/docker-credential-ecrpy",
    f"{SHARE}/fish/vendor_completions.d/docker-credential-ecr-login.fish",
    f"{SHARE}/fish/vendor_completions.d/docker-credential-ecrpy.fish",
    f"{SHARE}/man/man1/docker-credential-ecr-login.1",
    f"{SHARE}/man/man1/docker-credential-ecrpy.1",
    f"{SHARE}/man/man5/docker-credential-ecrpy-config.5",
    f"{SHARE}/zsh/site-functions/_docker-credential-ecrpy",
    f"{DIST_INFO}/METADATA",
    f"{DIST_INFO}/RECORD",
    f"{DIST_INFO}/WHEEL",
    f"{DIST_INFO}/entry_points.txt",
    f"{DIST_INFO}/licenses/LICENSE",
}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """It has no tests or benchmarks, and adds manual pages and completions."""
    with zipfile.ZipFile(wheel) as archive:
        assert set(archive.namelist()) == FILES


def test_both_programs_are_installed(scripts: Path) -> None:
    """One is the drop-in, the other the command for users."""
    for name in PROGRAMS:
        assert any(path.stem == name for path in scripts.iterdir())


def test_a_console_script_imports_nothing_but_sys(scripts: Path) -> None:
    """Current pips write such scripts; older ones import `re`, which is slower than ours."""
    if os.name == "nt":
        return  # the script is inside an executable there
    text = (scripts / "docker-credential-ecr-login").read_text()

    assert [line for line in text.splitlines() if "import" in line] == [
        "import sys",
        "from docker_credential_ecrpy.__main__ import start",
    ]


def test_pages_and_completions_match_the_program(wheel: Path, tmp_path: Path) -> None:
    """The files come from the tree, even if another version is installed."""
    share.write(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        for path in tmp_path.rglob("*"):
            if path.is_file():
                name = path.relative_to(tmp_path).as_posix()
                assert archive.read(f"{SHARE}/{name}") == path.read_bytes()


@pytest.mark.tree
def test_the_build_needs_no_aws_sdk() -> None:
    """The command line loads without botocore, so the build requires only click and tomli."""
    code = "import sys\nfrom tools import share\nsys.exit('botocore' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


# --- manual pages -----------------------------------------------------------------------------

PAGES = {program: f"man1/{program}.1" for program in PROGRAMS}
PAGES[config_file.NAME] = f"man5/{config_file.NAME}.5"


def _write_page(directory: Path, name: str) -> Path:
    share.write(directory)
    return directory / "man" / PAGES[name]


def _walk(command: click.Command, context: click.Context) -> list[click.Context]:
    found = [context]
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            found += _walk(inner, click.Context(inner, parent=context, info_name=name))
    return found


def test_every_page_is_tested(tmp_path: Path) -> None:
    """The tests below know all pages that are written."""
    share.write(tmp_path)
    found = (path.relative_to(tmp_path / "man") for path in tmp_path.glob("man/*/*"))

    assert {path.as_posix() for path in found} == set(PAGES.values())


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_programs_page_names_every_command_and_option(tmp_path: Path, program: str) -> None:
    """With usage, under the program's own name; each exit code and the other page are there."""
    text = _write_page(tmp_path, program).read_text(encoding="ascii").replace("\\-", "-")
    contexts = _walk(
        commands, click.Context(commands, info_name=program, **commands.context_settings)
    )[1:]

    assert len(contexts) > len(commands.commands)
    for context in contexts:
        assert f"\n.B {context.command_path}\n" in text
        for option in context.command.params:
            if isinstance(option, click.Option):
                assert re.search(rf"\n\.B .*{option.opts[0]}\b", text), option.opts
    other = PROGRAMS[1 - PROGRAMS.index(program)]
    assert f".B {other}" not in text
    _, _, status = text.partition(".SH EXIT STATUS")
    assert re.findall(r"^\.B (\d+)$", status, re.MULTILINE) == ["0", "1", "2", "130"]
    assert f".BR {config_file.NAME} (5)" in status
    assert f"{HOMEPAGE}/issues" in status.replace("\\:", "")


@pytest.mark.parametrize("name", PAGES)
def test_a_pages_title_has_version_and_date(tmp_path: Path, name: str) -> None:
    """The date is that of the release, so that the same sources give the same bytes."""
    title = _write_page(tmp_path, name).read_text(encoding="ascii").splitlines()[0]

    assert re.search(r' "20\d\d-\d\d-\d\d" "', title)
    assert f'"docker-credential-ecrpy {__version__}"' in title


@pytest.mark.skipif(
    not shutil.which("man") or not shutil.which("groff"), reason="needs man and groff"
)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_renders_without_warnings(tmp_path: Path, name: str) -> None:
    """By man, and by mandoc's check where that is present."""
    page = str(_write_page(tmp_path, name))
    command = ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page]
    done = subprocess.run(
        command, env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, check=True
    )

    assert done.stderr == b""
    if shutil.which("mandoc"):
        subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], check=True)
