"""An entry of the cache, and a machine with Docker's files."""

from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.tokens import entry as entry_file
from tests.world.entries import make_entry
from tests.world.hosts import HOST


@pytest.fixture(name="place")
def _place(tmp_path: Path) -> tuple[str, str]:
    return cache.token_place(str(tmp_path / "ecr"), HOST, "AWS_PROFILE='dev'")


@pytest.fixture(name="kept")
def _kept(place: tuple[str, str]) -> Path:
    entry_file.write(*place, make_entry())
    return Path(place[0])
