"""Facts about the ways to install on the install page: tests run those that it says so of."""

import re

import pytest

from tests.world import installations
from tests.world.documents import find_page
from tests.world.tree import REPOSITORY
from tools.package_managers.__main__ import MANAGERS

pytestmark = pytest.mark.tree
WAYS = installations.read()
TITLES = {name.lower(): name for name in WAYS}


def _called() -> set[str]:
    """Return the ways whose command a test takes from the page, to run it."""
    sources = [path.read_text(encoding="utf-8") for path in REPOSITORY.glob("tests/*/test_*.py")]
    return {
        way for text in sources for way in re.findall(r'installations\.command\("(.*?)"\)', text)
    }


def test_the_table_says_what_tests_run() -> None:
    """Each way that is run, all or in part, and no other."""
    run = {way for way, (_, _, answer) in WAYS.items() if answer != installations.NOT}
    answers = {answer for _, _, answer in WAYS.values()}

    assert answers == {installations.TESTED, installations.PARTLY, installations.NOT}
    assert _called() == run


def test_what_is_run_in_part_is_explained() -> None:
    """Below the table, as is what is not run at all, but for what is not published."""
    text = find_page("install").text.partition(installations.HEADING)[2].partition("\n### ")[0]
    for way, (_, _, answer) in WAYS.items():
        if answer != installations.TESTED and way != "PyPI":
            assert re.search(rf"^- {way}(:| and )|^- \w+ and {way}:", text, re.MULTILINE), way


def test_every_package_manager_is_in_the_table() -> None:
    """All for which `make dist` writes files."""
    assert {*MANAGERS} <= {*TITLES}


def test_nothing_is_called_published() -> None:
    """The project has no release yet: what comes from elsewhere than the tree says so."""
    for way, (command, by, _) in WAYS.items():
        from_tree = re.search(r"(install|dist|make|sh) .*[./]|make", command)
        assert by.startswith("this project")
        assert from_tree or by.endswith("; not published yet"), way
