"""The timed programs: ours, others that do the same, and floors, which show the cost of a start."""

import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
DIST = REPOSITORY / "dist"
NAME = "docker-credential-ecr-login"
FOLDER, ONE_FILE, WHEEL = "one folder", "one file", "wheel"
GO, SCRIPT = "Go helper", "boto3 script"
BARE, ISOLATED, TRUE = "python -ISc pass", "python -I -c pass", "/bin/true"
WITHOUT = "no helper"

OURS = (FOLDER, ONE_FILE, WHEEL)
OTHERS = (GO, SCRIPT)
FLOORS = (BARE, ISOLATED, TRUE, WITHOUT)
"""Programs with another job: they show how long doing nothing takes."""
COLUMNS = (*OURS, *OTHERS, *FLOORS)

# `aws ecr get-login-password` without the AWS CLI's own start, which is slower.
_BOTO3 = """\
import base64, boto3
client = boto3.client("ecr", region_name="us-east-1")
found = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
print(base64.b64decode(found).decode().partition(":")[2])
"""


@dataclass(frozen=True)
class Program:
    """A program: its command, and the reason if it is missing."""

    name: str
    command: tuple[str, ...]
    takes_action: bool = True
    """Whether it takes an action, as credential helpers do."""
    missing: str = ""

    def line(self, action: str) -> list[str]:
        """Return the command that does `action`."""
        return [*self.command, action] if self.takes_action else [*self.command]


def everything() -> dict[str, Program]:
    """Return each program by its name, also the missing ones."""
    return {program.name: program for program in _programs()}


def _programs() -> Iterator[Program]:
    scripts = Path(sysconfig.get_path("scripts"))
    yield _helper(FOLDER, DIST / "docker-credential-ecrpy" / NAME, "make binary")
    yield _helper(ONE_FILE, DIST / NAME, "make binary")
    yield _helper(WHEEL, scripts / NAME, "make bench")
    yield _helper(GO, Path("/usr/bin", NAME), "apt-get install amazon-ecr-credential-helper")
    yield Program(SCRIPT, (sys.executable, "-c", _BOTO3), takes_action=False)
    # The interpreter of the frozen program; its virtual environment would read more files.
    frozen = os.path.realpath(REPOSITORY / ".binary" / "bin" / "python")
    gone = "" if os.path.exists(frozen) else "not built: make binary"
    yield Program(BARE, (frozen, "-ISc", "pass"), takes_action=False, missing=gone)
    yield Program(ISOLATED, (sys.executable, "-I", "-c", "pass"), takes_action=False)
    yield Program(TRUE, ("/bin/true",), takes_action=False)


def _helper(name: str, path: Path, cure: str) -> Program:
    return Program(
        name,
        (str(path),),
        missing="" if os.access(path, os.X_OK) else f"not installed: {cure}",
    )
