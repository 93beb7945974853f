"""The ways to install that docs/install.md has."""

from tests.world.documents import find_page, quoted

HEADING = "## Every way to install"
TESTED, PARTLY, NOT = "yes", "in part", "no"


def read() -> dict[str, tuple[str, str, str]]:
    """Return the table: way -> its command, who maintains it, and whether tests run it."""
    rows = find_page("install").table(HEADING)
    return {way: (quoted(command)[0], by, run) for way, command, by, run in rows}


def command(way: str) -> str:
    """Return the command of a way, which a test runs; test_install_page.py looks for the calls."""
    found, _, run = read()[way]
    assert run != NOT, f"docs/install.md says that no test runs this: {way}"
    return found
