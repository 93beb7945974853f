"""Facts about the folders of a cache: whose they are, and which files in them are ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.files.directory import Directory, Refused
from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import folder
from docker_credential_ecrpy.tokens.folder import FOLDERS, MARKER, MARKER_TEXT
from tests.world.entries import make_folder

pytestmark = pytest.mark.usefixtures("same_descriptors")
HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
MANY = """
import sys, time
from docker_credential_ecrpy.tokens import folder
print("ready", flush=True)
sys.stdin.read(1)
for name in folder.FOLDERS:
    folder.open_folder(sys.argv[1] + "/" + name, create=True).close()
"""


def test_a_new_folder_has_a_marker_in_words(tmp_path: Path) -> None:
    """The marker says whose folder it is, in one line."""
    made = make_folder(tmp_path / "ecr" / "tokens")

    text = (made / MARKER).read_text()
    assert text.count("\n") == 1
    assert "this folder belongs to docker-credential-ecrpy" in text
    assert [path.name for path in made.iterdir()] == [MARKER]
    if sys.platform != "win32":
        assert (made / MARKER).stat().st_mode & 0o777 == 0o600


def test_many_processes_may_create_it_at_once(tmp_path: Path) -> None:
    """Of 64 first processes, none finds a folder that it must not use."""
    command = [sys.executable, "-c", MANY, str(tmp_path / "deep" / "ecr")]
    children = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(64)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"x")
        child.stdin.flush()
    said = [child.communicate(timeout=120)[1] for child in children]

    assert {child.returncode for child in children} == {0}, said
    for name in FOLDERS:
        made = tmp_path / "deep" / "ecr" / name
        assert [path.name for path in made.iterdir()] == [MARKER]
        assert (made / MARKER).read_bytes() == MARKER_TEXT


OURS = {
    "tokens": [(f"{HOST}~{1:032x}", b"ecrpy-2 x"), (f"ecr@a.aws~{1:032x}", b"ecrpy-3 x")],
    "logins": [(f"{HOST}~{1:032x}", b""), (".new-5-6", b"ecr")],
    "elsewhere": [(f"ghcr.io~{1:032x}", b"ecrpy-2 "), (".docker-credential-ecrpy-5-6.new", b"")],
    "registries": [(HOST, b"")],
    "locks": [("logins", b""), ("ecr-fips@a.aws~0ff", b'{"who": "x"}'), ("ecr@a.aws~0ff", b"")],
}
OTHERS = {
    "tokens": [(f"{HOST}~{1:031x}", b"ecrpy-2 "), (f"{HOST}~{1:032x}", b"x"), ("a~", b"")],
    "logins": [(f"-~{1:032x}", b""), (f"{HOST}~{1:032X}A"[:-1] + "G", b""), (".new-5-6", b"x")],
    "elsewhere": [(f"a b~{1:032x}", b""), (".DS_Store", b""), (f"a@~{1:032x}", b"")],
    "registries": [(HOST, b"x"), ("main.tf~", b""), (HOST.upper(), b"")],
    "locks": [("logins", b"x"), ("ecr@a.aws~0ff", b"{}"), ("a.lock", b""), ("tokens", b"")],
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_with_files_of_ours_gets_a_marker(tmp_path: Path, name: str) -> None:
    """A folder of version 0.1.0 gets its marker, and then the mode 0700."""
    made = tmp_path / name
    made.mkdir()
    made.chmod(0o755)
    for file, content in OURS[name]:
        (made / file).write_bytes(content)
    folder.look_into(str(made)).close()
    assert not (made / MARKER).exists()
    assert made.stat().st_mode & 0o777 == 0o755

    folder.open_folder(str(made)).close()
    assert (made / MARKER).read_bytes() == MARKER_TEXT
    assert made.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("name", "file", "content"),
    [(name, file, content) for name in FOLDERS for file, content in OTHERS[name]],
)
def test_a_folder_with_another_file_gets_none(
    tmp_path: Path, name: str, file: str, content: bytes
) -> None:
    """A folder with one file that is not ours is not used, and keeps its mode."""
    made = tmp_path / name
    made.mkdir()
    made.chmod(0o755)
    for each, text in (*OURS[name], (file, content)):
        (made / each).write_bytes(text)
    before = made.stat().st_mode

    for create in (True, False):
        with pytest.raises(Refused, match=r"which this program did not create$"):
            folder.open_folder(str(made), create=create)
    with pytest.raises(Refused):
        folder.look_into(str(made))
    assert not (made / MARKER).exists()
    assert made.stat().st_mode == before
    (refused,) = folder.list_refusals(str(tmp_path))
    assert repr(file) in str(refused)
    assert refused.hint == "move it elsewhere, or set AWS_ECR_CACHE_DIR to an empty directory"


def test_an_empty_folder_is_not_claimed_to_remove_something(tmp_path: Path) -> None:
    """An empty folder gets a marker only when something is stored in it."""
    (tmp_path / "tokens").mkdir()
    with pytest.raises(FileNotFoundError):
        folder.open_folder(str(tmp_path / "tokens"))
    assert list((tmp_path / "tokens").iterdir()) == []

    folder.open_folder(str(tmp_path / "tokens"), create=True).close()
    assert (tmp_path / "tokens" / MARKER).exists()


@pytest.mark.parametrize("length", [0, 1, len(MARKER_TEXT) - 1])
def test_a_marker_that_was_cut_short_is_written_again(tmp_path: Path, length: int) -> None:
    """A machine that lost its power does not close the cache for ever."""
    made = make_folder(tmp_path / "tokens")
    (made / MARKER).write_bytes(MARKER_TEXT[:length])

    folder.open_folder(str(made), create=True).close()

    assert (made / MARKER).read_bytes() == MARKER_TEXT


@pytest.mark.parametrize("text", [b"x", MARKER_TEXT + b"x", MARKER_TEXT.upper()])
def test_a_marker_with_another_text_is_not_ours(tmp_path: Path, text: bytes) -> None:
    """A file that only has the marker's name stays, and the folder is not used."""
    made = make_folder(tmp_path / "tokens")
    (made / MARKER).write_bytes(text)

    with pytest.raises(Refused, match="did not create"):
        folder.open_folder(str(made), create=True)

    assert (made / MARKER).read_bytes() == text


