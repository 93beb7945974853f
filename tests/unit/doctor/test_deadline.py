"""Facts about the time limit of `doctor`."""

import time

import pytest

from docker_credential_ecrpy.doctor.deadline import Deadline, NotChecked


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
