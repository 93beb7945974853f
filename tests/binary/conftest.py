"""Fixtures for the products of `make binary`."""

import os
import shutil
from pathlib import Path

import pytest

from tests.world import engines
from tests.world.machine import Machine
from tests.world.products import ONE_FILE, STATIC


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.binary)
            item.add_marker(pytest.mark.timeout(300))  # builds and packages, some at once


@pytest.fixture
def product() -> Path:
    """The static program."""
    assert STATIC.is_file(), "not built: make binary, on Debian"
    return ONE_FILE


@pytest.fixture
def box(machine: Machine, product: Path) -> Machine:
    """A machine that runs a product, with its own directories for temporary files."""
    machine.program = [str(product)]
    machine.environ["TMPDIR"] = str(machine.root / "tmp")
    (machine.root / "tmp").mkdir()
    return machine


@pytest.fixture
def empty_root(machine: Machine, product: Path) -> Machine:
    """A machine whose root directory has the program and a certificate, and no more."""
    if os.geteuid() != 0:
        engines.missing("chroot needs root")
    root = machine.root / "root"
    root.mkdir()
    shutil.copy(product, root)
    shutil.copy(machine.root / "ca.pem", root)
    machine.program = ["/usr/sbin/chroot", str(root), f"/{product.name}"]
    machine.environ |= {"AWS_CA_BUNDLE": "/ca.pem", "HOME": "/"}
    return machine


@pytest.fixture
def own_mounts() -> None:
    """The right to mount, in a private namespace."""
    engines.need_own_mounts("test-binary")
