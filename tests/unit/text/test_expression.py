"""Regular expressions that are compiled when they are first used."""

import os
import re
import subprocess
import sys

import pytest

from docker_credential_ecrpy.text.expression import expression
from tests.world.tree import REPOSITORY


def test_it_is_what_re_compiles() -> None:
    """Methods, flags and groups."""
    found = expression(r"(?P<word>b+)|x", re.IGNORECASE)

    assert found.pattern == r"(?P<word>b+)|x"
    match = found.search("aBBa")
    assert match
    assert (match["word"], found.sub("-", "xbby"), found.fullmatch("c")) == ("BB", "--y", None)
    assert [each[0] for each in found.finditer("bxb")] == ["b", "x", "b"]


def test_without_flags_it_has_the_usual_ones() -> None:
    """It tells capitals from small letters, and knows Unicode."""
    found = expression("a")

    assert found.flags == re.compile("a").flags
    assert found.search("A") is None


def test_a_mistake_is_an_error_at_the_first_use() -> None:
    """And an unknown method is, too."""
    with pytest.raises(re.error):
        expression("(").search("")
    with pytest.raises(AttributeError):
        expression("a").nothing  # type: ignore[attr-defined]  # noqa: B018


def test_it_is_compiled_once_and_late() -> None:
    """Until then, not even `re` is loaded."""
    code = """
import sys
from docker_credential_ecrpy.text.expression import expression
late = expression("a")
assert "re" not in sys.modules
found = late.search
import re
re.compile = None
assert late.search is found
assert late.search("xa")
"""
    command = [sys.executable, "-S", "-c", code]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
