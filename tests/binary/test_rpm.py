"""The rpm, installed by the real rpm below a directory of its own."""

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from docker_credential_ecrpy import HOMEPAGE, __version__
from tests.world import engines, installations, products
from tests.world.products import DIST, DROP_IN, EARLIER, NAME

SYSTEM = ("bin", "lib", "share/doc", "share/licenses", "share/man/man1", "share/man/man5")
"""Directories below /usr that belong to the system."""


@pytest.fixture(name="package")
def _package() -> Path:
    if os.geteuid() != 0:
        engines.missing("rpm --root needs root")
    if not shutil.which("rpmbuild"):
        engines.missing("rpmbuild is not installed: apt-get install rpm")
    (package,) = DIST.glob(f"{NAME}-*.rpm")
    return package


def _rpm(*arguments: str) -> str:
    """Run rpm, whose database is that of other systems: Debian's is in the home directory."""
    command = ["rpm", "--dbpath", "/var/lib/rpm", *arguments]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done
    return done.stdout


def _list(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.glob("usr/**/*")}


def test_install_upgrade_and_erase(package: Path, tmp_path: Path) -> None:
    """The program runs, the next version replaces it, and erasing leaves nothing."""
    earlier = products.build_earlier(tmp_path / "earlier", "make-rpm.sh")
    root = tmp_path / "root"
    for name in SYSTEM:
        (root / "usr" / name).mkdir(parents=True)
    before = _list(root)

    def version() -> str:
        said = [
            subprocess.run(
                [root / "usr/bin" / name, "version"], capture_output=True, check=True, text=True
            ).stdout
            for name in (DROP_IN, NAME)
        ]
        return "".join(said)

    sudo, rpm, *install, _ = installations.command("rpm").split()
    assert (sudo, rpm) == ("sudo", "rpm")
    _rpm("--root", str(root), *install, str(earlier))
    assert version() == f"{DROP_IN} {EARLIER}\n" * 2
    _rpm("--root", str(root), "--upgrade", str(package))
    assert version() == f"{DROP_IN} ({NAME}) {__version__}\n{NAME} ({NAME}) {__version__}\n"
    assert _rpm("--root", str(root), "--verify", NAME) == ""
    listed = _rpm("--root", str(root), "--query", "--all")
    assert listed == f"{NAME}-{__version__}-1.{os.uname().machine}\n"

    _rpm("--root", str(root), "--erase", NAME)
    assert _list(root) == before
    assert _rpm("--root", str(root), "--query", "--all") == ""


def test_it_has_the_files_of_the_debian_package(package: Path) -> None:
    """The same files with the same content, but for the places that the two systems choose."""
    (debian,) = DIST.glob(f"{NAME}_*.deb")
    done = subprocess.run(["dpkg-deb", "--fsys-tarfile", debian], capture_output=True, check=True)
    there = {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in archive:
            if member.isdir():
                continue
            content = archive.extractfile(member) if member.isfile() else None
            digest = hashlib.sha256(content.read()).hexdigest() if content else member.linkname
            path = member.name.replace("zsh/vendor-completions", "zsh/site-functions")
            there[path.removeprefix(".")] = digest
    form = r"[%{FILENAMES} %{FILEMODES:perms} %{FILEDIGESTS}%{FILELINKTOS}\n]"
    lines = _rpm("--query", "--package", str(package), "--queryformat", form).splitlines()
    files = [line.split() for line in lines if line.split()[1][0] != "d"]
    here = {name: digest for name, _, digest in files}

    def program_files(files: dict[str, str]) -> dict[str, str]:
        own = re.compile(r"/usr/share/(doc|licenses|lintian)/")
        return {name: digest for name, digest in files.items() if not own.match(name)}

    assert program_files(here) == program_files(there)
    assert len(program_files(here)) >= 11


def test_its_fields(package: Path) -> None:
    """It replaces the Go helper's package, and needs no other; root owns each file."""
    query = ("--query", "--package", str(package))

    assert _rpm(*query, "--queryformat", "%{URL} %{VERSION}") == f"{HOMEPAGE} {__version__}"
    assert "amazon-ecr-credential-helper" in _rpm(*query, "--conflicts")
    assert f"amazon-ecr-credential-helper = {__version__}\n" in _rpm(*query, "--provides")
    needs = _rpm(*query, "--requires").split("\n")
    assert [line for line in needs if line and not line.startswith("rpmlib(")] == []
    owners = _rpm(*query, "--queryformat", "[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]").split()
    assert {*owners} == {"root:root"}


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Dates, the machine's name and the directory of the build leave no trace."""
    if not shutil.which("rpmbuild"):
        engines.missing("rpmbuild is not installed: apt-get install rpm")
    built = [products.build_earlier(tmp_path / name, "make-rpm.sh") for name in ("a", "b")]

    assert built[0].read_bytes() == built[1].read_bytes()
