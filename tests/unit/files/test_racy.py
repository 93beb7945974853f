"""Racy timestamps: files that changed within the current clock tick."""

import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.files import racy
from docker_credential_ecrpy.hot import identity


@pytest.fixture(name="slept")
def _slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


@pytest.mark.parametrize(
    ("changed", "age_ms", "left_ms"),
    [
        (1_800_000_000_500_000_001, 0, 20),
        (1_800_000_000_500_000_001, 15, 5),
        (1_800_000_000_500_000_001, 21, 0),
        (1_800_000_000_500_000_001, -1, 20),
        (1_800_000_000_500_000_001, -3_600_000, 0),
        (1_800_000_000_500_000_001, 3_600_000, 0),
        (1_800_000_000_000_000_000, 1_500, 500),
        (1_800_000_000_000_000_000, 2_500, 0),
    ],
)
def test_how_long_a_tick_lasts(changed: int, age_ms: int, left_ms: int) -> None:
    """A tick lasts 20 ms, or 2 s for whole seconds; a time far in the future never waits."""
    assert racy.time_left(changed, changed + age_ms * 10**6) == left_ms * 10**6


def test_missing_files_are_not_waited_for(tmp_path: Path, slept: list[float]) -> None:
    """Neither a missing file nor an empty list waits."""
    racy.wait([str(tmp_path / "missing"), "\0"])
    racy.wait([])

    assert slept == []


def test_a_symlink_that_was_just_retargeted_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slept: list[float]
) -> None:
    """A symlink retargeted just now is waited for, but not a file that keeps changing."""
    old, link = tmp_path / "old", tmp_path / "link"
    old.write_text("x")
    until = time.time_ns() + racy.STEP
    while time.time_ns() < until:
        pass
    link.symlink_to(old)
    changed = link.lstat().st_ctime_ns
    monkeypatch.setattr(time, "time_ns", lambda: changed + 1_000_000)
    racy.wait([str(link)])

    assert slept == [pytest.approx(0.019)] * 3


@pytest.mark.parametrize("of", ["file", "directory"])
def test_a_symlink_retargeted_and_back_shows(tmp_path: Path, of: str) -> None:
    """Retargeting a file's or directory's symlink and back shows; a dangling one is not missing."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config").write_text(name)
    link = tmp_path / "link"
    path = link if of == "file" else link / "config"

    def turn(name: str) -> str:
        link.unlink(missing_ok=True)
        target = tmp_path / name
        link.symlink_to(target / "config" if of == "file" else target)
        return identity.file_stamp(str(path))

    stamps = [turn(name) for name in ("one", "other", "one", "nowhere")]
    assert len({*stamps, identity.MISSING}) == 5
