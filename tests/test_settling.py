"""Facts about files that changed a moment ago."""

import os
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy import identity, settling


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
        (1_800_000_000_500_000_001, -1, 21),
        (1_800_000_000_500_000_001, -3_600_000, 0),
        (1_800_000_000_500_000_001, 3_600_000, 0),
        (1_800_000_000_000_000_000, 1_500, 500),
        (1_800_000_000_000_000_000, 2_500, 0),
    ],
)
def test_how_long_a_step_goes_on(changed: int, age_ms: int, left_ms: int) -> None:
    """Twenty milliseconds, or two seconds where times are whole ones; never for a clock ahead."""
    assert settling.left(changed, changed + age_ms * 10**6) == left_ms * 10**6


def test_files_that_are_not_there_are_not_waited_for(tmp_path: Path, slept: list[float]) -> None:
    """Nor is none."""
    settling.wait([str(tmp_path / "missing"), "\0"])
    settling.wait([])

    assert slept == []


def test_a_link_that_was_just_turned_is_waited_for(tmp_path: Path) -> None:
    """What it leads to may be old, and its stamp says where it was turned to."""
    old, link = tmp_path / "old", tmp_path / "link"
    old.write_text("x")
    time.sleep(0.05)
    link.symlink_to(old)
    before = identity.stamp_of(str(link))
    began = time.monotonic()
    settling.wait([str(link)])

    assert time.monotonic() - began > 0.005
    link.unlink()
    link.symlink_to(old)
    assert identity.stamp_of(str(link)) != before
    assert identity.stamp_of(str(old)) == identity.stamp(os.stat(old))
