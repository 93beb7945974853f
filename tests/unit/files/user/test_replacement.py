"""Facts about other programs that write a file while it is replaced: no write is lost."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from docker_credential_ecrpy.errors import FileChanged, HelperError
from docker_credential_ecrpy.files.replace import Rewrite, replace_file, take_back
from docker_credential_ecrpy.files.user import exchange
from docker_credential_ecrpy.files.user.backup import list_backups, make_mark
from docker_credential_ecrpy.files.user.target import Target

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows replaces no open file")
swaps = pytest.mark.skipif(sys.platform != "linux", reason="renameat2 is Linux's")
STEPS = ("stat", "open_file", "create", "link", "rename", "remove", "list_names")
THEIRS = b"theirs"

Write = Callable[[Path], object]


def replace_by_rename(path: Path, data: bytes = THEIRS) -> None:
    """Write as Docker does: beside, then a rename."""
    beside = path.with_name("docker-own")
    beside.write_bytes(data)
    beside.replace(path)


def write_in_place(path: Path) -> None:
    """Write as an editor may do: into the same file."""
    path.write_bytes(THEIRS)


class Rival:
    """Another program, which acts before one step of a replacement: the `at`th file access."""

    def __init__(self, at: int, act: Callable[[], object]) -> None:
        self.at, self.act, self.steps = at, act, list[str]()

    @property
    def has_acted(self) -> bool:
        return len(self.steps) > self.at

    def watch(self, monkeypatch: pytest.MonkeyPatch, place: object, name: str) -> None:
        """Count the calls of a function as steps."""
        function = getattr(place, name)

        def step(*given: Any) -> Any:
            self.steps.append(name)
            if len(self.steps) == self.at + 1:
                self.act()
            return function(*given)

        monkeypatch.setattr(place, name, step)


def run(
    tmp_path: Path, rival: Rival, act: Callable[[str], str], *, has_swap: bool = True
) -> tuple[list[Path], str]:
    """Run something on a file while a rival acts; return what it says it wrote, and its error.

    The first are the file and the backups that the result or the error names.
    """
    path = tmp_path / "config.json"
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in STEPS:
            rival.watch(monkeypatch, Target, name)
        if not has_swap:
            monkeypatch.setattr(exchange, "_rename", lambda *_: False)
        rival.watch(monkeypatch, exchange, "swap")
        rival.watch(monkeypatch, exchange, "take_name")
        said = error = ""
        try:
            said = act(str(path))
        except HelperError as exc:
            said = error = str(exc)
    backups = [each for each in path.parent.glob("*.bak") if str(each) in said]
    return [path, *backups], error


def contents(paths: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths if path.exists()]


def try_each_step(
    tmp_path: Path, write: Write, act: Callable[[str], str], before: bytes | None, **how: bool
) -> list[str]:
    """Let a rival write before each step in turn; return the steps at which its write was lost.

    At each, the error or the file has what is ours, and no temporary file is left.
    """
    lost: list[str] = []
    for at in range(200):
        directory = tmp_path / str(at)
        directory.mkdir()
        path = directory / "config.json"
        if before is not None:
            path.write_bytes(before)
        rival = Rival(at, lambda path=path: write(path))  # type: ignore[misc]  # its default
        kept, error = run(directory, rival, act, **how)
        if not rival.has_acted:
            assert at > 5
            assert error == ""
            return lost
        if THEIRS not in contents(kept):
            lost.append(rival.steps[at])
        if error:
            assert "another program changed it" in error
            assert error.endswith("; that change is kept: run this again")
            assert path.read_bytes() == THEIRS
        assert not list(directory.glob(".*")), rival.steps[at:]
    raise AssertionError(at)


def replace(file: str) -> str:
    return replace_file(Rewrite(file, b"old", b"ours"))


def create(file: str) -> str:
    return replace_file(Rewrite(file, None, b"ours"))


@pytest.mark.parametrize("write", [replace_by_rename, write_in_place])
@pytest.mark.parametrize(("act", "before"), [(replace, b"old"), (create, None)])
@swaps
def test_a_write_at_any_step(
    tmp_path: Path, write: Write, act: Callable[[str], str], before: bytes | None
) -> None:
    """Another program's write is in the file, whenever it comes, or in a backup that is named."""
    assert try_each_step(tmp_path, write, act, before) == []


@pytest.mark.parametrize(("act", "before"), [(replace, b"old"), (create, None)])
@posix
def test_a_write_in_place_where_names_cannot_be_swapped(
    tmp_path: Path, act: Callable[[str], str], before: bytes | None
) -> None:
    """There, too, a write into the file is never lost."""
    assert try_each_step(tmp_path, write_in_place, act, before, has_swap=False) == []


@posix
def test_a_rename_where_names_cannot_be_swapped(tmp_path: Path) -> None:
    """A rename is lost only where it comes between the last look and our own rename."""
    assert try_each_step(tmp_path, replace_by_rename, replace, b"old", has_swap=False) == ["rename"]
    (tmp_path / "new").mkdir()
    assert try_each_step(tmp_path / "new", replace_by_rename, create, None, has_swap=False) == []


