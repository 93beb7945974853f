"""A directory of release archives, which are stand-ins with the names of the files inside."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

from docker_credential_ecrpy import __version__
from tools.package_managers.release import PROGRAMS

NAME = "docker-credential-ecrpy"
PLATFORMS = ("linux-x86_64", "linux-aarch64", "darwin-arm64", "darwin-x86_64", "windows-x86_64")
"""Those of the release workflow."""


def write_release(directory: Path, *platforms: str) -> dict[str, str]:
    """Write an archive for each platform, as the workflow does; return name -> SHA-256."""
    directory.mkdir()
    for platform in platforms:
        folder = f"{NAME}-{__version__}-{platform}"
        if platform.startswith("windows"):
            with zipfile.ZipFile(directory / f"{folder}.zip", "w") as archive:
                for program in PROGRAMS:
                    archive.writestr(f"{folder}/{NAME}/{program}.exe", platform)
        else:
            with tarfile.open(directory / f"{folder}.tar.gz", "w:gz") as tarball:
                for name in ("install.sh", "LICENSE", "share/man", "share"):
                    tarball.addfile(tarfile.TarInfo(f"{folder}/{name}"), io.BytesIO())
    (directory / "SHA256SUMS").touch()
    paths = (path for path in directory.iterdir() if path.name != "SHA256SUMS")
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
