"""The artifacts of a release, as `make dist` and the release workflow name them."""

import hashlib
import re
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from docker_credential_ecrpy import HOMEPAGE, PACKAGE, __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TREE = Path(__file__).parents[2]
PROGRAMS = ("docker-credential-ecr-login", PACKAGE)
SUMMARY = "Docker credential helper for Amazon ECR"
LICENSE = "Apache-2.0"


class ReleaseError(Exception):
    """The directory is no release of this version; the message says why."""


@dataclass(frozen=True)
class Archive:
    """The programs for one platform. platform: as in its name, such as `linux-x86_64`."""

    name: str
    platform: str
    sha256: str

    @property
    def url(self) -> str:
        """Where the release publishes it."""
        return f"{HOMEPAGE}/releases/download/v{__version__}/{self.name}"

    @property
    def folder(self) -> str:
        """The one directory in it."""
        return f"{PACKAGE}-{__version__}-{self.platform}"


@dataclass(frozen=True)
class Release:
    """What the manifests are filled from. archives: by platform."""

    version: str
    maintainer: str
    archives: dict[str, Archive]

    def select(self, system: str) -> dict[str, Archive]:
        """Return the archives of a system by machine: of `linux`, as `aarch64` and `x86_64`."""
        found = sorted(self.archives.items())
        return {
            platform.partition("-")[2]: archive
            for platform, archive in found
            if platform.startswith(f"{system}-")
        }

    @classmethod
    def read(cls, directory: Path) -> "Release":
        """Read every archive of this version.

        Raises ReleaseError if there is none, and for one without what the manifests install.
        """
        pattern = re.compile(rf"{PACKAGE}-{re.escape(__version__)}-(\w+-\w+)\.(?:tar\.gz|zip)")
        archives = {}
        for path in sorted(directory.glob("*")):
            if named := pattern.fullmatch(path.name):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                archive = Archive(path.name, named[1], digest)
                _check_members(path, archive)
                archives[archive.platform] = archive
        if not archives:
            msg = f"{directory} has no archive of version {__version__}; run 'make dist'"
            raise ReleaseError(msg)
        project = tomllib.loads((TREE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        (author,) = project["authors"]
        return cls(__version__, f"{author['name']} <{author['email']}>", archives)


def _check_members(path: Path, archive: Archive) -> None:
    """Raise ReleaseError unless the archive has what the manifests name."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as opened:
            names = set(opened.namelist())
        needed = {f"{archive.folder}/{PACKAGE}/{program}.exe" for program in PROGRAMS}
    else:
        with tarfile.open(path) as tarball:
            names = set(tarball.getnames())
        needed = {f"{archive.folder}/{name}" for name in ("install.sh", "share", "LICENSE")}
    if missing := sorted(needed - names):
        msg = f"{path} lacks {', '.join(missing)}"
        raise ReleaseError(msg)
