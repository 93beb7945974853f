"""A copy of this machine's files, for tests that install packages."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.world import engines


@contextmanager
def overlay(layers: Path, *bound: str) -> Iterator[Path]:
    """Yield a root directory that is an overlay of this machine's; its changes are thrown away.

    layers: an empty directory for them. bound: paths that are the machine's own in it too. Needs a
    private mount namespace.
    """
    root = layers / "root"
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(layers)], check=True)
    for name in ("upper", "work", "root"):
        (layers / name).mkdir()
    options = f"lowerdir=/,upperdir={layers}/upper,workdir={layers}/work"
    done = subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, str(root)],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        engines.missing(f"cannot mount an overlay of the root file system: {done.stderr.decode()}")
    for path in ("/proc", "/dev", *bound):
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--rbind", path, str(root / path[1:])], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", "--recursive", "--lazy", str(layers)], check=True)


def list_files(root: Path) -> set[str]:
    """Return the paths in the directories that a package may write to."""
    found = set()
    for top in ("usr", "etc", "opt", "var/lib/dpkg/info"):
        for directory, directories, files in os.walk(root / top):
            found |= {os.path.join(directory, name) for name in (*directories, *files)}
    return found
