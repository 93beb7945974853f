"""What one check of `doctor` found, and what to do about it."""

from dataclasses import dataclass

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.doctor.facts import Facts
from docker_credential_ecrpy.doctor.machine import NotLookedAt
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

PASS, WARN, FAIL, SKIP = "pass", "warn", "fail", "skip"


@dataclass(frozen=True)
class Check:
    """What one check found.

    seen: what is there. fix: what to do about it, in words. command: what to type, or "".
    safe: whether `configure` mends it, without a question.
    """

    name: str
    status: str
    seen: str
    fix: str = ""
    command: str = ""
    safe: bool = False


def check_from_error(name: str, error: HelperError, status: str = FAIL) -> Check:
    """Return the check that an error is the outcome of."""
    if isinstance(error, NotLookedAt):
        return Check(name, SKIP, error.message, error.hint or "")
    return Check(name, status, error.message, error.hint or "")


def configure_fix(facts: Facts) -> tuple[str, str, bool]:
    """Return fix, command, and that it is safe, for what `configure` mends."""
    command = f"{PACKAGE} configure {facts.host}"
    return "have docker ask this program, without the old login", command, True


def quoted(name: str) -> str:
    """Return a name as it stands, blanks at its ends too, fit to be shown."""
    return one_line(repr(name))
