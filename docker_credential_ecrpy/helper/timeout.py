"""The deadline of one `get`, from AWS_ECR_TIMEOUT."""

from collections.abc import Mapping

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.text.sanitize import one_line

VARIABLE = "AWS_ECR_TIMEOUT"

DEFAULT_TIMEOUT = protocol.DEFAULT_TIMEOUT
MAX_TIMEOUT = protocol.MAX_TIMEOUT


def read_timeout(environ: Mapping[str, str]) -> float:
    """Return the seconds that one `get` may take, from AWS_ECR_TIMEOUT. Raises HelperError."""
    text = environ.get(VARIABLE, "")
    seconds = protocol.parse_timeout(text)
    if seconds is None:
        msg = f"{VARIABLE} is {one_line(text.strip())!r}, not a number of seconds above 0"
        hint = (
            f"set it to one such as {DEFAULT_TIMEOUT:.0f} (at most {MAX_TIMEOUT:.0f}), or unset it"
        )
        if _is_above_limit(text):
            msg = f"{VARIABLE} is {one_line(text.strip())}, more than its limit"
            msg += f" of {MAX_TIMEOUT:.0f} seconds"
        raise HelperError(msg, hint=hint)
    return seconds


def _is_above_limit(text: str) -> bool:
    try:
        return float(text) > MAX_TIMEOUT
    except ValueError:
        return False
