"""Facts about errors: what is wrong, and then what to do."""

import pytest

from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError, WireText


def test_an_error_says_what_is_wrong_and_then_what_to_do() -> None:
    """Two parts, one line; without a cure the first alone."""
    assert str(HelperError("it broke", hint="mend it")) == "it broke; mend it"
    assert str(HelperError("it broke")) == "it broke"


@pytest.mark.parametrize("kind", [DeadlineExceeded, WireText])
def test_there_is_one_root(kind: type[HelperError]) -> None:
    """Whoever catches HelperError catches all."""
    assert issubclass(kind, HelperError)
