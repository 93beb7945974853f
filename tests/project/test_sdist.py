"""Facts about the source package: it has every file that its tests need, without git.

`make test-sdist` runs these, which repeat the tests that read files of the tree.
"""

import os
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from tests.world.tree import REPOSITORY

pytestmark = [pytest.mark.sdist, pytest.mark.tree]
NAME = "docker_credential_ecrpy"
# Modules of tests/world that read the tree's own files for tests.
READERS = ("tests.world.tree", "tests.world.documents", "tests.world.schemas")
SECONDS = 900


@pytest.fixture(scope="module", name="unpacked")
def _unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source package, built from this tree without a network, and unpacked."""
    place = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist"]
    subprocess.run([*command, "--directory", str(place)], cwd=REPOSITORY, check=True)
    (archive,) = place.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        packed.extractall(place, filter="data")
    (folder,) = (path for path in place.iterdir() if path.is_dir())
    return folder


@pytest.fixture(scope="module", name="python")
def _python(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that imports the unpacked package, and all others from this environment."""
    venv = tmp_path_factory.mktemp("python")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    paths = sysconfig.get_paths(vars={"base": str(venv), "platbase": str(venv)})
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if NAME not in path.name:  # its link would lead back to this tree
            Path(paths["purelib"], path.name).symlink_to(path)
    Path(paths["purelib"], "unpacked.pth").write_text(f"{unpacked}\n", encoding="utf-8")
    return Path(paths["scripts"], "python")


def _run(python: Path, unpacked: Path, home: Path, *arguments: str) -> str:
    """Return Python's output in the unpacked folder; fail if its exit code is not 0."""
    done = subprocess.run(
        [python, *arguments],
        cwd=unpacked,
        env={**os.environ, "HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_unpacked_tree_is_tested(python: Path, unpacked: Path, tmp_path: Path) -> None:
    """The package comes from the unpacked folder, wherever Python starts."""
    code = f"import os; os.chdir('/'); import {NAME}; print({NAME}.__file__)"
    found = _run(python, unpacked, tmp_path, "-I", "-c", code)

    assert Path(found.strip()) == unpacked / NAME / "__init__.py"
    assert not unpacked.is_relative_to(REPOSITORY)


def test_every_test_is_collected(python: Path, unpacked: Path, tmp_path: Path) -> None:
    """No test module of any mark reads a missing file when it is imported."""
    options = ("-q", "-p", "no:cacheprovider", "--collect-only", "-m", "")

    assert _run(python, unpacked, tmp_path, "-m", "pytest", *options)


@pytest.mark.timeout(SECONDS)
def test_the_tests_of_its_files_pass(python: Path, unpacked: Path, tmp_path: Path) -> None:
    """Those pass that read files of the tree; each of the others is collected above."""
    options = ("-q", "-p", "no:cacheprovider", "-n", "2")
    chosen = [
        str(path.relative_to(unpacked))
        for path in unpacked.glob("tests/**/test_*.py")
        if any(f"from {name} import" in path.read_text(encoding="utf-8") for name in READERS)
    ]
    assert "tests/project/test_docs.py" in chosen

    assert _run(python, unpacked, tmp_path, "-m", "pytest", *options, *chosen)