@swaps
@pytest.mark.parametrize("write", [replace_by_rename, write_in_place])
@pytest.mark.parametrize("before", [b"old", None])
def test_a_write_while_a_change_is_taken_back(
    tmp_path: Path, write: Write, before: bytes | None
) -> None:
    """The write is in the file, or in a backup that the error names."""

    def act(file: str) -> str:
        try:
            take_back(Rewrite(file, before, b"ours"), make_mark([file]))
        except HelperError as exc:
            said = str(exc)
            assert "another program changed it" in said
            which = "second newest" if "that change, too" in said else "newest"
            assert said.endswith(f"; its previous content is in the {which} backup beside it")
        return ""

    assert try_each_step(tmp_path, write, act, b"ours") == []


@swaps
@pytest.mark.parametrize("second", [replace_by_rename, Path.unlink], ids=["a rename", "a removal"])
def test_two_writes(tmp_path: Path, second: Write) -> None:
    """The first comes just before the swap, the second just before it is swapped back."""
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    swap, done = exchange.swap, list[str]()

    def act(directory: int, one: str, other: str) -> bool:
        done.append(other)
        if len(done) == 1:
            replace_by_rename(path, b"first")
        else:
            second(path)
        return swap(directory, one, other)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(exchange, "swap", act)
        with pytest.raises(FileChanged) as caught:
            replace(str(path))
    kept = [each for each in tmp_path.glob("*.bak") if str(each) in str(caught.value)]

    there = [b"first", b"first" if second is Path.unlink else THEIRS]
    assert sorted(contents([path, *kept])) == there
    assert len(os.listdir(tmp_path)) == 2
    assert "that change is kept: run this again" in str(caught.value)


@posix
@pytest.mark.parametrize("has_swap", [True, False])
def test_a_program_that_has_the_file_open(tmp_path: Path, *, has_swap: bool) -> None:
    """What it writes after the replacement is in the backup."""
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    with path.open("r+b") as file:
        (_, backup), error = run(tmp_path, Rival(-1, print), replace, has_swap=has_swap)
        file.write(THEIRS)

    assert error == ""
    assert (path.read_bytes(), backup.read_bytes()) == (b"ours", THEIRS)


# Adds a number to what it reads, by a rename, as `docker login` does; it prints how many it added.
WRITER = """
import json, os, select, sys
file, number = sys.argv[1], 0
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0.001)[0]:
    with open(file) as present:
        numbers = json.load(present)
    with open(file + "777", "w") as beside:
        json.dump([*numbers, number], beside)
    os.replace(file + "777", file)
    number += 1
print(number)
"""


@swaps
def test_hundreds_of_tries(tmp_path: Path) -> None:
    """Each number of a writer that never rests is in the file, or in a backup that was named."""
    path = tmp_path / "config.json"
    path.write_bytes(b"[]")
    kept, tries = set[int](), {True: 0, False: 0}
    command = [sys.executable, "-I", "-S", "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        for _ in range(400):
            before = path.read_bytes()
            try:
                replace_file(Rewrite(str(path), before, before + b" "))
                tries[True] += 1
            except FileChanged as exc:
                tries[False] += 1
                named = [each for each in tmp_path.glob("*.bak") if str(each) in str(exc)]
                for backup in named:
                    kept |= set(json.loads(backup.read_bytes()))
        said, _ = child.communicate(b"stop\n", timeout=60)

    assert kept | set(json.loads(path.read_bytes())) == set(range(int(said)))
    assert tries[False] > 0
    assert int(said) > 100
    assert not list(tmp_path.glob(".*"))


@swaps
def test_a_mode_that_another_program_tightens(tmp_path: Path) -> None:
    """Such a change counts as one of the content: the new file would have more readers."""

    def tighten(path: Path) -> None:
        path.chmod(0o600)

    for at in range(200):
        (tmp_path / str(at)).mkdir()
        path = tmp_path / str(at) / "config.json"
        path.write_bytes(b"old")
        path.chmod(0o644)
        rival = Rival(at, lambda path=path: tighten(path))  # type: ignore[misc]  # its default
        run(path.parent, rival, replace)
        if not rival.has_acted:
            return
        assert path.stat().st_mode & 0o777 == 0o600, rival.steps[at:]
    raise AssertionError


@pytest.mark.parametrize("has_swap", [pytest.param(True, marks=swaps), False])
def test_an_interrupt_at_any_step(tmp_path: Path, *, has_swap: bool) -> None:
    """The file has its old or its new content, whole, and once it is new, a backup has the old."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    for at in range(200):
        directory = tmp_path / str(at)
        directory.mkdir()
        path = directory / "config.json"
        path.write_bytes(b"old")
        rival = Rival(at, interrupt)
        try:
            run(directory, rival, replace, has_swap=has_swap)
        except KeyboardInterrupt:
            pass
        else:
            return
        backups = [Path(each.path).read_bytes() for each in list_backups(str(path))]
        assert (path.read_bytes() == b"old") or (path.read_bytes(), backups) == (b"ours", [b"old"])
        assert path.stat().st_nlink == 1
    raise AssertionError
