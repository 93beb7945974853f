"""The real kubectl, as an independent client of the loopback API server."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl with a kubeconfig. program: its path."""

    program: str
    config: Path

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        environ = {
            "KUBECONFIG": str(self.config),
            "HOME": str(self.config.parent),
            "PATH": os.defpath,
        }
        return subprocess.run(
            [self.program, *arguments],
            input=stdin,
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Return what it prints; fails for an error."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout


def find_kubectl() -> str:
    """Return the path of kubectl; skips the test where there is none, and fails in CI."""
    beside = str(Path(sys.executable).parent)
    found = shutil.which("kubectl", path=os.pathsep.join((beside, os.environ.get("PATH", ""))))
    if found is None and os.environ.get("CI"):
        pytest.fail("there is no kubectl")
    return found or pytest.skip("there is no kubectl")
