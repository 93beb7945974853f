"""Programs on PATH are found as Docker finds them."""

import os
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy.files.programs import search_path

NAME = "docker-credential-x"


def put(directory: Path, name: str = NAME, mode: int = 0o700) -> str:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.touch(mode)
    return str(path)


def environ(*directories: Path | str, **more: str) -> dict[str, str]:
    return {"PATH": os.pathsep.join(map(str, directories)), **more}


@pytest.mark.skipif(sys.platform == "win32", reason="program names have extensions there")
def test_the_first_on_path_is_it(tmp_path: Path) -> None:
    """The first directory of PATH wins; the others follow in order."""
    a, b = put(tmp_path / "a"), put(tmp_path / "b")
    places = environ(tmp_path / "none", tmp_path / "b", tmp_path / "a")

    assert search_path.find(NAME, places) == b
    assert list(search_path.find_all(NAME, places)) == [b, a]


@pytest.mark.skipif(sys.platform == "win32", reason="every file is executable there")
def test_what_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Non-executable files, directories, and relative or empty PATH entries are skipped."""
    put(tmp_path / "plain", mode=0o600)
    (tmp_path / "other" / NAME).mkdir(parents=True)
    put(tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    places = environ(tmp_path / "plain", tmp_path / "other", "", ".", "../here", tmp_path / "none")

    assert search_path.find(NAME, places) == ""
    assert search_path.find(NAME, {}) == ""


@pytest.mark.parametrize(
    ("endings", "found"),
    [(None, ".exe"), ([], ".exe"), ([".bat", ".exe"], ".bat"), ([".py"], "")],
    ids=["unset", "empty", "in their order", "another"],
)
def test_endings_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, endings: list[str] | None, found: str
) -> None:
    """Extensions come from PATHEXT, or from Go's default; each directory gives one program."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "pathsep", ";")
    for ending in ("", ".cmd", ".exe", ".bat"):
        put(tmp_path / "a", NAME + ending)
    places = environ(tmp_path / "a")
    if endings is not None:
        places["PATHEXT"] = os.pathsep.join(endings)

    paths = [str(tmp_path / "a" / NAME) + found] if found else []
    assert list(search_path.find_all(NAME, places)) == paths


@pytest.mark.skipif(sys.platform == "win32", reason="paths of another form there")
def test_a_path_is_no_name(tmp_path: Path) -> None:
    """A name with a slash is not looked up: it could lead out of the directories of PATH."""
    put(tmp_path / "out")
    (tmp_path / "a").mkdir()

    assert search_path.find(f"../out/{NAME}", environ(tmp_path / "a")) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Unix modes")
@pytest.mark.parametrize(
    ("changed", "mode", "found"),
    [
        ("a/x", 0o777, "a/x"),
        ("a/x", 0o775, "a/x"),
        ("a/x", 0o1777, ""),
        ("a", 0o777, "a"),
        ("a", 0o1777, ""),
        (f"a/x/{NAME}", 0o757, f"a/x/{NAME}"),
        (f"a/x/{NAME}", 0o775, f"a/x/{NAME}"),
        ("", 0o755, ""),
    ],
)
def test_what_another_user_can_replace(tmp_path: Path, changed: str, mode: int, found: str) -> None:
    """In any directory above it, and through a symlink; sticky directories protect their files."""
    import grp  # Unix alone has it

    path = Path(put(tmp_path / "a" / "x"))
    path.chmod(0o755)
    group = next(each.gr_gid for each in grp.getgrall() if each.gr_gid != os.getgid())
    for part in ("a", "a/x", f"a/x/{NAME}"):
        os.chown(tmp_path / part, -1, group) if os.getuid() == 0 else None
    (tmp_path / changed).chmod(mode)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / NAME).symlink_to(path)

    for at in (path, tmp_path / "b" / NAME):
        risk = search_path.find_risk(str(at))
        assert str(risk) == (f"other users can write in {tmp_path / found}" if found else "None")


@pytest.mark.skipif(sys.platform == "win32", reason="Unix owners")
@pytest.mark.parametrize("owned", ["a", "a/x", f"a/x/{NAME}"])
def test_what_another_user_owns(tmp_path: Path, owned: str) -> None:
    """Its owner can replace it."""
    if os.getuid() != 0:
        pytest.skip("root alone can give a file away")
    path = put(tmp_path / "a" / "x")
    os.chown(tmp_path / owned, 12345, -1)

    assert str(search_path.find_risk(path)) == f"{tmp_path / owned} belongs to another user"
