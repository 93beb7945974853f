"""Facts about writing the files of a plan: all of them, or none."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_ecrpy.docker import apply
from docker_credential_ecrpy.docker.apply import apply_plan
from docker_credential_ecrpy.docker.plan import Plan
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import Rewrite, replace_file
from docker_credential_ecrpy.files.user.backup import Mark, list_backups


def plan(*files: Path, before: bytes | None = b"old") -> Plan:
    """Return the plan that gives files new content, the last one first."""
    for file in files:
        if before is not None:
            file.write_bytes(before)
    return Plan(tuple(Rewrite(str(file), before, b"new") for file in files), (), ())


def fail_at(
    file: Path, then: Callable[[], object] = lambda: None
) -> Callable[[Rewrite, Mark], str]:
    """Return a `replace_file` that fails for one file, after something else happens."""

    def replace(rewrite: Rewrite, mark: Mark) -> str:
        if rewrite.file == str(file):
            then()
            msg = "it is a bind mount"
            raise HelperError(msg, hint="edit the file that is mounted there")
        return replace_file(rewrite, mark)

    return replace


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Docker's file and our own, in directories of their own."""
    for name in ("docker", "ecr"):
        (tmp_path / name).mkdir()
    return tmp_path / "docker" / "config.json", tmp_path / "ecr" / "config.toml"


def test_all_files_get_backups_of_one_mark(files: tuple[Path, Path]) -> None:
    """By the mark, an undo finds what changed together."""
    written = apply_plan(plan(*files), {}, print)

    assert [rewrite.file for rewrite, _ in written] == [str(files[1]), str(files[0])]
    marks = {list_backups(str(file))[0].mark for file in files}
    assert len(marks) == 1
    assert [file.read_bytes() for file in files] == [b"new", b"new"]


@pytest.mark.parametrize("before", [b"old", None], ids=["present", "new"])
def test_a_failure_restores_the_files_before_it(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, before: bytes | None
) -> None:
    """Content, mode and the absence of a file are restored, and no backup of the attempt stays."""
    made = plan(*files, before=before)
    if before is not None:
        files[1].chmod(0o640)
    monkeypatch.setattr(apply, "replace_file", fail_at(files[0]))
    with pytest.raises(HelperError, match="it is a bind mount; edit the file that is mounted"):
        apply_plan(made, {}, print)

    for file in files:
        assert (file.read_bytes() if file.exists() else None) == before
        assert list_backups(str(file)) == []
    if before is not None and os.name == "posix":
        assert files[1].stat().st_mode & 0o777 == 0o640


def test_a_later_edit_is_kept(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What another program wrote meanwhile stays; the error names the file and the backup."""
    edit = fail_at(files[0], lambda: files[1].write_bytes(b"theirs"))
    monkeypatch.setattr(apply, "replace_file", edit)
    with pytest.raises(HelperError) as caught:
        apply_plan(plan(*files), {}, print)

    assert f"and {files[1]} cannot be restored: another program changed it" in str(caught.value)
    assert "newest backup" in str(caught.value)
    assert files[1].read_bytes() == b"theirs"
    assert list_backups(str(files[1]))


@pytest.mark.parametrize("which", [0, 1], ids=["the last file", "the first file"])
def test_an_interrupt_just_after_a_file_was_written(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    """That file is restored, too, though its result was never seen."""

    def replace(rewrite: Rewrite, mark: Mark) -> str:
        backup = replace_file(rewrite, mark)
        if rewrite.file == str(files[which]):
            raise KeyboardInterrupt
        return backup

    monkeypatch.setattr(apply, "replace_file", replace)
    with pytest.raises(KeyboardInterrupt):
        apply_plan(plan(*files), {}, print)

    for file in files:
        assert file.read_bytes() == b"old"
        assert list_backups(str(file)) == []


SIGNALLED = """
import os, signal, sys
from docker_credential_ecrpy.docker import apply
from docker_credential_ecrpy.docker.plan import Plan
from docker_credential_ecrpy.files.replace import Rewrite, replace_file, take_back
number, *files = int(sys.argv[1]), *sys.argv[2:]
def replace(rewrite, mark):
    backup = replace_file(rewrite, mark)
    if rewrite.file == files[0]:
        os.kill(os.getpid(), number)
    return backup
def take(rewrite, mark):
    os.kill(os.getpid(), number)  # an impatient user
    take_back(rewrite, mark)
apply.replace_file, apply.take_back = replace, take
try:
    rewrites = tuple(Rewrite(file, b"old", b"new") for file in files)
    apply.apply_plan(Plan(rewrites, (), ()), {}, print)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process at once")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_between_two_files(files: tuple[Path, Path], name: str) -> None:
    """All files are restored, also where a second signal comes meanwhile."""
    for file in files:
        file.write_bytes(b"old")
    number = str(int(getattr(signal, name)))
    command = [sys.executable, "-c", SIGNALLED, number, *map(str, files)]
    done = subprocess.run(command, capture_output=True, check=False)

    assert (done.returncode, done.stdout) == (0, b"interrupted\n"), done
    for file in files:
        assert file.read_bytes() == b"old"
        assert list_backups(str(file)) == []
