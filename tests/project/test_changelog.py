"""Facts about CHANGELOG.md: it agrees with the version, and its links with the project's URL."""

import datetime as dt
import re
import subprocess
import sys

import pytest

from docker_credential_ecrpy import HOMEPAGE, PACKAGE, __version__
from tests.world.tree import REPOSITORY
from tools import roff

pytestmark = pytest.mark.tree
TEXT = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", TEXT, re.MULTILINE)


def test_the_version_is_the_latest_section() -> None:
    """Below Unreleased, with the day of its release."""
    (first, no_date), (version, date), *_ = HEADINGS

    assert (first, no_date, version) == ("Unreleased", "", __version__)
    assert str(dt.date.fromisoformat(date)) == date
    assert roff.find_release_date(TEXT) == date


@pytest.mark.parametrize("argument", ["version", "--version"])
def test_the_program_prints_that_version(argument: str) -> None:
    """In both ways of asking."""
    done = subprocess.run(
        [sys.executable, "-m", "docker_credential_ecrpy", argument],
        capture_output=True,
        check=True,
        cwd=REPOSITORY,
        text=True,
    )

    assert done.stdout.endswith(f"({PACKAGE}) {HEADINGS[1][0]}\n")


def test_every_section_has_its_link() -> None:
    """A comparison for what is unreleased, a release for each version."""
    links = dict(re.findall(r"^\[(.+?)\]: (\S+)$", TEXT, re.MULTILINE))
    expected = {version: f"{HOMEPAGE}/releases/tag/v{version}" for version, _ in HEADINGS[1:]}

    assert links == {"Unreleased": f"{HOMEPAGE}/compare/v{__version__}...HEAD", **expected}


def test_the_sections_are_those_of_keep_a_changelog() -> None:
    """In its order, each at most once in a version, none is empty, and no entry is there twice."""
    kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    for section in re.split(r"^## .*$", TEXT, flags=re.MULTILINE)[1:]:
        found = re.findall(r"^### (.+)$\n\n- ", section, re.MULTILINE)
        assert found == sorted(found, key=kinds.index)
        assert len(found) == len(set(found)) == section.count("\n### ")
        entries = re.findall(r"^- (.{60})", section, re.MULTILINE)
        assert len(entries) == len(set(entries))


def test_a_version_without_a_date_is_an_error() -> None:
    """The manual pages need one."""
    with pytest.raises(ValueError, match=re.escape(__version__)):
        roff.find_release_date(f"## [{__version__}]\n")
