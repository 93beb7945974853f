"""The log: off by default, to standard error, or to a private file."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.files.log_file import open_log


def test_it_is_off_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is written if the variable is unset or says no."""
    for environ in ({}, {"AWS_ECR_DEBUG": "0"}, {"AWS_ECR_DEBUG": ""}, {"AWS_ECR_LOG": ""}):
        open_log(environ, time.monotonic())("hello")

    assert capfd.readouterr() == ("", "")


def test_it_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    """Each line has time, process and milliseconds; standard output stays empty."""
    write = open_log({"AWS_ECR_DEBUG": "1"}, time.monotonic())
    write("one\nand\ttwo")

    stdout, stderr = capfd.readouterr()
    assert stdout == ""
    assert stderr.endswith("ms  one and two\n")
    assert f"[{os.getpid()}]" in stderr


def test_it_goes_to_a_private_file(tmp_path: Path) -> None:
    """Lines are appended to a file that only its owner may read."""
    path = tmp_path / "helper.log"
    for text in ("one", "two"):
        open_log({"AWS_ECR_LOG": str(path)}, time.monotonic())(text)

    assert [line.split("  ")[-1] for line in path.read_text().splitlines()] == ["one", "two"]
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600


def test_it_is_rotated(tmp_path: Path) -> None:
    """At one MiB the file is renamed; there are never more than two."""
    path = tmp_path / "helper.log"
    write = open_log({"AWS_ECR_LOG": str(path)}, time.monotonic())
    for _ in range(5):
        path.write_text("x" * (1024 * 1024 + 1))
        write("over")
    write("after")

    assert {file.name for file in tmp_path.iterdir()} == {"helper.log", "helper.log.1"}
    assert path.read_text().endswith("after\n")


@pytest.mark.skipif(sys.platform == "win32", reason="it has no flock")
def test_one_process_rotates_it(tmp_path: Path) -> None:
    """While another one has the lock, the file grows; afterwards it is renamed once."""
    import fcntl

    path = tmp_path / "helper.log"
    path.write_text("x" * (1024 * 1024 + 1))
    write = open_log({"AWS_ECR_LOG": str(path)}, time.monotonic())
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        write("waits")
        assert not (tmp_path / "helper.log.1").exists()
    write("renames")

    assert "waits" in (tmp_path / "helper.log.1").read_text()
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="it has no fork")
def test_many_processes_keep_the_full_log(tmp_path: Path) -> None:
    """None renames a new file over the full one that another has just renamed."""
    path = tmp_path / "helper.log"
    line = "x" * 4000
    script = (
        "import sys, time\nfrom docker_credential_ecrpy.files.log_file import open_log\n"
        f"write = open_log({{'AWS_ECR_LOG': {str(path)!r}}}, 0)\n"
        f"for _ in range(100): write({line!r})\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(8)]

    assert [child.wait(60) for child in children] == [0] * 8
    assert (tmp_path / "helper.log.1").stat().st_size > 1024 * 1024


@pytest.mark.parametrize("place", ["missing/helper.log", "."])
def test_a_log_that_cannot_be_written_costs_nothing(tmp_path: Path, place: str) -> None:
    """With a missing directory, or a directory at the path, the line is lost without error."""
    open_log({"AWS_ECR_LOG": str(tmp_path / place)}, time.monotonic())("hello")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Unix FIFOs and modes")
def test_only_a_file_is_made_private(tmp_path: Path) -> None:
    """An existing file becomes private; a pipe or device keeps its mode and place."""
    file, fifo = tmp_path / "helper.log", tmp_path / "fifo"
    file.touch()
    os.mkfifo(fifo)
    for path in (file, fifo):
        path.chmod(0o666)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    for path in (file, fifo):
        open_log({"AWS_ECR_LOG": str(path)}, time.monotonic())("hello")

    assert os.read(reader, 100).endswith(b"hello\n")
    os.close(reader)
    assert file.stat().st_mode & 0o777 == 0o600
    assert fifo.stat().st_mode & 0o777 == 0o666


@pytest.mark.skipif(sys.platform == "win32", reason="Unix symlinks")
def test_a_link_is_not_written_through(tmp_path: Path) -> None:
    """A symlink planted at the log's path is refused."""
    (tmp_path / "helper.log").symlink_to(tmp_path / "target")
    open_log({"AWS_ECR_LOG": str(tmp_path / "helper.log")}, time.monotonic())("hello")

    assert not (tmp_path / "target").exists()
