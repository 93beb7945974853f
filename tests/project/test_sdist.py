"""Facts about the source package: it has every file that its tests need, without git.

`make test-sdist` runs these. Each file is the checkout's, so that most tests cannot differ; those
of tests/project, which read files of the tree and look for git, are repeated.
"""

import os
import stat
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from tests.world.tree import REPOSITORY

pytestmark = [pytest.mark.sdist, pytest.mark.tree]
NAME = "docker_credential_ecrpy"
WRITTEN = {"PKG-INFO"}  # by the build
SECONDS = 900


@pytest.fixture(scope="module", name="archive")
def _archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source package, built from this tree without a network."""
    place = tmp_path_factory.mktemp("archive")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist"]
    subprocess.run([*command, "--directory", str(place)], cwd=REPOSITORY, check=True)
    (archive,) = place.glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module", name="unpacked")
def _unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the unpacked source package."""
    place = tmp_path_factory.mktemp("sdist")
    with tarfile.open(archive) as packed:
        packed.extractall(place, filter="data")
    (folder,) = place.iterdir()
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


def test_it_has_each_file_of_the_checkout(archive: Path) -> None:
    """Each file that git does not ignore is in it: the same bytes, and programs are programs."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this is no checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True, text=True)
    files = {}
    for name in filter(None, listed.stdout.split("\0")):
        path = REPOSITORY / name
        if path.is_file():
            files[name] = path.read_bytes(), bool(path.stat().st_mode & stat.S_IXUSR)
    packed = {}
    with tarfile.open(archive) as members:
        for member in members:
            content = members.extractfile(member)
            assert content
            name = member.name.partition("/")[2]
            packed[name] = content.read(), bool(member.mode & stat.S_IXUSR)

    assert "tests/project/test_sdist.py" in files
    assert packed.keys() == files.keys() | WRITTEN
    assert [name for name, file in files.items() if packed[name] != file] == []


@pytest.mark.timeout(SECONDS)
def test_the_tests_of_the_project_pass(python: Path, unpacked: Path, tmp_path: Path) -> None:
    """Those of the tree's files pass without git; each of the others is collected above."""
    options = ("-q", "-p", "no:cacheprovider", "-n", "3", "--dist", "worksteal")

    assert "passed" in _run(python, unpacked, tmp_path, "-m", "pytest", *options, "tests/project")