def test_a_marker_that_another_process_writes_meanwhile_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two looks of one process, another one may create the marker."""
    made = make_folder(tmp_path / "tokens")
    (made / MARKER).unlink()
    names = Directory.names

    def late(self: Directory) -> list[str]:
        (made / MARKER).write_bytes(MARKER_TEXT)
        return names(self)

    monkeypatch.setattr(Directory, "names", late)

    folder.open_folder(str(made), create=True).close()


def test_a_folder_whose_marker_was_removed_gets_it_again(tmp_path: Path) -> None:
    """A folder is recognized by its files, too."""
    made = make_folder(tmp_path / "tokens")
    (made / f"{HOST}~{1:032x}").write_bytes(b"ecrpy-3 x")
    (made / MARKER).unlink()

    folder.open_folder(str(made)).close()
    assert (made / MARKER).read_bytes() == MARKER_TEXT


def test_every_entry_begins_with_the_magic() -> None:
    """What is written is recognized as ours."""
    now = 1_800_000_000 * cache.SECOND
    assert entry_file.pack("x", cache.Entry(now, now, now, b"")).startswith(folder._MAGIC)
    assert MARKER_TEXT.startswith(folder._MAGIC)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no such users")
def test_nothing_is_refused_where_nothing_is(tmp_path: Path) -> None:
    """A missing cache, or one that cannot be looked into, has no refusal."""
    assert folder.list_refusals(str(tmp_path / "missing")) == []
    assert folder.list_refusals(str(tmp_path)) == []
    (tmp_path / "file").touch()
    assert [str(exc) for exc in folder.list_refusals(str(tmp_path / "file"))] == [
        f"{tmp_path / 'file'} is not a directory"
    ]


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("registries", ["main.tf", "todo"]),
        ("registries", [HOST, "todo"]),
        ("registries", ["images.example.com"]),
        ("locks", ["logins"]),
        ("elsewhere", [".new-1-1"]),
    ],
)
@pytest.mark.parametrize("before", ["nothing", "a new cache"])
def test_empty_files_of_the_user(tmp_path: Path, name: str, files: list[str], before: str) -> None:
    """Empty files whose names could be ours do not make the user's folder one of the cache."""
    made = tmp_path / name
    made.mkdir()
    for file in files:
        (made / file).touch()
    if before == "a new cache":
        for other in FOLDERS:
            if other != name:
                (make_folder(tmp_path / other) / f"{HOST}~{1:032x}").write_bytes(b"ecrpy-3 x")

    for create in (True, False):
        with pytest.raises(Refused, match="which this program did not create"):
            folder.open_folder(str(made), create=create)
    assert sorted(path.name for path in made.iterdir()) == sorted(files)


