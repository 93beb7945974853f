"""Facts about SECURITY.md: every test that it quotes exists, and every promise quotes one."""

import re

import pytest

from tests.world.tree import REPOSITORY

pytestmark = pytest.mark.tree
TEXT = (REPOSITORY / "SECURITY.md").read_text(encoding="utf-8")
QUOTED = sorted(set(re.findall(r"`([\w/]+\.py)((?:::\w+)+)`", TEXT)))


@pytest.mark.parametrize(("path", "name"), QUOTED, ids=[path + name for path, name in QUOTED])
def test_a_quoted_test_exists(path: str, name: str) -> None:
    """In the file and the class that SECURITY.md names."""
    text = (REPOSITORY / "tests" / path).read_text(encoding="utf-8")
    *classes, function = name.split("::")[1:]
    indent = ""
    for class_ in classes:
        _, found, text = text.partition(f"\nclass {class_}:\n")
        assert found
        text = re.split(r"^\S", text, maxsplit=1, flags=re.MULTILINE)[0]
        indent = "    "

    assert re.search(rf"^{indent}def {function}\(", text, re.MULTILINE)


@pytest.mark.parametrize("heading", ["Which programs are run", "What a release contains"])
def test_every_promise_of_a_list_quotes_a_test(heading: str) -> None:
    """Those about threats have their own column; the checksums are made in a workflow."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    promises = re.split(r"^- ", section, flags=re.MULTILINE)[1:]

    assert len(promises) >= 4
    assert [text for text in promises if "::test_" not in text and "SHA256SUMS" not in text] == []
