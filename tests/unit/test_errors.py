"""Errors: what is wrong, and then what to do."""

import pytest

from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError, WireText


def test_an_error_says_what_is_wrong_and_then_what_to_do() -> None:
    """An error is one line of message and hint; without a hint, the message alone."""
    assert str(HelperError("it broke", hint="fix it")) == "it broke; fix it"
    assert str(HelperError("it broke")) == "it broke"


@pytest.mark.parametrize("kind", [DeadlineExceeded, WireText])
def test_there_is_one_root(kind: type[HelperError]) -> None:
    """Catching HelperError catches every error of the tree."""
    assert issubclass(kind, HelperError)
