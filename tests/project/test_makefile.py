"""Facts about the Makefile: its help lists every target, and says what is true."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.world.tree import REPOSITORY

pytestmark = [
    pytest.mark.tree,
    pytest.mark.skipif(not shutil.which("make"), reason="needs make"),
]


def _read(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


TEXT = _read("Makefile")
INTERNAL = {"missing"}
"""Targets that only other targets name."""


def _run_make(*arguments: str) -> str:
    command = ["make", "--no-print-directory", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, text=True)
    return done.stdout


def _list_targets() -> list[str]:
    """Return the phony targets, in the Makefile's order."""
    joined = TEXT.replace("\\\n", " ")
    lines = re.findall(r"^\.PHONY: (.*)$", joined, re.MULTILINE)
    return [name for line in lines for name in line.split()]


def test_help_is_the_default_target() -> None:
    """`make` alone builds nothing and prints the targets."""
    assert _run_make() == _run_make("help")
    assert _run_make().startswith("Usage: make <target>")


def test_help_lists_every_target_and_no_other() -> None:
    """One line each, with what the target does."""
    listed = re.findall(r"^  ([a-z][\w-]*)  +\S", _run_make("help"), re.MULTILINE)

    assert sorted(listed) == sorted(set(_list_targets()) - INTERNAL)


def test_help_fits_a_terminal() -> None:
    """No line is wider than 80 columns."""
    assert [line for line in _run_make("help").splitlines() if len(line) > 80] == []


def test_every_variable_that_help_names_is_used() -> None:
    """An option that has been removed does not stay in the help."""
    names = set(re.findall(r"\b([A-Z]{4,})=", _run_make("help"))) - {"VARIABLE"}

    assert {"TESTS", "WORKERS", "PROGRAM", "SEED"} <= names
    assert [name for name in names if f"$({name})" not in TEXT] == []


def test_reference_writes_all_that_is_generated() -> None:
    """The schema and the tables of the reference, by one target, which CONTRIBUTING names."""
    commands = _run_make("--dry-run", "--always-make", "reference")

    assert "tools/config_schema.py" in commands
    assert "tools/reference.py" in commands
    assert "`make reference`" in _read("CONTRIBUTING.md")


def test_what_python_caches_causes_no_build(tmp_path: Path) -> None:
    """The tests load modules of the build, whose compiled files are no source of the programs."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    for name in ("binary/a.py", "binary/nothing/b.py", "binary/__pycache__/a.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    command = ["make", "--directory", str(tmp_path), "--print-data-base", "help"]
    shown = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    (line,) = re.findall(r"^dist/\.built: (.*)$", shown, re.MULTILINE)

    assert {"binary/a.py", "binary/nothing/b.py"} < set(line.split())
    assert "__pycache__" not in line


def test_the_documented_targets_exist() -> None:
    """Every `make <target>` in the project's own pages is a target."""
    pages = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/README.md", ".ci/run"]
    texts = "".join(map(_read, pages))
    named = set(re.findall(r"(?:^|`|\$ |&& |== |fresh )make ([a-z][\w-]*)", texts, re.MULTILINE))

    assert len(named) > 10
    assert named - set(_list_targets()) == set()


def test_the_contributors_guide_explains_every_check() -> None:
    """Each target under Check in the help has its row, and so have test and docs."""
    rows = re.findall(r"^\| `make ([\w-]+)` \|", _read("CONTRIBUTING.md"), re.MULTILINE)
    section = _run_make("help").partition("Check\n")[2].partition("\n\n")[0]
    checks = re.findall(r"^  ([a-z][\w-]*)  ", section, re.MULTILINE)

    assert sorted(rows) == sorted([*checks, "test", "docs"])
