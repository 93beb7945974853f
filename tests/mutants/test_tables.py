"""The tables of `make mutants` name existing modules, test files and lines.

The tables are parsed instead of imported: the tests need no cosmic-ray, which makes the mutants.
"""

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.world.tree import REPOSITORY

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.tree
HERE = Path(__file__).parent
EQUIVALENTS = tomllib.loads((HERE / "equivalents.toml").read_text(encoding="utf-8"))["equivalent"]


def _tests() -> dict[str, tuple[str, ...]]:
    for node in ast.parse((HERE / "__main__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "TESTS":
            assert node.value is not None
            table: dict[str, tuple[str, ...]] = ast.literal_eval(node.value)
            return table
    raise AssertionError


def _source(module: str) -> str:
    path = REPOSITORY.joinpath("docker_credential_ecrpy", *module.split("."))
    return path.with_suffix(".py").read_text(encoding="utf-8")


@pytest.mark.parametrize("module", _tests())
def test_each_module_and_its_tests_exist(module: str) -> None:
    """Each module and test file of the table exists, also after one is moved or split."""
    files = [argument for argument in _tests()[module] if argument.startswith("tests/")]

    assert _source(module)
    assert files
    assert all(REPOSITORY.joinpath(file).exists() for file in files)


@pytest.mark.parametrize("row", EQUIVALENTS, ids=lambda row: f"{row['module']}:{row['where']}")
def test_each_equivalents_line_exists(row: dict[str, Any]) -> None:
    """Each listed line exists in its function, in a module that has mutants."""
    assert row["module"] in _tests()
    lines = [line.strip() for line in _source(row["module"]).splitlines()]
    wanted = row["was"].splitlines()

    assert any(
        lines[first : first + len(wanted)] == wanted
        for place in _places(row["module"], row["where"])
        for first in place
    )


def _places(module: str, where: str) -> list[range]:
    """Return the lines, counted from 0, of each function or class; the key "" is the module."""
    source = _source(module)
    if not where:
        return [range(len(source.splitlines()))]
    return [
        range(node.lineno - 1, node.end_lineno or node.lineno)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == where
    ]
