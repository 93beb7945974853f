"""The products of `make binary`, and the conditions under which they have to start."""

import subprocess
from pathlib import Path

import pytest

from tests.world import engines
from tests.world.machine import Machine

DIST = Path(__file__).parent.parent.parent / "dist"
DROP_IN = "docker-credential-ecr-login"
NAME = "docker-credential-ecrpy"
FOLDER = DIST / NAME
ONE_FILE = DIST / DROP_IN
PROGRAMS = {"folder": FOLDER / DROP_IN, "file": ONE_FILE}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.binary)


@pytest.fixture(params=PROGRAMS)
def product(request: pytest.FixtureRequest) -> Path:
    """Each product's program."""
    program = PROGRAMS[request.param]
    assert program.is_file(), "not built: make binary"
    return program


@pytest.fixture
def box(machine: Machine, product: Path) -> Machine:
    """A stage that runs a product, with directories of its own for temporary files."""
    machine.program = [str(product)]
    machine.environ["TMPDIR"] = str(machine.root / "tmp")
    (machine.root / "tmp").mkdir()
    return machine


@pytest.fixture
def own_mounts() -> None:
    """The right to mount, in a namespace that nobody else sees."""
    engines.need_own_mounts("test-binary")


def mount(directory: Path, *options: str) -> None:
    """Mount an empty file system in memory, until the tests end."""
    directory.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(directory)]
    subprocess.run(command, check=True)
