"""The conditions of the measurement: the machine, and all versions."""

import contextlib
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from benchmarks import programs
from benchmarks.programs import BARE, REPOSITORY


def describe(folder: Path) -> list[tuple[str, str]]:
    """Return names and facts; `folder` is the directory of all files."""
    return [(name, fact) for name, fact in _facts(folder) if fact]


def _facts(folder: Path) -> Iterator[tuple[str, str]]:
    yield "commit", _commit()
    yield "processor", f"{_field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores"
    kilobytes = _field("/proc/meminfo", "MemTotal").partition(" ")[0]
    yield "memory", f"{int(kilobytes) / 1024**2:.0f} GB" if kilobytes else ""
    kernel = platform.release().partition("-")[0]
    yield "system", f"{_system()}, {platform.system()} {kernel}, {platform.machine()}"
    yield "file system", _file_system(folder)
    yield "Python of the wheel and of the boto3 script", platform.python_version()
    frozen = programs.everything()[BARE].command[0]
    version = "import platform; print(platform.python_version())"
    yield "Python of the folder and of the one file", _said(frozen, "-c", version)
    yield "boto3, botocore", ", ".join(metadata.version(name) for name in ("boto3", "botocore"))
    yield "Go helper", f"amazon-ecr-credential-helper {_package('amazon-ecr-credential-helper')}"
    yield "Docker's client", _said("docker", "--version").removeprefix("Docker version ")
    yield "Docker's engine", _said("dockerd", "--version").removeprefix("Docker version ")


def _package(name: str) -> str:
    found = _said("dpkg-query", "--show", "--showformat=${Version}", name)
    return found or "is not installed"


def _commit() -> str:
    commit = _said("git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD")
    changed = _said("git", "-C", str(REPOSITORY), "status", "--short", "--untracked-files=no")
    return f"{commit}, with changes" if changed else commit


def _said(*command: str) -> str:
    """Return a program's output, or "" if it fails or is missing."""
    try:
        done = subprocess.run(command, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.decode().strip()


def _field(file: str, name: str) -> str:
    """Return a field of one of /proc's files, or "" if it is missing."""
    with contextlib.suppress(OSError):
        for line in Path(file).read_text().splitlines():
            found, _, value = line.partition(":")
            if found.strip() == name:
                return value.strip()
    return ""


def _system() -> str:
    with contextlib.suppress(OSError):
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    return platform.platform(terse=True)


def _file_system(folder: Path) -> str:
    """Return the type of the file system that a folder is on."""
    mounts: Sequence[Sequence[str]] = []
    with contextlib.suppress(OSError):
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(len(at), kind) for _, at, kind, *_ in mounts if folder.is_relative_to(at)]
    return max(above)[1] if above else ""
