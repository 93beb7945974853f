"""Credential helpers on PATH: which programs Docker runs, and whether they are ours."""

import os
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.programs import search_path
from docker_credential_ecrpy.files.programs.program import Program
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.text.sanitize import one_line

SECONDS = 5
"""Time limit for a program to print its version."""
_MOST_SAID = 120  # characters of another program's version
_MOST_PRINTED = 64 * 1024  # bytes
# What a program needs to start, and Docker to know its files and its engine. Anything else may be a
# secret.
_NEEDED = re.compile(
    "PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_.*|TZ|TERM|NO_COLOR|TMPDIR|TE?MP|XDG_RUNTIME_DIR"
    "|XDG_CONFIG_HOME|PYTHONHOME|PYTHONPATH|DOCKER_CONFIG|DOCKER_HOST|DOCKER_CONTEXT"
    "|USERPROFILE|SYSTEMROOT|WINDIR|COMSPEC|PATHEXT|(LOCAL)?APPDATA|PROGRAM(DATA|FILES)"
)
_MARK = f"({PACKAGE})"  # in our own version


@dataclass(frozen=True)
class InstalledHelper:
    """name: as in Docker's config.json. paths: on PATH; Docker runs the first."""

    name: str
    paths: tuple[str, ...]

    def read_version(self) -> str:
        """Return the version that it prints, as one line, or why there is none; runs it once."""
        return _read_version(self.paths[0]) if self.paths else ""

    def is_ours(self) -> bool:
        """Whether it prints a version of this program, of any release."""
        return _MARK in self.read_version()


@dataclass(frozen=True)
class InstallProblem:
    """seen: what is wrong. fix: what to do, in words. command: what to type, or ""."""

    seen: str
    fix: str
    command: str = ""


def find_helper(name: str, environ: Mapping[str, str]) -> InstalledHelper:
    """Return the programs on PATH for a helper's name in Docker's config.json."""
    seen: list[str] = []
    for path in search_path.find_all(HELPER_PREFIX + name, environ):
        if not any(_is_same_file(path, other) for other in seen):
            seen.append(path)
    return InstalledHelper(name, tuple(seen))


def find_problem(program: InstalledHelper, environ: Mapping[str, str]) -> InstallProblem | None:
    """Return what keeps Docker from running this program by that name, or None."""
    if program.is_ours():
        return None
    if program.paths:
        seen = f"{program.paths[0]} is another program ({program.read_version()[:_MOST_SAID]})"
        return InstallProblem(seen, explain_order())
    full = HELPER_PREFIX + program.name
    directories = environ.get("PATH", "").split(os.pathsep)
    there = [os.path.join(directory, full) for directory in directories if directory]
    unfit = next((path for path in there if os.path.lexists(path)), "")
    if unfit and not os.path.isabs(unfit):
        seen = f"{unfit} is in a relative directory of PATH, which docker refuses"
        directory = os.path.abspath(os.path.dirname(unfit))
        return InstallProblem(seen, f"put the absolute path {directory} on PATH")
    if os.path.isfile(unfit):
        command = f"chmod +x {shlex.quote(unfit)}"
        return InstallProblem(f"{unfit} is not executable", "make it executable", command)
    if unfit:
        what = "a dangling symlink" if os.path.islink(unfit) else "not a file"
        return InstallProblem(f"{unfit} is {what}", "remove it, and install the program again")
    seen = f"{full} is not on PATH, where docker looks for it"
    here = find_own_program()
    if not here or sys.platform == "win32" or "/usr/local/bin" not in directories:
        return InstallProblem(seen, f"put {os.path.dirname(here) or 'its directory'} on PATH")
    sudo = "" if os.access("/usr/local/bin", os.W_OK) else "sudo "
    command = f"{sudo}ln -s {shlex.quote(here)} /usr/local/bin/{full}"
    return InstallProblem(seen, "link it into a directory on PATH", command)


def explain_order() -> str:
    """Return what to do where another program of the same name is first on PATH."""
    directory = os.path.dirname(find_own_program()) or "the directory of this program"
    return f"remove it from PATH, or put {directory} before its directory"


def find_own_program() -> str:
    """Return the path of the running program, or "" where that is unknown."""
    if getattr(sys, "frozen", False):
        return sys.executable
    path = os.path.abspath(sys.argv[0]) if sys.argv[0] else ""
    return path if os.path.basename(path).startswith(HELPER_PREFIX) else ""


@cache
def _read_version(path: str) -> str:
    try:
        printed, code = run([path, "version"], SECONDS)
    except TimeoutError:
        return f"no answer within {SECONDS} s"
    except OSError as exc:
        return f"it does not start: {exc.strerror or exc}"
    except HelperError:
        return f"it prints more than {_MOST_PRINTED >> 10} KiB"
    said = one_line(printed.decode("utf-8", "replace"))
    return said or f"it prints nothing, with exit code {code}"


def run(command: list[str], seconds: float) -> tuple[bytes, int | None]:
    """Return what a command printed, and its exit code; it gets no AWS credentials.

    What it started is ended with it. Raises OSError, TimeoutError, and HelperError for an output
    that is too long.
    """
    program = Program(
        command,
        name=os.path.basename(command[0]),
        environ=_list_needed(os.environ),
        most=_MOST_PRINTED,
        keep_errors=True,
    )
    try:
        return program.communicate(seconds)[0], program.returncode
    finally:
        program.end()


def _list_needed(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a program needs to print its version.

    awslabs' helper would first create a log in `~/.ecr`, or in this directory.
    """
    needed = {name: value for name, value in environ.items() if _NEEDED.fullmatch(name.upper())}
    return {**needed, "AWS_ECR_CACHE_DIR": os.devnull}


def _is_same_file(path: str, other: str) -> bool:
    try:
        return os.path.samefile(path, other)
    except OSError:
        return False
