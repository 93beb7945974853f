"""The binary starts from any place and in any environment, or says what is wrong."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.world import engines
from tests.world.machine import HOST, NOT_FOUND, Machine, Result
from tests.world.products import DROP_IN, FOLDER, NAME, ONE_FILE

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


def _works(machine: Machine) -> None:
    """Check that a first `get`, which loads everything, and a cached one are answered."""
    machine.login()
    first = machine.get().secret
    assert first in machine.aws.issued
    assert machine.get().secret == first


@pytest.mark.parametrize("name", ["a b", "ünï — ☃", "quote'\"$(x)", "-l"])
def test_from_a_directory_of_any_name(box: Machine, product: Path, name: str) -> None:
    """The name may have blanks, other alphabets and shell characters."""
    box.program = [str(_put(product, box.root / name))]

    _works(box)


def test_from_a_directory_that_cannot_be_written(box: Machine, product: Path) -> None:
    """The file system may be read-only, as in a container image."""
    target = box.root / "fixed"
    program = _put(product, box.root / "copy")
    target.mkdir()
    subprocess.run(["mount", "--bind", str(program.parent), str(target)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(target)], check=True)
    box.program = [str(target / product.name)]

    _works(box)


def test_by_its_name_on_the_path(box: Machine, product: Path) -> None:
    """PATH may lead through a chain of symlinks, one of them relative."""
    (box.root / "bin").mkdir()
    (box.root / "opt").symlink_to(product.parent)
    (box.root / "bin" / "middle").symlink_to(f"../opt/{product.name}")
    (box.root / "bin" / DROP_IN).symlink_to("middle")
    box.environ["PATH"] = f"{box.root}/bin:{os.environ['PATH']}"
    box.program = ["env", DROP_IN]

    _works(box)


def test_without_an_environment(box: Machine) -> None:
    """With `env -i` the error is one line, and other registries are "not found"."""
    box.environ.clear()
    result = box.run("get", stdin=b"ghcr.io")
    assert (result.code, result.stdout) == (1, b"credentials not found in native keychain\n")

    assert "no AWS credentials found" in box.get(AWS_EC2_METADATA_DISABLED="true").error


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", "de_DE.ISO-8859-1", "nonsense"])
def test_in_any_locale(box: Machine, locale: str) -> None:
    """File names may be in any encoding."""
    box.environ |= {"LC_ALL": locale, "AWS_ECR_CACHE_DIR": str(box.root / "Bücher")}

    _works(box)
    assert list((box.root / "Bücher" / "tokens").iterdir())


def test_with_python_settings_in_the_environment(box: Machine) -> None:
    """Settings of the user's Python interpreter have no effect."""
    box.environ |= {
        "PYTHONHOME": "/nowhere",
        "PYTHONPATH": str(box.root),
        "PYTHONSTARTUP": "/nowhere",
        "PYTHONVERBOSE": "1",
        "PYTHONOPTIMIZE": "0",
    }
    (box.root / "json.py").write_text("raise SystemExit(3)")

    _works(box)


@pytest.mark.parametrize("content", ["text", "empty", "without symbols", "of another machine"])
def test_with_libraries_of_the_same_names(box: Machine, content: str) -> None:
    """The user's LD_LIBRARY_PATH does not replace the product's libraries."""
    libraries = box.root / "lib"
    libraries.mkdir()
    own = {path.name: path for path in (FOLDER / "_internal").rglob("*.so*")}
    for name in own.keys() | {"libffi.so.8", "libexpat.so.1", "liblzma.so.5"}:
        path = libraries / name
        path.write_text("no library" if content == "text" else "")
        if content == "without symbols":
            shutil.copy(own["libssl.so.3" if name == "libz.so.1" else "libz.so.1"], path)
        elif content == "of another machine":
            path.write_bytes(b"\x7fELF\x01\x02\x01" + bytes(9) + b"\0\x03\0\x08" + bytes(100))
    box.environ["LD_LIBRARY_PATH"] = str(libraries)

    _works(box)


def test_a_library_of_the_system_that_another_program_replaces(box: Machine) -> None:
    """The error is one line that names LD_LIBRARY_PATH and the library."""
    library = box.file("lib/libm.so.6", "")
    box.environ["LD_LIBRARY_PATH"] = str(library.parent)
    error = box.get().error

    assert error.startswith("cannot start: Failed to load Python shared library")
    assert str(library) in error
    assert error.endswith(
        "LD_LIBRARY_PATH names libraries of another program: unset it where docker runs"
    )


def test_two_versions_side_by_side(box: Machine, product: Path) -> None:
    """Each version runs its own files, at the same time."""
    other = _put(product, box.root / "other version")
    box.login()
    children = [box.start_get()]
    box.program = [str(other)]
    children.append(box.start_get(HOST.replace("us-east-1", "eu-west-1")))
    secrets = set()
    for child in children:
        stdout, stderr = child.communicate(timeout=60)
        secrets.add(Result(child.returncode, stdout, stderr).secret)

    assert len(secrets) == 2
    if product != ONE_FILE:  # the one file's parts cannot be removed
        shutil.rmtree(other.parent / "_internal" / "botocore" / "data" / "ecr")
        assert (
            "Unable to load data for: ecr" in box.get(HOST.replace("us-east-1", "us-west-2")).error
        )


