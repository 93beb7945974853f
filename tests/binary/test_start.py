"""The binary starts wherever and however it is put, or says what is wrong."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.binary.conftest import DROP_IN, FOLDER, NAME, ONE_FILE, mount
from tests.stage import HOST, NOT_FOUND, Result, Stage

pytestmark = pytest.mark.usefixtures("own_mounts")
TO_THE_FOLDER = "install the one-folder build of docker-credential-ecrpy"


def _put(product: Path, directory: Path) -> Path:
    """Copy a product into a directory and return its program there."""
    if product == ONE_FILE:
        directory.mkdir(parents=True)
        shutil.copy(product, directory)
    else:
        shutil.copytree(FOLDER, directory, symlinks=True)
    return directory / product.name


def _works(stage: Stage) -> None:
    """Check that a first `get`, which loads everything, and a cached one are answered."""
    stage.login()
    first = stage.get().secret
    assert first in stage.aws.issued
    assert stage.get().secret == first


@pytest.mark.parametrize("name", ["a b", "ünï — ☃", "quote'\"$(x)", "-l"])
def test_from_a_directory_of_any_name(box: Stage, product: Path, name: str) -> None:
    """Blanks, other alphabets and what a shell would take as its own."""
    box.program = [str(_put(product, box.root / name))]

    _works(box)


def test_from_a_directory_that_cannot_be_written(box: Stage, product: Path) -> None:
    """A read-only file system, as in a container image."""
    target = box.root / "fixed"
    program = _put(product, box.root / "copy")
    target.mkdir()
    subprocess.run(["mount", "--bind", str(program.parent), str(target)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(target)], check=True)
    box.program = [str(target / product.name)]

    _works(box)


def test_by_its_name_on_the_path(box: Stage, product: Path) -> None:
    """Through a chain of links, one of them relative, from PATH."""
    (box.root / "bin").mkdir()
    (box.root / "opt").symlink_to(product.parent)
    (box.root / "bin" / "middle").symlink_to(f"../opt/{product.name}")
    (box.root / "bin" / DROP_IN).symlink_to("middle")
    box.environ["PATH"] = f"{box.root}/bin:{os.environ['PATH']}"
    box.program = ["env", DROP_IN]

    _works(box)


def test_without_an_environment(box: Stage) -> None:
    """As `env -i` leaves it: nothing to be found, said in a line, and "not found" all the same."""
    box.environ.clear()
    result = box.run("get", stdin=b"ghcr.io")
    assert (result.code, result.stdout) == (1, b"credentials not found in native keychain\n")

    assert "no AWS credentials found" in box.get(AWS_EC2_METADATA_DISABLED="true").error


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", "de_DE.ISO-8859-1", "nonsense"])
def test_in_any_locale(box: Stage, locale: str) -> None:
    """Whatever the names of files are in."""
    box.environ |= {"LC_ALL": locale, "AWS_ECR_CACHE_DIR": str(box.root / "Bücher")}

    _works(box)
    assert list((box.root / "Bücher" / "tokens").iterdir())


def test_with_python_settings_in_the_environment(box: Stage) -> None:
    """Those of an interpreter of the user's have no say."""
    box.environ |= {
        "PYTHONHOME": "/nowhere",
        "PYTHONPATH": str(box.root),
        "PYTHONSTARTUP": "/nowhere",
        "PYTHONVERBOSE": "1",
        "PYTHONOPTIMIZE": "0",
    }
    (box.root / "json.py").write_text("raise SystemExit(3)")

    _works(box)


def test_with_libraries_of_the_same_names_about(box: Stage) -> None:
    """The user's LD_LIBRARY_PATH puts nothing in the place of what came along."""
    libraries = box.root / "lib"
    libraries.mkdir()
    for path in (FOLDER / "_internal").glob("lib*.so*"):
        (libraries / path.name).write_text("no library")
    box.environ["LD_LIBRARY_PATH"] = str(libraries)
    # The parent's own libraries are the system's, which such a path does replace.
    for name in ("libc.so.6", "libm.so.6", "libz.so.1"):
        (libraries / name).unlink(missing_ok=True)

    _works(box)


