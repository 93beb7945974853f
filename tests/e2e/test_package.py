"""The Debian package, installed with apt-get in a copy of this machine, with Docker's client."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from docker_credential_ecrpy import __version__
from tests.world import engines
from tests.world.engine_host import ECR, Done, EngineHost
from tests.world.overlay import list_files, overlay
from tests.world.products import DIST, DROP_IN, NAME

pytestmark = pytest.mark.binary
PROGRAMS = (DROP_IN, NAME)
GO_HELPER = "amazon-ecr-credential-helper"


@dataclass
class Box:
    """A copy of this machine's files; its changes are thrown away."""

    root: Path
    engine_host: EngineHost

    def run(self, *command: str) -> Done:
        return self.engine_host.run("chroot", str(self.root), *command)


@pytest.fixture(name="box")
def _box(engine_host: EngineHost) -> Iterator[Box]:
    """An overlay of the root file system, with this machine's world mounted into it."""
    bound = ["/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"]
    own = (str(engine_host.universe.root), str(engine_host.root))
    engine_host.environ |= {"PATH": engines.PATH, "DEBIAN_FRONTEND": "noninteractive"}
    with overlay(Path(engine_host.short), *bound, *own) as root:
        yield Box(root, engine_host)


@pytest.fixture(name="package")
def _package(box: Box) -> str:
    """The package's path in the box."""
    (built,) = DIST.glob(f"*_{__version__}-*.deb")
    shutil.copy(built, box.root / "opt")
    return f"/opt/{built.name}"


def _owner(box: Box, program: str) -> str:
    return box.run("dpkg", "--search", f"/usr/bin/{program}").ok().stdout.split(":")[0]


def test_install_pull_remove(box: Box, package: str, app: str) -> None:
    """A pull works right after the installation; removal leaves the user's files alone."""
    box.run("apt-get", "remove", "--yes", GO_HELPER)
    before = list_files(box.root)
    box.run("apt-get", "install", "--yes", "--no-install-recommends", package).ok()
    for program in PROGRAMS:
        assert _owner(box, program) == NAME
        page = f"usr/share/man/man1/{program}.1.gz"
        assert (box.root / page).is_file()
    assert (box.root / f"usr/share/man/man5/{NAME}-config.5.gz").is_file()

    engine_host = box.engine_host
    engine_host.login_to_aws()
    engine_host.use_helper()
    box.run("docker", "pull", f"{ECR}/{app}").ok()
    assert engine_host.aws.count() == {"ecr": 1}
    kept = sorted(engine_host.home.rglob("*"))
    assert any(".ecr/tokens/" in str(path) for path in kept)

    box.run("apt-get", "remove", "--yes", NAME).ok()
    assert list_files(box.root) == before
    assert sorted(engine_host.home.rglob("*")) == kept


def test_the_go_helper_and_ours_take_turns(box: Box, package: str) -> None:
    """Each program has one owner at a time, whichever was installed last."""
    if not (box.root / "usr/bin" / PROGRAMS[0]).exists():
        engines.missing(f"{GO_HELPER} is not installed: apt-get install {GO_HELPER}")
    assert _owner(box, PROGRAMS[0]) == GO_HELPER

    done = box.run("apt-get", "install", "--yes", "--no-install-recommends", package).ok()
    assert f"Removing {GO_HELPER}" in done.text
    assert _owner(box, PROGRAMS[0]) == NAME
    assert box.run("dpkg", "--audit").ok().text == ""


def test_the_packages_own_files(box: Box, package: str) -> None:
    """Root owns every file; checksums are right; copyright and changelog are there."""
    listed = box.run("dpkg-deb", "--contents", package).ok().stdout.splitlines()
    assert all(line.split()[1] == "root/root" for line in listed)
    names = {line.split()[5] for line in listed}
    doc = f"./usr/share/doc/{NAME}/"
    assert {doc + "copyright", doc + "changelog.gz", doc + "changelog.Debian.gz"} <= names

    box.run("dpkg", "--install", "--force-conflicts", package).ok()
    assert box.run("dpkg", "--verify", NAME).ok().text == ""
