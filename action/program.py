"""The installed program: its installation, and its commands."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import runner
from runner import ActionError

NAME = "docker-credential-ecrpy"
HELPER = "docker-credential-ecr-login"
_WINDOWS = sys.platform == "win32"
# Settings that make pip install elsewhere.
_ELSEWHERE = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT")


def install(environ: Mapping[str, str], source: str, directory: Path, proxy: str) -> Path:
    """Install the program into a virtual environment, and return a directory for PATH.

    That directory has the two programs alone: with the environment's own, the job would get another
    Python. source: a requirement for pip. An earlier installation of the same is used again. Raises
    ActionError and OSError.
    """
    venv, record = directory / "venv", directory / "installed"
    if not record.exists() or record.read_text(encoding="utf-8") != source:
        _install_into(environ, source, venv)
        record.write_text(source, encoding="utf-8")
    programs = venv / ("Scripts" if _WINDOWS else "bin")
    found = directory / "bin"
    found.mkdir(mode=0o700, exist_ok=True)
    for name in (HELPER, NAME):
        _put(programs, found, name, proxy)
    return found


def _install_into(environ: Mapping[str, str], source: str, venv: Path) -> None:
    """Make the environment and install the program.

    The working directory is not the job's: with -m, Python also looks there for modules.
    """
    inherited = {name: text for name, text in environ.items() if name not in _ELSEWHERE}
    with runner.group("Install"):
        made = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(venv)], cwd=venv.parent, check=False
        )
        if made.returncode:
            msg = f"{sys.executable} cannot make a virtual environment; install its venv module"
            msg += " (python3-venv on Debian and Ubuntu), or add a step with actions/setup-python"
            raise ActionError(msg)
        python = venv / ("Scripts/python.exe" if _WINDOWS else "bin/python")
        command = [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        done = subprocess.run([*command, source], env=inherited, cwd=venv.parent, check=False)
    if done.returncode:
        msg = f"pip could not install {source}; its error is above, under Install"
        raise ActionError(msg)


def _put(programs: Path, found: Path, name: str, proxy: str) -> None:
    """Put a program into the directory for PATH, with the proxy for its calls to AWS.

    The proxy is for this program alone, as the input says, and not for the job. It is not set for
    plain HTTP, which is the way to the instance metadata.
    """
    program = programs / (f"{name}.exe" if _WINDOWS else name)
    for old in found.glob(f"{name}*"):
        old.unlink()
    if not proxy and _WINDOWS:
        (found / program.name).write_bytes(program.read_bytes())
    elif not proxy:
        (found / name).symlink_to(program)
    else:
        variables = " ".join(
            f"{each}={shlex.quote(proxy)}" for each in ("HTTPS_PROXY", "https_proxy")
        )
        text = f'export {variables}\nexec {shlex.quote(program.as_posix())} "$@"\n'
        _write_script(found / name, f"#!/bin/sh\n{text}")
        if _WINDOWS:  # docker runs this one, and bash the other
            escaped = proxy.replace("%", "%%")
            text = f'@set "HTTPS_PROXY={escaped}"\r\n@"{program}" %*\r\n'
            _write_script(found / f"{name}.cmd", text)


def _write_script(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700)
    with open(handle, "w", encoding="utf-8", newline="") as file:
        file.write(text)


@dataclass(frozen=True)
class Program:
    """The program as a step runs it. directory: where it is. environ: its whole environment."""

    directory: Path
    environ: Mapping[str, str]

    def run(
        self, *arguments: str, name: str = NAME, request: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Return the result of a command. request: its standard input."""
        suffixes = (".exe", ".cmd") if _WINDOWS else ("",)
        paths = [self.directory / f"{name}{suffix}" for suffix in suffixes]
        return subprocess.run(
            [str(next(path for path in paths if path.exists())), *arguments],
            input=request,
            env=dict(self.environ),
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
        )

    def explain(self, registry: str, *options: str) -> dict[str, Any]:
        """Return what `explain --json` says of a registry.

        Raises ActionError for one that is not ECR's, and no private name for one.
        """
        done = self.run("explain", "--json", *options, "--", registry)
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise ActionError(find_error(done.stderr)) from None
        if not found["registry"]:
            error = found["error"]
            msg = (
                f"registries: {error['message'] if error else f'{registry} is not an ECR registry'}"
            )
            raise ActionError(msg)
        return found


def find_error(printed: str) -> str:
    """Return the error in what the program printed to standard error."""
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    ours = [line.partition(": ")[2] for line in lines if line.startswith("docker-credential-ecr")]
    return "; ".join(ours or lines) or "the program ended without an error message"
