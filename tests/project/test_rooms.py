"""Facts about the package's rooms: their size, and that the import contracts can fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.tree
NAME = "docker_credential_ecrpy"
PACKAGE = REPOSITORY / NAME
WIDEST = 12
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"

UPWARD = "A room imports only rooms below it"
CYCLE = "No import cycle, between rooms or within one"
SDK = "The AWS SDK is imported in aws and doctor.probes alone"
# A forbidden import -> its file, and how the report names it.
PLANTED = {
    "upward": (
        "files/racy.py",
        f"from {NAME}.tokens import token",
        f"{NAME}.files.racy -> {NAME}.tokens.token",
    ),
    "sibling": (
        "helper/warm.py",
        f"from {NAME}.aws import ecr",
        f"{NAME}.helper.warm -> {NAME}.aws.ecr",
    ),
    "other sibling": (
        "aws/ecr.py",
        f"from {NAME}.helper import warm",
        f"{NAME}.aws.ecr -> {NAME}.helper.warm",
    ),
    "in a function": (
        "text/log.py",
        f"def late() -> None:\n    from {NAME}.cli import names",
        f"{NAME}.text.log -> {NAME}.cli.names",
    ),
    "for type checkers": (
        "settings/rules.py",
        f"if TYPE_CHECKING:\n    from {NAME}.doctor import check",
        f"{NAME}.settings.rules -> {NAME}.doctor.check",
    ),
    "hot": (
        "hot/paths.py",
        f"from {NAME} import errors",
        f"{NAME}.hot.paths -> {NAME}.errors",
    ),
    "entry point": (
        "cli/names.py",
        f"import {NAME}.__main__",
        f"{NAME}.cli.names -> {NAME}.__main__",
    ),
    "cycle in a room": (
        "hot/paths.py",
        f"from {NAME}.hot import cache",
        f"No cycles are allowed in {NAME}.hot.",
    ),
    "boto3": (
        "aws/session.py",
        "import boto3.session",
        f"{NAME}.aws.session -> boto3",
    ),
    "SDK": (
        "files/private.py",
        "import botocore.session",
        f"{NAME}.files.private -> botocore",
    ),
}


def _tree(place: Path) -> Path:
    """Return a copy of the package and its contracts."""
    shutil.copytree(PACKAGE, place / NAME, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", place)
    return place


def _lint(tree: Path) -> tuple[int, str]:
    """Return the exit code of `lint-imports` in a tree, and its report as one line."""
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=tree,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    return done.returncode, " ".join(done.stdout.split())


@pytest.fixture(scope="module", name="report")
def _report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of `lint-imports` on a tree with all the forbidden imports."""
    tree = _tree(tmp_path_factory.mktemp("planted"))
    for file, planted, _ in PLANTED.values():
        with open(tree / NAME / file, "a", encoding="utf-8") as module:
            module.write(f"\n{planted}\n")
    code, report = _lint(tree)
    assert code == 1
    return report


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_import_is_named(report: str, planted: str) -> None:
    """It is found at the top, in a function, and for type checkers only."""
    assert PLANTED[planted][2] in report


@pytest.mark.parametrize("contract", [UPWARD, CYCLE, SDK])
def test_each_contract_can_fail(report: str, contract: str) -> None:
    """One of the forbidden imports breaks each contract."""
    assert f"{contract} BROKEN" in report


def test_the_tree_keeps_them_all(tmp_path: Path) -> None:
    """The tree itself passes, so the added imports break the contracts."""
    code, report = _lint(_tree(tmp_path))

    assert code == 0, report
    assert report.count(" KEPT") == len({UPWARD, CYCLE, SDK})


def test_a_new_room_needs_a_layer(tmp_path: Path) -> None:
    """A room that no layer names breaks the contract, even without imports."""
    tree = _tree(tmp_path)
    (tree / NAME / "pantry").mkdir()
    (tree / NAME / "pantry" / "__init__.py").touch()
    code, report = _lint(tree)

    assert code == 1
    assert f"{UPWARD} BROKEN" in report
    assert f"{NAME}.pantry" in report


def test_the_top_holds_three_files() -> None:
    """They are the version, the entry point and the errors; all else is in a room."""
    assert {path.name for path in PACKAGE.glob("*.py")} == {
        "__init__.py",
        "__main__.py",
        "errors.py",
    }


def test_no_room_is_too_wide() -> None:
    """Each room has few enough modules and rooms to see at a glance, beside its doors."""
    rooms = [path.parent for path in PACKAGE.rglob("__init__.py")]
    assert len(rooms) > 10
    for room in rooms:
        inside = {path for path in room.iterdir() if path.suffix == ".py" or path in rooms}

        doors = {room / "__init__.py", room / "__main__.py"}
        assert len(inside - doors) <= WIDEST, room