def test_two_versions_side_by_side(box: Stage, product: Path) -> None:
    """Each runs its own parts, at the same time."""
    other = _put(product, box.root / "other version")
    box.login()
    for path in (other.parent / "_internal").glob("botocore/data/ecr"):
        shutil.rmtree(path)  # of the other one alone

    assert box.get().secret in box.aws.issued
    box.program = [str(other)]
    assert box.get().secret in box.aws.issued
    region = HOST.replace("us-east-1", "eu-west-1")
    if product == ONE_FILE:
        assert box.get(region).secret in box.aws.issued
    else:
        assert "Unknown service" in box.get(region).error


def test_many_at_once(box: Stage) -> None:
    """As a build with many stages, or a CI machine, starts it."""
    box.login()
    results = box.get_many([HOST] * 16)

    assert len({result.secret for result in results}) == 1
    assert box.aws.count() == {"ecr": 1}
    assert list((box.root / "tmp").iterdir()) == []


class TestTmpdir:
    """The folder needs none; the file falls back to another one, or says what to do."""

    def _fails(self, box: Stage, reason: str) -> None:
        """Check that the line names the reason and the cure, and that nothing is left behind."""
        box.login()
        for _ in range(2):
            error = box.get().error
            assert error.startswith("cannot start: ")
            assert reason in error
            assert "point TMPDIR to a directory" in error
            assert TO_THE_FOLDER in error
            assert list((box.root / "tmp").iterdir()) == []

    def test_missing(self, box: Stage) -> None:
        """TMPDIR names nothing: /tmp will do."""
        box.environ["TMPDIR"] = "/nowhere/at/all"

        _works(box)

    @pytest.mark.parametrize("size", ["64k", "3m", "12m"])
    def test_full(self, box: Stage, product: Path, size: str) -> None:
        """No room for the interpreter, or for what asks AWS beside it."""
        mount(box.root / "tmp", f"size={size}")
        if product != ONE_FILE:
            _works(box)
            return
        self._fails(box, "No space left on device")

    def test_room_for_a_cached_get(self, box: Stage, product: Path) -> None:
        """What needs no AWS needs less room."""
        _works(box)
        mount(box.root / "tmp", "size=12m")

        assert box.get().secret in box.aws.issued
        assert list((box.root / "tmp").iterdir()) == []

    def test_no_programs(self, box: Stage, product: Path) -> None:
        """Mounted noexec, as hardened servers have it."""
        mount(box.root / "tmp", "noexec")
        if product != ONE_FILE:
            _works(box)
            return
        self._fails(box, "failed to map segment from shared object")

    def test_none_at_all(self, box: Stage, product: Path) -> None:
        """Nothing can be written to: a container whose root is read-only."""
        root = box.root / "root"
        root.mkdir()
        script = (
            'mount --rbind / "$1" && mount --rbind "$2" "$1/mnt" || exit 9\n'
            'for directory in tmp var/tmp; do mount -t tmpfs -o ro tmpfs "$1/$directory"; done\n'
            'exec chroot "$1" "/mnt/$3" get\n'
        )
        box.program = ["unshare", "--mount", "sh", "-c", script, "sh"]
        result = box.run(str(root), str(product.parent), product.name, stdin=b"ghcr.io")

        if product == ONE_FILE:
            assert "Could not create temporary directory" in result.error
            assert TO_THE_FOLDER in result.error
        else:
            assert result == Result(1, NOT_FOUND, b"")


def test_a_folder_that_lost_its_parts(stage: Stage) -> None:
    """One line on both streams, like every error."""
    copy = stage.root / NAME
    shutil.copytree(FOLDER, copy, symlinks=True)
    for path in (copy / "_internal").glob("libpython*"):
        path.unlink()
    stage.program = [str(copy / DROP_IN)]

    error = stage.get().error
    assert error.startswith("cannot start: Failed to load Python shared library")
    assert error.endswith("install the whole folder of docker-credential-ecrpy again")
