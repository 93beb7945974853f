"""`make install` and `make uninstall`, as a person runs them."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.binary.conftest import DIST, DROP_IN, NAME
from tests.stage import Stage

REPOSITORY = DIST.parent


def _make(target: str, prefix: Path, code: int = 0, **variables: str) -> str:
    settings = [f"{name}={value}" for name, value in {"PREFIX": prefix, **variables}.items()]
    done = subprocess.run(
        ["make", "--no-print-directory", target, *settings],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode != 0) == (code != 0), done
    return done.stderr


def _tree(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


def test_install_run_and_uninstall(stage: Stage) -> None:
    """Both names on PATH, found by a client, with their manual pages; then nothing is left."""
    prefix = stage.root / "prefix"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "mine").touch()
    before = _tree(prefix)
    _make("install", prefix)

    stage.login()
    stage.environ["PATH"] = f"{prefix}/bin:{os.environ['PATH']}"
    for name in (DROP_IN, NAME):
        stage.program = ["env", name]
        assert stage.get().secret in stage.aws.issued
        assert (prefix / "share" / "man" / "man1" / f"{name}.1").is_file()
    assert stage.aws.count() == {"ecr": 1}

    _make("uninstall", prefix)
    assert _tree(prefix) == before


def test_installing_again_takes_the_place_of_the_old(tmp_path: Path) -> None:
    """An upgrade; what the old one had and the new one has not is gone."""
    _make("install", tmp_path / "prefix")
    (tmp_path / "prefix" / "lib" / NAME / "_internal" / "old").touch()
    before = _tree(tmp_path / "prefix")
    _make("install", tmp_path / "prefix")

    assert before - _tree(tmp_path / "prefix") == {f"lib/{NAME}/_internal/old"}
    _make("uninstall", tmp_path / "prefix")
    assert _tree(tmp_path) == set()


@pytest.mark.parametrize("name", [DROP_IN, NAME])
@pytest.mark.parametrize("kind", ["file", "link", "broken link"])
def test_another_program_of_the_name_stays(tmp_path: Path, name: str, kind: str) -> None:
    """A Go helper in /usr/local/bin is not ours to replace, nor to remove."""
    (tmp_path / "bin").mkdir()
    other = tmp_path / "bin" / name
    if kind == "file":
        other.write_text("another program")
    else:
        other.symlink_to("/bin/true" if kind == "link" else "nowhere")
    before = _tree(tmp_path)

    assert f"{other} is there already" in _make("install", tmp_path, code=1)
    assert _tree(tmp_path) == before
    assert "nothing to uninstall" in _make("uninstall", tmp_path, code=1)
    assert _tree(tmp_path) == before


def test_uninstall_leaves_a_program_that_came_later(tmp_path: Path) -> None:
    """A link that somebody turned elsewhere stays."""
    _make("install", tmp_path)
    link = tmp_path / "bin" / DROP_IN
    link.unlink()
    link.symlink_to("/bin/true")
    _make("uninstall", tmp_path)

    assert _tree(tmp_path) == {"bin", f"bin/{DROP_IN}"}


def test_destdir_is_put_in_front(tmp_path: Path) -> None:
    """As packagers need it; the links hold nothing of it."""
    _make("install", Path("/usr"), DESTDIR=str(tmp_path))

    link = tmp_path / "usr" / "bin" / DROP_IN
    assert os.readlink(link) == f"../lib/{NAME}/{DROP_IN}"
    done = subprocess.run([link, "version"], capture_output=True, check=True)
    assert done.stdout.startswith(DROP_IN.encode())
