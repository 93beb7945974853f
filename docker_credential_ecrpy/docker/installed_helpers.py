"""Which programs Docker finds under the names of ours, and whose they are."""

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from docker_credential_ecrpy.docker.config import HELPER_NAMES, HELPER_PREFIX
from docker_credential_ecrpy.text.sanitize import one_line

_SECONDS = 5  # that a program may take to say its version
_MARK = "(docker-credential-ecrpy)"  # in what ours says


@dataclass(frozen=True)
class InstalledHelper:
    """What is on PATH under one name.

    name: as in Docker's config.json. paths: of which Docker takes the first.
    """

    name: str
    paths: tuple[str, ...]

    @property
    def version(self) -> str:
        """What the first one says of itself, in one line, or why it says nothing."""
        return _version(self.paths[0]) if self.paths else ""

    @property
    def is_ours(self) -> bool:
        """Whether the first one is this program, in whichever version."""
        return _MARK in self.version


def find_helper(name: str, environ: Mapping[str, str]) -> InstalledHelper:
    """Return what Docker finds for a name of its config.json, on the PATH of `environ`."""
    program, seen = HELPER_PREFIX + name, list[str]()
    for directory in environ.get("PATH", "").split(os.pathsep):
        # As Go does for Docker: nothing that is found by way of the current directory.
        path = _in(directory, program, environ) if os.path.isabs(directory) else ""
        if path and not any(_same(path, other) for other in seen):
            seen.append(path)
    return InstalledHelper(name, tuple(seen))


def preferred_helper(environ: Mapping[str, str]) -> InstalledHelper:
    """Return the program of ours that Docker is to be told of: the drop-in, if that is ours."""
    found = [find_helper(name, environ) for name in HELPER_NAMES]
    return next((program for program in found if program.is_ours), found[0])


def answering_names(environ: Mapping[str, str]) -> list[str]:
    """Return those of our names under which Docker finds this program."""
    return [name for name in HELPER_NAMES if find_helper(name, environ).is_ours]


def installation_problems(program: InstalledHelper, environ: Mapping[str, str]) -> list[str]:
    """Return what keeps Docker from finding this program, and what else is amiss."""
    name = HELPER_PREFIX + program.name
    if not program.paths:
        here = own_path()
        cure = "install it, or add its directory to PATH"
        if here and sys.platform != "win32":
            cure = f"ln -s {shlex.quote(here)} /usr/local/bin/{name}"
        return [f"{name} is not on PATH, where Docker looks for it: {cure}"]
    first = f"{program.paths[0]} is another program ({program.version})"
    if not program.is_ours:
        return [f"{first}: take it off PATH, or put the directory of this one before it"]
    other = find_helper(HELPER_NAMES[0], environ)
    if other.paths and not other.is_ours:
        first = f"{other.paths[0]} is another program ({other.version})"
        return [f"{first}, so Docker is told of {program.name!r}"]
    return []


def own_path() -> str:
    """Return where this very program is, if that can be told, as a place to link to."""
    if getattr(sys, "frozen", False):
        return sys.executable
    path = os.path.abspath(sys.argv[0]) if sys.argv[0] else ""
    return path if os.path.basename(path).startswith(HELPER_PREFIX) else ""


@cache
def _version(path: str) -> str:
    try:
        done = subprocess.run(
            [path, "version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_SECONDS} s"
    except OSError as exc:
        return f"it does not start: {exc.strerror or exc}"
    said = one_line(done.stdout.decode("utf-8", "replace"))
    return said or f"it says nothing, with exit code {done.returncode}"


def _in(directory: str, program: str, environ: Mapping[str, str]) -> str:
    """Return the path of a program in a directory, or ""."""
    # shutil.which would look in the current directory, too, on Windows.
    endings = [""]
    if sys.platform == "win32":
        endings = environ.get("PATHEXT", ".com;.exe;.bat;.cmd").split(os.pathsep)
    for ending in endings:
        path = os.path.join(directory, program + ending)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""


def _same(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
