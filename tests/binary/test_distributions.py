"""The static program in the oldest and the newest Debian that mirrors have, unpacked by `make`."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.world import credential_sources, engines
from tests.world.machine import HOST, Machine
from tests.world.products import DROP_IN, NAME
from tests.world.tree import REPOSITORY

SUITES = ("oldoldstable", "sid")
ROOTS = REPOSITORY / "build" / "roots"


@pytest.fixture(name="distribution", params=SUITES)
def _distribution(
    request: pytest.FixtureRequest, machine: Machine, product: Path
) -> tuple[Machine, Path]:
    """A machine whose root directory is a distribution's, and its home in there."""
    if os.geteuid() != 0:
        engines.missing("chroot needs root")
    unpacked = ROOTS / request.param
    if not unpacked.is_dir():
        engines.missing(f"{unpacked} is missing: make roots, with debootstrap")
    place = Path(tempfile.mkdtemp(dir=unpacked / "tmp"))
    inside = f"/tmp/{place.name}"
    shutil.copy(product, place)
    shutil.copy(machine.root / "ca.pem", place)
    machine.environ |= {
        "HOME": inside,
        "PATH": "/usr/bin:/bin",
        "AWS_CA_BUNDLE": f"{inside}/ca.pem",
    }
    machine.program = ["/usr/sbin/chroot", str(unpacked), f"{inside}/{product.name}"]
    machine.closing.callback(shutil.rmtree, place)
    return machine, place


def test_each_action(distribution: tuple[Machine, Path]) -> None:
    """A first get, a cached one, `list` and `version` answer as elsewhere."""
    machine, _ = distribution
    machine.login()
    first = machine.get().secret

    assert first in machine.aws.issued
    assert machine.get().secret == first
    assert HOST.encode() in machine.run("list").stdout
    assert machine.run("version").stdout.startswith(f"{DROP_IN} ({NAME}) ".encode())


def test_its_shell_gives_credentials(distribution: tuple[Machine, Path]) -> None:
    """A child is a program of the distribution's own."""
    machine, home = distribution
    (home / "keys").write_text(credential_sources.process_answer(machine))
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text("[default]\ncredential_process = cat ~/keys\n")

    assert machine.get().secret in machine.aws.issued
