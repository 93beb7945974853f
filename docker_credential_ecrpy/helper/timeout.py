"""The deadline of one `get`, from AWS_ECR_TIMEOUT."""

from collections.abc import Mapping

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

DEFAULT_TIMEOUT = 25.0
"""Seconds that one `get` may take; testcontainers gives up at 30."""

MAX_TIMEOUT = 3600.0
"""The largest AWS_ECR_TIMEOUT, in seconds."""


def read_timeout(environ: Mapping[str, str]) -> float:
    """Return the seconds that one `get` may take, from AWS_ECR_TIMEOUT. Raises HelperError."""
    text = environ.get("AWS_ECR_TIMEOUT", "").strip()
    if not text:
        return DEFAULT_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT:
        msg = f"AWS_ECR_TIMEOUT is {one_line(text)!r}, not a number of seconds above 0"
        hint = (
            f"set it to one such as {DEFAULT_TIMEOUT:.0f} (at most {MAX_TIMEOUT:.0f}), or unset it"
        )
        raise HelperError(msg, hint=hint)
    return seconds
