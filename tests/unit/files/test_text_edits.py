"""Edits of a text by offsets."""

import pytest

from docker_credential_ecrpy.files import text_edits

TEXT = "0123456789"


@pytest.mark.parametrize(
    ("edits", "after"),
    [
        ([], TEXT),
        ([(8, 10, ""), (0, 1, "a"), (5, 5, "bc")], "a1234bc567"),
        ([(3, 5, ""), (3, 3, "a"), (3, 3, "b")], "012ab56789"),
        ([(2, 9, ""), (4, 6, "x")], "01x9"),
        ([(10, 12, "end")], TEXT + "end"),
    ],
)
def test_edits_in_any_order(edits: list[text_edits.Edit], after: str) -> None:
    """Text between edits stays, and insertions at one place keep their order."""
    assert text_edits.apply_edits(TEXT, edits) == after


@pytest.mark.parametrize(
    ("text", "end"),
    [("", "\n"), ("a", "\n"), ("a\nb\r\n", "\n"), ("a\r\nb\n", "\r\n"), ("\r\n", "\r\n")],
)
def test_the_line_end_is_that_of_the_first_line(text: str, end: str) -> None:
    """A text without line ends gets Unix ones."""
    assert text_edits.line_end(text) == end
