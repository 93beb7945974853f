"""Facts about the time limit of `doctor`."""

import time

import pytest

from docker_credential_ecrpy.doctor.deadline import Deadline, NotChecked, attempt
from docker_credential_ecrpy.errors import HelperError


def test_a_share_is_an_equal_part_of_what_is_left() -> None:
    """The last registry has all that is left, and the deadline itself does not change."""
    deadline = Deadline(time.monotonic() + 100)

    assert 24 < deadline.share(4).left() <= 25
    assert 99 < deadline.share(1).left() <= 100
    assert 99 < deadline.left() <= 100


def test_no_time_is_an_error_of_its_own() -> None:
    """A check that did not begin differs from one without an answer."""
    with pytest.raises(NotChecked, match="AWS_ECR_TIMEOUT"):
        Deadline(time.monotonic() - 1).left()
    with pytest.raises(NotChecked):
        Deadline(time.monotonic() - 1).share(2).left()


def test_an_unexpected_error_is_a_fact() -> None:
    """A fault of one probe does not lose the report: it is the error of that probe."""
    error = attempt(lambda: dict[str, str]()["ACCOUNT_ID"])

    assert isinstance(error, HelperError)
    assert error.message.startswith("unexpected error at test_deadline.py:")
    assert str(error.hint).endswith("/issues")


def test_a_reader_that_left_is_no_fact() -> None:
    """What is printed on a closed pipe ends the run."""

    def write() -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        attempt(write)
