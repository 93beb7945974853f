"""What one check of `doctor` found, and what to do about it."""

from collections.abc import Iterable
from dataclasses import dataclass

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.doctor.deadline import NotLookedAt
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

PASS, WARN, FAIL, SKIP = "pass", "warn", "fail", "skip"


@dataclass(frozen=True)
class Check:
    """What one check found.

    seen: what was found. fix: what to do about it, in words. command: what to type, or "".
    safe: whether `configure` fixes it, without a question.
    """

    name: str
    status: str
    seen: str
    fix: str = ""
    command: str = ""
    safe: bool = False


@dataclass(frozen=True)
class Finding:
    """A check, and the host that it is about, or ""."""

    host: str
    check: Check


def find_cause(findings: Iterable[Finding]) -> Finding | None:
    """Return the first finding that fails, or else the first warning; None without either."""
    ranked = {finding.check.status: finding for finding in reversed([*findings])}
    return ranked.get(FAIL) or ranked.get(WARN)


def check_from_error(name: str, error: HelperError, status: str = FAIL) -> Check:
    """Return the check whose outcome is an error."""
    status = SKIP if isinstance(error, NotLookedAt) else status
    return Check(name, status, error.message, error.hint or "")


def configure_fix(host: str) -> tuple[str, str, bool]:
    """Return fix, command, and that it is safe, for what `configure` fixes."""
    fix = "have docker ask this program, without the old login"
    return fix, f"{PACKAGE} configure {host}", True


def quote(name: str) -> str:
    """Return a name in quotes, with blanks at its ends, fit to be shown."""
    return one_line(repr(name))
