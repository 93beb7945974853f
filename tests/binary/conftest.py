"""Fixtures for the products of `make binary`."""

from pathlib import Path

import pytest

from tests.world import engines
from tests.world.machine import Machine
from tests.world.products import PROGRAMS


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
    """A machine that runs a product, with its own directories for temporary files."""
    machine.program = [str(product)]
    machine.environ["TMPDIR"] = str(machine.root / "tmp")
    (machine.root / "tmp").mkdir()
    return machine


@pytest.fixture
def own_mounts() -> None:
    """The right to mount, in a private namespace."""
    engines.need_own_mounts("test-binary")
