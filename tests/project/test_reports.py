"""Facts about the list of reports from the field."""

import re

import pytest

from tests.world.field_reports import DOCTOR, ERRORS
from tests.world.tree import REPOSITORY


@pytest.mark.parametrize("report", [*DOCTOR, *ERRORS])
def test_the_source_of_each_report_is_known(report: str) -> None:
    """It is a thread of a repository that tests/README.md lists, or a set-up of ours."""
    guide = (REPOSITORY / "tests" / "README.md").read_text()
    short_names = re.findall(r"^\| `([\w.-]+)` \| [\w.-]+/[\w.-]+ \|$", guide, re.MULTILINE)

    source, _, said = report.partition(" ")
    assert said
    assert source == "setup" or source.rpartition("#")[0] in short_names
