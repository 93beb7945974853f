"""Credential helpers on PATH: which programs Docker runs, and whether they are ours."""

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from functools import cache

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.programs import search_path
from docker_credential_ecrpy.files.programs.program import Program
from docker_credential_ecrpy.hot.values import dataclass
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
_MOST_SCRIPT = 2048  # characters of a script
_MODULE = "docker_credential_ecrpy"
# Also in the scripts of pip for a long path or one with a blank, which begin with #!/bin/sh.
_INTERPRETER = re.compile(r"(?<=[\"'])/[^\"'\n]*python[\d.]*(?=[\"'])|/[^\s\"']*python[\d.]*")
_AWSLABS_VERSION = re.compile(r"\Aamazon-ecr-credential-helper\s+Version:\s+([\w.+-]+)")
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
    if program.paths and (broken := _find_broken_install(program)):
        return broken
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


def _find_broken_install(program: InstalledHelper) -> InstallProblem | None:
    """Return the problem of a script of this program that its interpreter does not run, or None.

    An upgrade of Python removes the interpreter, or the directory of its modules.
    """
    path = program.paths[0]
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(_MOST_SCRIPT)
    except OSError:
        return None
    found = _INTERPRETER.search(text)
    if not (text.startswith("#!") and _MODULE in text and found):
        return None
    interpreter = found[0]
    why = f"its interpreter {interpreter} is gone"
    if os.path.exists(interpreter):
        why = f"it does not run ({program.read_version()[:_MOST_SAID]})"
    if "/pipx/" in interpreter:
        command = f"pipx reinstall {PACKAGE}"
    elif "/uv/tools/" in interpreter:
        command = f"uv tool install --reinstall {PACKAGE}"
    elif os.path.exists(os.path.join(os.path.dirname(interpreter), os.pardir, "pyvenv.cfg")):
        folder = shlex.quote(os.path.dirname(os.path.dirname(interpreter)))
        command = f"python3 -m venv --clear {folder} && {folder}/bin/pip install {PACKAGE}"
    else:
        command = f"python3 -m pip install --force-reinstall {PACKAGE}"
    return InstallProblem(f"{path} is this program, and {why}", f"reinstall it: {command}", command)


def has_login_for(program: InstalledHelper, host: str, environ: Mapping[str, str]) -> bool:
    """Whether another program has a login for a registry, as Docker would get it.

    It calls AWS. Its cache and its log are off.
    """
    quiet = {**environ, "AWS_ECR_CACHE_DIR": os.devnull, "AWS_ECR_DISABLE_CACHE": "true"}
    try:
        command = [program.paths[0], "get"]
        asked = Program(
            command,
            name=os.path.basename(command[0]),
            request=host.encode(),
            environ=quiet,
            most=_MOST_PRINTED,
            keep_errors=True,
        )
        try:
            found = json.loads(asked.communicate(SECONDS)[0])
        finally:
            asked.end()
    except (OSError, HelperError, ValueError, RecursionError):
        return False
    return asked.returncode == 0 and isinstance(found, dict) and bool(found.get("Secret"))


@cache
def read_awslabs_version(path: str) -> str:
    """Return the version of awslabs' helper, or "" for another program.

    Its `version` prints that of the library that it uses.
    """
    try:
        said = run([path, "-v"], SECONDS)[0].decode("utf-8", "replace")
    except (OSError, HelperError):
        return ""
    found = _AWSLABS_VERSION.search(said)
    return found[1] if found else ""


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
