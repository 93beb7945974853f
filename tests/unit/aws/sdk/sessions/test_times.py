"""Facts about the times that botocore reads."""

from typing import Any

import pytest
from botocore.utils import parse_timestamp

from docker_credential_ecrpy.aws.sdk.sessions import times


@pytest.mark.parametrize(
    "value", [1_790_000_000, 1_790_000_000.25, "1790000000", "2026-09-21T14:13:20Z", -1, 0]
)
def test_a_time_in_a_response_is_botocores(value: Any) -> None:
    """Seconds, as ECR writes them, and texts, as STS does, are the same instant."""
    assert times.parse_response_time(value) == parse_timestamp(value)


@pytest.mark.parametrize("value", ["no time", float("nan")])
def test_what_is_no_time_in_a_response_is_botocores_error(value: Any) -> None:
    """Whatever cannot be parsed fails as in botocore."""
    with pytest.raises((ValueError, RuntimeError)) as wanted:
        parse_timestamp(value)
    with pytest.raises(wanted.type):
        times.parse_response_time(value)


@pytest.mark.parametrize(
    "value",
    [
        "2035-01-01T00:00:00Z",
        "2035-01-01T00:00:00UTC",
        "2035-01-01T00:00:00GMT",
        "2035-01-01T00:00:00.123456+02:00",
        "2035-01-01T00:00:00-23:59",
        "Mon, 01 Jan 2035 00:00:00 GMT",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_an_expiry_is_a_time_with_a_zone(value: str) -> None:
    """It is usable in whichever form, and however far away."""
    assert times.find_fault(value) == ""


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "is not a text"),
        (2_051_222_400, "is not a text"),
        (["2035-01-01T00:00:00Z"], "is not a text"),
        ("", "is not a time"),
        ("soon", "is not a time"),
        ("12.5", "is not a time"),
        ("-5", "is not a time"),
        (" 2035 ", "is not a time"),
        ("20350101", "is not a time"),
        ("2051222400", "is not a time"),
        ("1e9", "is not a time"),
        ("1e400", "is not a time"),
        ("nan", "is not a time"),
        ("1_000", "is not a time"),
        ("9" * 5000, "is not a time"),
        ("2035-13-01T00:00:00Z", "is not a time"),
        ("2035-01-01T00:00:00+24:00", "is not a time"),
        ("2035-01-01T00:00:00-99:99", "is not a time"),
        ("2035-01-01T00:00:00", "has no time zone"),
        ("2035-01-01", "has no time zone"),
        ("10:00", "has no time zone"),
        ("2035-01-01T00:00:00 XYZT", "has no time zone"),
    ],
)
@pytest.mark.filterwarnings("ignore::dateutil.parser.UnknownTimezoneWarning")
def test_the_fault_of_an_expiry(value: object, fault: str) -> None:
    """A value has one if botocore cannot compare it with the current time."""
    assert times.find_fault(value) == fault
