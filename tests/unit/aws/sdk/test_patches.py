"""Facts about botocore's adaptations that need no call."""

from typing import Any

import pytest
from botocore.utils import parse_timestamp

from docker_credential_ecrpy.aws.sdk.patches import parse_time


@pytest.mark.parametrize(
    "value", [1_790_000_000, 1_790_000_000.25, "1790000000", "2026-09-21T14:13:20Z", -1, 0]
)
def test_a_time_is_botocores(value: Any) -> None:
    """Seconds, as ECR writes them, and texts, as STS does, are the same instant."""
    assert parse_time(value) == parse_timestamp(value)


@pytest.mark.parametrize("value", ["no time", float("nan")])
def test_what_is_no_time_is_botocores_error(value: Any) -> None:
    """Whatever cannot be parsed fails as in botocore."""
    with pytest.raises((ValueError, RuntimeError)) as wanted:
        parse_timestamp(value)
    with pytest.raises(wanted.type):
        parse_time(value)
