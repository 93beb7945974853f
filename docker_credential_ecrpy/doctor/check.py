"""The result of one check of `doctor`: what was found, and how to fix it."""

from collections.abc import Iterable
from enum import Enum

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.doctor.deadline import NotChecked
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.sanitize import one_line

PASS, WARN, FAIL, SKIP = "pass", "warn", "fail", "skip"


class CheckId(Enum):
    """All checks. The value is the id in the JSON document, which never changes."""

    TIME_LIMIT = "time-limit"
    FIX = "fix"
    DOCKER_CONFIG = "docker-config"
    ENGINE = "engine"
    OLD_LOGIN = "old-login"
    CREDENTIAL_HELPER = "credential-helper"
    PODMAN = "podman"
    PROGRAM = "program"
    RULES = "rules"
    CACHE = "cache"
    CREDENTIALS = "credentials"
    REGION = "region"
    ENDPOINT = "endpoint"
    CLOCK = "clock"
    IDENTITY = "identity"
    TOKEN = "token"  # noqa: S105 - the name of a check
    REGISTRY = "registry"
    IMAGE = "image"
    OTHER_HELPERS = "other-helpers"
    REGISTRIES = "registries"

    @property
    def title(self) -> str:
        """The name of the check in text for users."""
        return self.value.replace("-", " ")


@dataclass(frozen=True)
class Check:
    """The result of one check.

    status: PASS, WARN, FAIL or SKIP. seen: what was found. fix: how to fix it, in words.
    command: the fix as a command to type, or "". safe: whether `configure` fixes it without a
    question.
    """

    id: CheckId
    status: str
    seen: str
    fix: str = ""
    command: str = ""
    safe: bool = False


@dataclass(frozen=True)
class Finding:
    """The result of a check. host: the registry that was checked; "" for the whole machine."""

    host: str
    check: Check

    @property
    def is_fixable(self) -> bool:
        """Whether `doctor --fix` fixes it."""
        return self.check.safe and self.check.status in (WARN, FAIL)


@dataclass(frozen=True)
class Written:
    """A file that `doctor --fix` wrote. backup: the file with its previous content, or ""."""

    file: str
    backup: str


def find_cause(findings: Iterable[Finding]) -> Finding | None:
    """Return the first failure, or else the first warning; None without either."""
    ranked = {finding.check.status: finding for finding in reversed([*findings])}
    return ranked.get(FAIL) or ranked.get(WARN)


def check_from_error(check_id: CheckId, error: HelperError, status: str = FAIL) -> Check:
    """Return the check whose result is an error."""
    status = SKIP if isinstance(error, NotChecked) else status
    return Check(check_id, status, error.message, error.hint or "", error.command)


def configure_fix(host: str, *, has_login: bool, podman: bool = False) -> tuple[str, str, bool]:
    """Return fix, command and safe for a problem that `configure` fixes.

    has_login: whether `configure` also removes a login of this host. podman: for podman's files.
    """
    client, option = ("podman", " --podman") if podman else ("docker", "")
    fix = f"configure {client} to run this program"
    fix += ", and remove the old login" if has_login else ""
    return fix, f"{PACKAGE} configure{option} {host}", True


def quote_answer(status: int, code: str, message: str) -> str:
    """Return an answer of HTTP in words. code, message: of the error in its body, or ""."""
    text = " ".join(filter(None, (f"HTTP {status}", code)))
    return f"{text}: {message}" if message else text


def quote(name: str) -> str:
    """Return a name in quotes, also with blanks at its ends, that is safe to print."""
    return one_line(repr(name))
