"""The binary starts wherever and however it is put, or says what is wrong."""

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
    """Blanks, other alphabets and what a shell would take as its own."""
    box.program = [str(_put(product, box.root / name))]

    _works(box)


def test_from_a_directory_that_cannot_be_written(box: Machine, product: Path) -> None:
    """A read-only file system, as in a container image."""
    target = box.root / "fixed"
    program = _put(product, box.root / "copy")
    target.mkdir()
    subprocess.run(["mount", "--bind", str(program.parent), str(target)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(target)], check=True)
    box.program = [str(target / product.name)]

    _works(box)


def test_by_its_name_on_the_path(box: Machine, product: Path) -> None:
    """Through a chain of links, one of them relative, from PATH."""
    (box.root / "bin").mkdir()
    (box.root / "opt").symlink_to(product.parent)
    (box.root / "bin" / "middle").symlink_to(f"../opt/{product.name}")
    (box.root / "bin" / DROP_IN).symlink_to("middle")
    box.environ["PATH"] = f"{box.root}/bin:{os.environ['PATH']}"
    box.program = ["env", DROP_IN]

    _works(box)


def test_without_an_environment(box: Machine) -> None:
    """As `env -i` leaves it: nothing to be found, said in a line, and "not found" all the same."""
    box.environ.clear()
    result = box.run("get", stdin=b"ghcr.io")
    assert (result.code, result.stdout) == (1, b"credentials not found in native keychain\n")

    assert "no AWS credentials found" in box.get(AWS_EC2_METADATA_DISABLED="true").error


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8", "de_DE.ISO-8859-1", "nonsense"])
def test_in_any_locale(box: Machine, locale: str) -> None:
    """Whatever the names of files are in."""
    box.environ |= {"LC_ALL": locale, "AWS_ECR_CACHE_DIR": str(box.root / "Bücher")}

    _works(box)
    assert list((box.root / "Bücher" / "tokens").iterdir())


def test_with_python_settings_in_the_environment(box: Machine) -> None:
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


def test_with_libraries_of_the_same_names_about(box: Machine) -> None:
    """The user's LD_LIBRARY_PATH puts nothing in the place of what came along."""
    libraries = box.root / "lib"
    libraries.mkdir()
    for path in (FOLDER / "_internal").glob("lib*.so*"):
        (libraries / path.name).write_text("no library")
    box.environ["LD_LIBRARY_PATH"] = str(libraries)

    _works(box)


def test_two_versions_side_by_side(box: Machine, product: Path) -> None:
    """Each runs its own parts, at the same time."""
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
    if product != ONE_FILE:  # whose parts are no files that could be taken away
        shutil.rmtree(other.parent / "_internal" / "botocore" / "data" / "ecr")
        assert (
            "Unable to load data for: ecr" in box.get(HOST.replace("us-east-1", "us-west-2")).error
        )


def test_many_at_once(box: Machine) -> None:
    """As a build with many stages, or a CI machine, starts it."""
    box.login()
    results = box.get_many([HOST] * 16)

    assert len({result.secret for result in results}) == 1
    assert box.aws.count() == {"ecr": 1}
    assert list((box.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(box: Machine, number: signal.Signals) -> None:
    """While AWS is asked: at once, in silence, with nothing left behind, neither file nor child.

    What cannot be caught leaves what the one file unpacked.
    """
    box.login()
    box.aws.latency = 5
    child = box.start_get()
    engines.until(lambda: any((box.cache / "locks").glob("*")), "the lock")
    time.sleep(1)  # by then it waits for AWS
    child.send_signal(number)
    stdout, stderr = child.communicate(timeout=10)

    assert child.returncode in (-number, 128 + number)
    assert (stdout, stderr) == (b"", b"")
    if number != signal.SIGKILL:
        assert list((box.root / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [0.001, 0.002, 0.004, 0.008, 0.016, 0.04, 0.08, 0.16, 0.32])
def test_a_signal_at_any_time_is_no_damage(
    box: Machine, number: signal.Signals, after: float
) -> None:
    """In whatever part of its start: no advice to install, no traceback, no file left behind."""
    box.environ["AWS_ECR_DISABLE_CACHE"] = "1"
    box.login()
    for _ in range(5):
        child = box.start_get()  # in a session of its own
        time.sleep(after)
        os.killpg(child.pid, number)  # as a terminal sends it, to all of them
        stdout, stderr = child.communicate(timeout=30)

        assert b"cannot start" not in stdout + stderr
        assert b"Traceback" not in stdout + stderr
        assert list((box.root / "tmp").iterdir()) == []


def test_a_directory_that_the_environment_names_is_not_removed(box: Machine, product: Path) -> None:
    """What is removed after a failed start is what this start made."""
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


def test_a_file_that_was_cut_off(box: Machine, product: Path) -> None:
    """A download that broke off: one line that says so, and nothing about TMPDIR."""
    program = _put(product, box.root / "cut")
    os.truncate(program, program.stat().st_size - 4_000_000)
    box.program = [str(program)]

    assert box.get().error.startswith("cannot start: ")
    assert box.get().error.endswith("install docker-credential-ecrpy again")


class TestTmpdir:
    """The folder needs none; the file falls back to another one, or says what to do."""

    def _fails(self, box: Machine, reason: str) -> None:
        """Check that the line names the reason and the cure, and that nothing is left behind."""
        box.login()
        for _ in range(2):
            error = box.get().error
            assert error.startswith("cannot start: ")
            assert reason in error
            assert "point TMPDIR to a directory" in error
            assert TO_THE_FOLDER in error
            assert list(Path(box.environ["TMPDIR"]).iterdir()) == []

    def test_missing(self, box: Machine) -> None:
        """TMPDIR names nothing: /tmp will do."""
        box.environ["TMPDIR"] = "/nowhere/at/all"

        _works(box)

    @pytest.mark.parametrize("size", ["64k", "3m", "12m"])
    def test_full(self, box: Machine, product: Path, size: str) -> None:
        """No space for the interpreter, or for what asks AWS beside it."""
        engines.mount(box.root / "tmp", f"size={size}")
        if product != ONE_FILE:
            _works(box)
            return
        self._fails(box, "No space left on device")

    def test_room_for_a_cached_get(self, box: Machine, product: Path) -> None:
        """What needs no AWS needs less space, also where a digest is part of the identity."""
        box.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "of a container's"
        _works(box)
        engines.mount(box.root / "tmp", "size=12m")

        assert box.get().secret in box.aws.issued
        assert list((box.root / "tmp").iterdir()) == []

    @pytest.mark.parametrize("name", ["tmp", "tmp!", "a!b", "_MEI"])
    def test_no_programs(self, box: Machine, product: Path, name: str) -> None:
        """Mounted noexec, as hardened servers have it; whatever its name, the cure is the same."""
        box.environ["TMPDIR"] = str(box.root / name)
        engines.mount(box.root / name, "noexec")
        if product != ONE_FILE:
            _works(box)
            return
        self._fails(box, "failed to map segment from shared object")

    def test_none_at_all(self, box: Machine, product: Path) -> None:
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


def test_a_folder_that_lost_its_parts(machine: Machine) -> None:
    """One line on both streams, like every error."""
    copy = machine.root / NAME
    shutil.copytree(FOLDER, copy, symlinks=True)
    for path in (copy / "_internal").glob("libpython*"):
        path.unlink()
    machine.program = [str(copy / DROP_IN)]

    error = machine.get().error
    assert error.startswith("cannot start: Failed to load Python shared library")
    assert error.endswith("install docker-credential-ecrpy again")
