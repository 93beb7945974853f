"""A base image with the Python that runs the tests, its libraries and pip."""

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pip

BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
USUAL = ("libpthread.so.0", "libdl.so.2", "librt.so.1", "libm.so.6", "libgcc_s.so.1")
"""Libraries that every Debian has, and that wheels rely on."""
_SKIPPED = frozenset(("__pycache__", "site-packages", "dist-packages", "test", "idlelib"))
_ASK = (
    "import sysconfig as s, sys; print(s.get_path('stdlib'), s.get_path('purelib'), sys.executable)"
)


def write(stream: IO[bytes]) -> None:
    """Write the root directory as tar, for `docker import`."""
    python = os.path.realpath(sys.executable)
    done = subprocess.run([python, "-I", "-c", _ASK], capture_output=True, text=True, check=True)
    stdlib, purelib, _ = done.stdout.split()
    files = [*_walk(Path(stdlib))]
    libraries = _find_libraries([Path(python), *(one for one in files if ".so" in one.suffixes)])
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for path in (python, BUNDLE, *libraries, *map(str, files)):
            archive.add(os.path.realpath(path), path, recursive=False)
        (packages,) = pip.__path__
        for file in _walk(Path(packages)):
            archive.add(file, f"{purelib}/pip/{file.relative_to(packages)}")
        link = tarfile.TarInfo("usr/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, python
        if python != f"/{link.name}":
            archive.addfile(link)


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _SKIPPED]
        yield from (Path(folder, name) for name in names)


def _find_libraries(files: list[Path]) -> set[str]:
    """Return the paths of the shared libraries that files need, with the loader's."""
    found: set[str] = set()
    for file in files:
        done = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False)
        found |= set(re.findall(r"(?:=> |^\s+)(/\S+) \(", done.stdout, re.MULTILINE))
    (libc,) = [Path(path) for path in found if path.endswith("/libc.so.6")]
    return found | {str(libc.with_name(name)) for name in USUAL if libc.with_name(name).exists()}