def test_many_at_once(box: Machine) -> None:
    """Many starts at once work, as in a build with many stages or on CI."""
    box.login()
    results = box.get_many([HOST] * 16)

    assert len({result.secret for result in results}) == 1
    assert box.aws.count() == {"ecr": 1}
    assert list((box.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(box: Machine, number: signal.Signals) -> None:
    """A signal during a call of AWS ends it at once, without output, files or children.

    SIGKILL cannot be caught, so the one file's unpacked files are left.
    """
    box.login()
    box.aws.latency = 5
    child = box.start_get()
    engines.until(lambda: any((box.cache / "locks").glob("*")), "the lock")
    time.sleep(1)  # it waits for AWS by now
    child.send_signal(number)
    stdout, stderr = child.communicate(timeout=10)

    assert child.returncode in (-number, 128 + number)
    assert (stdout, stderr) == (b"", b"")
    if number != signal.SIGKILL:
        assert list((box.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0.001, 0.002, 0.004, 0.008, 0.016, 0.04, 0.08, 0.16, 0.32])
def test_a_signal_at_any_time_does_no_damage(
    box: Machine, number: signal.Signals, after: float
) -> None:
    """A signal during the start causes no advice to install, no traceback, no leftover file."""
    box.environ["AWS_ECR_DISABLE_CACHE"] = "1"
    box.login()
    for _ in range(5):
        child = box.start_get()  # starts its own session
        time.sleep(after)
        os.killpg(child.pid, number)  # to the whole group, as from a terminal
        stdout, stderr = child.communicate(timeout=30)

        assert b"cannot start" not in stdout + stderr
        assert b"Traceback" not in stdout + stderr
        assert list((box.root / "tmp").iterdir()) == []


def test_a_directory_that_the_environment_names_is_not_removed(box: Machine, product: Path) -> None:
    """A failed start removes only the directory that it created."""
    victim = box.root / "_MEIvictim"
    victim.mkdir()
    program = _put(product, box.root / "cut")
    os.truncate(program, program.stat().st_size - 4_000_000)
    box.program = [str(program)]
    box.environ |= {
        "_PYI_ARCHIVE_FILE": str(program),
        "_PYI_APPLICATION_HOME_DIR": str(victim),
        "_PYI_PARENT_PROCESS_LEVEL": "0",
    }

    assert "cannot start" in box.get().error
    assert victim.is_dir()


def test_a_truncated_file(box: Machine, product: Path) -> None:
    """A truncated download gives one line about that, which does not mention TMPDIR."""
    program = _put(product, box.root / "cut")
    os.truncate(program, program.stat().st_size - 4_000_000)
    box.program = [str(program)]

    assert box.get().error.startswith("cannot start: ")
    assert box.get().error.endswith("install docker-credential-ecrpy again")


class TestTmpdir:
    """The folder needs no TMPDIR; the one file uses another directory, or says what to do."""

    def _fails(self, box: Machine, reason: str) -> None:
        """Check that the line names the reason and the fix, and that no file is left behind."""
        box.login()
        for _ in range(2):
            error = box.get().error
            assert error.startswith("cannot start: ")
            assert reason in error
            assert "point TMPDIR to a directory" in error
            assert TO_THE_FOLDER in error
            assert list(Path(box.environ["TMPDIR"]).iterdir()) == []

    def test_missing(self, box: Machine) -> None:
        """If TMPDIR does not exist, /tmp is used."""
        box.environ["TMPDIR"] = "/nowhere/at/all"

        _works(box)

    @pytest.mark.parametrize("size", ["64k", "3m", "12m"])
    def test_full(self, box: Machine, product: Path, size: str) -> None:
        """There is no space for the interpreter, or for the files that calling AWS needs."""
        engines.mount(box.root / "tmp", f"size={size}")
        if product != ONE_FILE:
            _works(box)
            return
        self._fails(box, "No space left on device")

    def test_room_for_a_cached_get(self, box: Machine, product: Path) -> None:
        """A cached get needs less space, also if the identity needs a digest."""
        box.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "of a container's"
        _works(box)
        engines.mount(box.root / "tmp", "size=12m")

        assert box.get().secret in box.aws.issued
        assert list((box.root / "tmp").iterdir()) == []

    @pytest.mark.parametrize("name", ["tmp", "tmp!", "a!b", "_MEI"])
    def test_no_programs(self, box: Machine, product: Path, name: str) -> None:
        """The error names the fix for a noexec mount of any name, as hardened servers have it."""
        box.environ["TMPDIR"] = str(box.root / name)
        engines.mount(box.root / name, "noexec")
        if product != ONE_FILE:
            _works(box)
            return
        self._fails(box, "failed to map segment from shared object")

    def test_no_writable_directory(self, box: Machine, product: Path) -> None:
        """The error names the fix in a container with a read-only root."""
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


def test_an_incomplete_folder(machine: Machine) -> None:
    """The error is one line on both streams, like every error."""
    copy = machine.root / NAME
    shutil.copytree(FOLDER, copy, symlinks=True)
    for path in (copy / "_internal").glob("libpython*"):
        path.unlink()
    machine.program = [str(copy / DROP_IN)]

    error = machine.get().error
    assert error.startswith("cannot start: Failed to load Python shared library")
    assert error.endswith("install docker-credential-ecrpy again")