@pytest.mark.parametrize("first", FOLDERS)
@pytest.mark.parametrize("shown_by", ["tokens", "logins"])
def test_a_cache_of_version_0_1_0_with_private_names(
    tmp_path: Path, first: str, shown_by: str
) -> None:
    """Its tokens or logins show what the empty files are, whichever folder is opened first."""
    for name in FOLDERS:
        (tmp_path / name).mkdir()
    (tmp_path / shown_by / f"images.example.com~{1:032x}").write_bytes(b"ecrpy-2 x")
    (tmp_path / "registries" / "images.example.com").touch()
    (tmp_path / "locks" / "logins").touch()
    with folder.look_into(str(tmp_path / "registries")) as opened:
        assert opened.names() == ["images.example.com"]

    folder.open_folder(str(tmp_path / first), create=True).close()

    marked = {name for name in FOLDERS if (tmp_path / name / MARKER).exists()}
    assert marked == {"registries", "locks", shown_by, first}
    for name in FOLDERS:
        folder.open_folder(str(tmp_path / name), create=True).close()


@pytest.mark.parametrize("name", FOLDERS)
def test_a_process_that_is_killed_before_its_first_marker(tmp_path: Path, name: str) -> None:
    """What a process leaves that is killed while it writes a marker closes no folder."""
    (tmp_path / name).mkdir()
    (tmp_path / name / ".docker-credential-ecrpy-5-6.new").touch()

    folder.open_folder(str(tmp_path / name), create=True).close()

    assert (tmp_path / name / MARKER).read_bytes() == MARKER_TEXT


def test_a_marker_with_a_second_hard_link_counts(tmp_path: Path) -> None:
    """A program that gives equal files one inode does not close the cache."""
    made = make_folder(tmp_path / "registries")
    (make_folder(tmp_path / "tokens") / MARKER).unlink()
    (tmp_path / "tokens" / MARKER).hardlink_to(made / MARKER)
    (made / "images.example.com").touch()

    folder.open_folder(str(made)).close()
    folder.open_folder(str(tmp_path / "tokens")).close()
    assert (made / MARKER).stat().st_nlink == 2


def test_each_refusal_says_what_does_not_work(tmp_path: Path) -> None:
    """Without its tokens a pull calls AWS; without its other folders, it does not."""
    for name in FOLDERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("mine")

    assert {exc.effect for exc in folder.list_refusals(str(tmp_path))} == {
        "tokens are not cached, so each pull calls AWS",
        "docker login fails",
        "registries are not listed",
        "each request for a registry that is not ECR reads the settings",
        "pulls at the same time each call AWS",
    }
    (tmp_path / "file").touch()
    (refused,) = folder.list_refusals(str(tmp_path / "file"))
    assert refused.effect == "no new tokens are cached"


@pytest.mark.skipif(sys.platform == "win32", reason="Unix hard links")
def test_a_file_of_another_program_says_how_that_shows(tmp_path: Path) -> None:
    """By its name, its content, or a second name."""
    made = make_folder(tmp_path / "tokens")
    entry = f"{HOST}~{'0' * 32}"
    opened = folder.open_folder(str(made))
    try:
        (made / "report.odt").write_bytes(b"")
        with pytest.raises(folder.Foreign, match=r"^its name is not one of this program's$"):
            folder.open_ours(opened, "report.odt")
        (made / entry).write_bytes(b"notes")
        with pytest.raises(folder.Foreign, match=r"^its content is not this program's$"):
            folder.open_ours(opened, entry)
        (made / entry).write_bytes(b"ecrpy-3 ")
        os.link(made / entry, tmp_path / "second")
        with pytest.raises(folder.Foreign, match=r"^it is not this user's own regular file$"):
            folder.open_ours(opened, entry)
    finally:
        opened.close()


def test_a_long_file_of_the_user_is_no_sign_of_an_old_cache(tmp_path: Path) -> None:
    """Only an entry of this program shows that unmarked folders are those of version 0.1.0."""
    for name, text in (("tokens/report.odt", "a long text"), ("registries/todo", "")):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)

    with pytest.raises(Refused, match="holds 'todo', which this program did not create"):
        folder.open_folder(str(tmp_path / "registries"), create=True)


def test_a_name_without_a_host_is_not_ours(tmp_path: Path) -> None:
    """A file whose name begins with the tilde of an entry's name belongs to somebody else."""
    made = make_folder(tmp_path / "tokens")
    (made / f"~{'0' * 32}").write_bytes(b"")

    with folder.open_folder(str(made)) as opened, pytest.raises(folder.Foreign):
        folder.open_ours(opened, f"~{'0' * 32}")
