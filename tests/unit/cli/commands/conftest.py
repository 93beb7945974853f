"""What the tests of commands share."""

import sys
from pathlib import Path

import pytest

from tests.world.machine import Machine


@pytest.fixture(name="docker")
def _docker(machine: Machine) -> Path:
    """Docker's file; on the machine's PATH is this program, and no other."""
    command = " ".join(f"'{part}'" for part in machine.program)
    program = machine.file(
        "bin/docker-credential-ecr-login", f'#!/bin/sh\nexec {command} "$@"\n', mode=0o700
    )
    if sys.platform == "win32":
        line = " ".join(f'"{part}"' for part in machine.program)
        machine.file("bin/docker-credential-ecr-login.cmd", f"@{line} %*\n")
    machine.environ["PATH"] = str(program.parent)
    return machine.home / ".docker" / "config.json"
