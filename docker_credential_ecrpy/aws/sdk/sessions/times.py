"""Times as botocore reads them, always in UTC, and the faults of those that it cannot use."""

from contextlib import suppress
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import botocore.credentials
import botocore.tokens
import botocore.utils
import dateutil.parser  # type: ignore[import-untyped]  # it has no types
from botocore.utils import parse_timestamp
from dateutil.tz import tzutc  # type: ignore[import-untyped]  # same

NO_ZONE = "has no time zone"


def patch() -> None:
    """Let botocore compute in UTC: in the zone of TZ=UTC-8, dateutil reads Z as eight hours ahead.

    An offset such as that of TZ=UTC+25 is none at all in Python.
    """
    times = SimpleNamespace(parser=SimpleNamespace(parse=_parse))
    for module in (botocore.credentials, botocore.tokens, botocore.utils):
        module.dateutil = times  # type: ignore[attr-defined]  # a module
    botocore.credentials.parse = _parse  # type: ignore[attr-defined]  # of dateutil
    botocore.credentials.tzlocal = tzutc  # type: ignore[attr-defined]  # same
    botocore.utils.get_tzinfo_options = _utc


def _parse(text: str, **_: object) -> Any:
    """Stand in for dateutil's function, which prefers the names of the local zone."""
    return dateutil.parser.parse(text, tzinfos={"UTC": tzutc(), "GMT": tzutc()})


def _utc() -> tuple[type[tzutc]]:
    return (tzutc,)


def find_fault(value: object) -> str:
    """Return why botocore cannot use a value as the expiry of credentials; empty if it can.

    The expiry is a text of a time with a time zone, as dateutil parses it. botocore's
    `parse_timestamp`, which it uses for responses, takes more: seconds as a text, too.
    """
    if not isinstance(value, str):
        return "is not a text"
    try:
        if _is_number(value):
            return "is not a time"
        return "" if _parse(value).utcoffset() is not None else NO_ZONE
    except (ValueError, OverflowError):
        return "is not a time"


def _is_number(text: str) -> bool:
    """Whether a text is a number, which dateutil may take as a year or a date."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def parse_response_time(value: Any) -> datetime:
    """Return a time in a response. One in seconds, as in ECR's, needs nothing of dateutil."""
    with suppress(OSError, OverflowError, TypeError, ValueError):  # botocore has a way, or an error
        return datetime.fromtimestamp(value, timezone.utc)
    return parse_timestamp(value)
