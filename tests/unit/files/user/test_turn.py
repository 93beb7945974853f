"""Facts about turns: runs that edit the same files read, plan and write one after the other."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.user import turn
from docker_credential_ecrpy.files.user.turn import take_turn

fcntl = pytest.importorskip("fcntl", reason="Windows locks no directories")

HOLD = """
import sys
from docker_credential_ecrpy.files.user.turn import take_turn
with take_turn(sys.argv[1:]):
    print("held", flush=True)
    sys.stdin.readline()
"""
# Each run reads, waits, and writes; without turns, two of them read the same number.
COUNT = """
import os, pathlib, sys, time
from docker_credential_ecrpy.files.user.turn import take_turn
file = pathlib.Path(sys.argv[1])
with take_turn([str(file), sys.argv[2]]):
    number = int(file.read_text()) if file.exists() else 0
    time.sleep(0.02)
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text(str(number + 1))
"""


@contextmanager
def another_run(*files: Path) -> Iterator[int]:
    """Let another process hold the turn for files; yields its id."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, *map(str, files)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        yield child.pid
        assert child.stdin is not None
        child.stdin.close()


@pytest.mark.parametrize("alias", ["the same", "a link", "another file", "a missing directory"])
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, nothing shows the holder")
def test_another_run_has_the_turn(tmp_path: Path, alias: str) -> None:
    """The error names the other run and the directory, and nothing else is left there."""
    directory = tmp_path / "docker"
    directory.mkdir()
    file = directory / "config.json"
    ours = {
        "the same": file,
        "a link": tmp_path / "link" / "config.json",
        "another file": directory / "config.toml",
        "a missing directory": directory / "made" / "config.json",
    }[alias]
    (tmp_path / "link").symlink_to("docker")
    with another_run(file) as process:
        with pytest.raises(HelperError) as caught, take_turn([str(ours)], seconds=0.1):
            pytest.fail("it has a turn")
        with take_turn([str(tmp_path / "elsewhere" / "config.json")], seconds=0.1):
            pass

    assert str(caught.value) == (
        f"process {process} has locked {directory};"
        " run this again when it has ended; nothing was written"
    )
    with take_turn([str(ours)], seconds=0.1):
        pass
    assert os.listdir(directory) == []


def test_files_of_one_directory(tmp_path: Path) -> None:
    """They have one lock, under whatever name: a run does not wait for itself."""
    (tmp_path / "link").symlink_to(tmp_path)
    files = [tmp_path / "a", tmp_path / "b", tmp_path / "link" / "a", tmp_path / "none" / "a"]
    with take_turn([str(file) for file in files], seconds=0):
        pass


def test_many_runs(tmp_path: Path) -> None:
    """Each sees what the one before it wrote, whatever the order of the files."""
    (tmp_path / "docker").mkdir()
    file, other = str(tmp_path / "docker" / "config.json"), str(tmp_path / "x" / "config.toml")
    runs = [subprocess.Popen([sys.executable, "-c", COUNT, file, other]) for _ in range(8)]

    assert [run.wait(60) for run in runs] == [0] * 8
    assert Path(file).read_text() == "8"


@pytest.mark.parametrize("what", ["flock", "open"])
def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A run does not wait: its writes are compared with what it read in any case."""

    def refuse(*_given: object) -> None:
        raise OSError(95, "Operation not supported")

    with another_run(tmp_path / "file"):
        monkeypatch.setattr(fcntl if what == "flock" else os, what, refuse)
        with take_turn([str(tmp_path / "file")], seconds=0):
            pass


LOCK = """
import fcntl, os, sys
os.setuid(12346)
opened = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(opened, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="root starts another user's process"
)
def test_another_users_lock() -> None:
    """Anybody can lock a directory that they may read: a run goes on without the lock."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711 | 0o044)
        command = [sys.executable, "-I", "-S", "-c", LOCK, directory]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"held\n"
            with take_turn([str(Path(directory) / "config.json")], seconds=0.1):
                pass
            child.kill()


def test_a_lock_of_an_unknown_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system does not show the holder, a run goes on after the wait."""
    monkeypatch.setattr(turn, "_find_holder", lambda _: "")
    with another_run(tmp_path / "file"), take_turn([str(tmp_path / "file")], seconds=0.1):
        pass


def test_a_directory_that_is_moved_meanwhile(tmp_path: Path) -> None:
    """A run may have its lock already, under the path before: it does not wait for itself."""
    file = str(tmp_path / "file")
    with take_turn([file]), take_turn([file], seconds=0.1):
        pass
