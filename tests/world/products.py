"""The products of `make binary` and `make dist`, and an earlier version of the packages."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.world.tree import REPOSITORY

DIST = REPOSITORY / "dist"
DROP_IN = "docker-credential-ecr-login"
NAME = "docker-credential-ecrpy"
FOLDER = DIST / NAME
ONE_FILE = DIST / DROP_IN
RELEASE = DIST / "release"
PACKAGE_MANAGERS = DIST / "package-managers"
IMAGE = DIST / "image"
STATIC = DIST / ".static"
"""The list of the parts of the static program, which is there if the one file is that."""
EARLIER = "0.0.1"


def copy_tree(tree: Path) -> None:
    """Copy all that the scripts of the packages read, but the program, as the earlier version."""
    files = ("tools", "binary/copyright", "CHANGELOG.md", "LICENSE", "pyproject.toml", "dist/share")
    for name in files:
        source, target = REPOSITORY / name, tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, target)
    (tree / "docker_credential_ecrpy").mkdir()
    version = f'__version__ = "{EARLIER}"\n'
    (tree / "docker_credential_ecrpy" / "__init__.py").write_text(version)


def build_earlier(tree: Path, script: str) -> Path:
    """Build a package of the earlier version, whose program says it, with a script of tools/."""
    copy_tree(tree)
    program = tree / "dist" / DROP_IN
    program.write_text(f"#!/bin/sh\necho {DROP_IN} {EARLIER}\n")
    program.chmod(0o755)
    (tree / "dist" / ".static").touch()
    (tree / "built").mkdir()
    run_script(tree, script, "built")
    (package,) = (tree / "built").iterdir()
    return package


def run_script(tree: Path, script: str, *arguments: str) -> None:
    """Run a script of tools/, with the date that the tests use."""
    environ = {"PATH": os.environ["PATH"], "SOURCE_DATE_EPOCH": "1700000000"}
    command = ["sh", f"tools/{script}", *arguments]
    subprocess.run(command, cwd=tree, env=environ, check=True)
