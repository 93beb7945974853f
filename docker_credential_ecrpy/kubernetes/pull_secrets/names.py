"""Names in the Kubernetes API that are this program's own, and the reasons that it reports."""

from enum import Enum

from docker_credential_ecrpy.errors import HelperError

GROUP = "docker-credential-ecrpy.github.io"
"""The API group, and the prefix of annotations."""

LOGINS = f"{GROUP}/logins"
"""On a Secret: the record of the logins that this program holds in it (`record`)."""
MANAGED_BY = f"{GROUP}/managed-by"
"""On a Secret that this program created, or that was handed over to it: its name."""
REFRESHED_AT = f"{GROUP}/refreshed-at"
REFRESH_AT = f"{GROUP}/refresh-at"
EXPIRES_AT = f"{GROUP}/expires-at"
"""On a Secret: the earliest of its logins. Times are annotations: labels have no colons."""
ADDED = f"{GROUP}/image-pull-secrets"
"""On a ServiceAccount: the pull secrets that this program appended, with commas."""
WANTED = f"{GROUP}/pull-secrets"
"""On a Namespace: "true" opts in where that is asked for; "false" keeps every secret out."""


class Reason(Enum):
    """Why something is not done; the value is its word in conditions, Events and metrics."""

    INVALID_SPEC = "InvalidSpec"
    IMMUTABLE = "Immutable"
    MALFORMED = "Malformed"
    NOT_ALLOWED = "NotAllowed"
    NOT_MANAGED = "NotManaged"
    TERMINATING = "Terminating"
    WRONG_TYPE = "WrongType"
    API = "ApiFailure"
    UNAVAILABLE = "TokenUnavailable"
    """For every error of AWS, of its credentials and of the settings."""


class Refusal(HelperError):
    """Why an object is left as it is."""

    def __init__(self, reason: Reason, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


def reason_of(error: HelperError) -> Reason:
    """Return the reason of any error."""
    return error.reason if isinstance(error, Refusal) else Reason.UNAVAILABLE
