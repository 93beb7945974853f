"""A Docker configuration and a token cache of one job, below RUNNER_TEMP, which the runner empties.

Docker's client keeps more than its config.json in DOCKER_CONFIG: plugins, builders, contexts, TLS
keys. These stay where they are, behind links; the runner deletes a link without its target
(https://github.com/actions/runner, src/Runner.Sdk/Util/IOUtil.cs).
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_PREFIX = "docker-credential-ecrpy."
_CONFIG = "config.json"


def make_directory(environ: Mapping[str, str]) -> Path:
    """Return a private directory of this job: that of an earlier use of the action, or a new one.

    environ: the step's. Raises KeyError for no RUNNER_TEMP, and OSError.
    """
    temporary = Path(environ["RUNNER_TEMP"])
    earlier = Path(environ.get("DOCKER_CONFIG") or "/").parent
    if earlier.parent == temporary and earlier.name.startswith(_PREFIX) and earlier.is_dir():
        return earlier
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=temporary))


def isolate(environ: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Return the variables that lead Docker and the helper into a directory of this job.

    The present Docker configuration is copied into it. Raises OSError.
    """
    docker, cache = directory / "docker", directory / "cache"
    if not docker.exists():
        docker.mkdir(mode=0o700)
        present = Path(environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
        if present.is_dir():
            _take_over(present, docker)
    cache.mkdir(mode=0o700, exist_ok=True)
    return {"DOCKER_CONFIG": str(docker), "AWS_ECR_CACHE_DIR": str(cache)}


def _take_over(present: Path, docker: Path) -> None:
    """Copy config.json, and link everything else that is not a backup of it."""
    for path in present.iterdir():
        if not path.name.startswith(_CONFIG):
            _link(path.absolute(), docker / path.name)
    if (present / _CONFIG).exists():
        handle = os.open(docker / _CONFIG, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "wb") as file:
            file.write((present / _CONFIG).read_bytes())


def _link(target: Path, link: Path) -> None:
    """Make a symlink; on Windows, where that needs a privilege, a junction or a copy."""
    try:
        link.symlink_to(target, target_is_directory=target.is_dir())
    except OSError:
        if sys.platform != "win32":
            raise
        import _winapi

        if target.is_dir():
            _winapi.CreateJunction(str(target), str(link))
        else:
            shutil.copy2(target, link)
