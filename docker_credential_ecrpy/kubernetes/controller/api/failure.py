"""Why a request to the Kubernetes API failed."""

import re
from http import HTTPStatus

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.pull_secrets.names import Reason, Refusal

# https://github.com/kubernetes/apiserver/blob/master/pkg/endpoints/handlers/responsewriters/errors.go
_DENIED = re.compile(
    r'cannot (?P<verb>\w+) resource "(?P<what>[\w/.-]+)" in API group "(?P<group>[\w.-]*)"'
    r'(?: in the namespace "(?P<namespace>[\w.-]+)")?'
)
_RIGHT = "give the service account the right that is named, in a Role or a ClusterRole"
_HINTS = {
    401: "the token of the service account is refused; look at its Secret or its expiry",
    403: "the rights suffice; look for a quota, a policy or an admission webhook that refuses it",
    0: "check the network, its policies, and the address of the API",
}


class ApiFailure(Refusal):
    """An answer of the API other than success, or none: code 0.

    retry_after: seconds that the API asks to wait, or 0. is_of_namespace: whether the namespace is
    what is missing. is_terminating: whether that is being deleted.
    """

    NOT_FOUND = 404
    CONFLICT = 409

    def __init__(
        self,
        code: int,
        message: str,
        *,
        retry_after: float = 0,
        is_of_namespace: bool = False,
        is_terminating: bool = False,
    ) -> None:
        kind = Reason.TERMINATING if is_terminating else Reason.API
        hint = None if is_terminating else _HINTS.get(code)
        if hint and (denied := _DENIED.search(message)):
            hint = f"{_RIGHT}: {_name_right(denied)}"
        super().__init__(kind, message, hint=hint)
        self.code = code
        self.retry_after = retry_after
        self.is_of_namespace = is_of_namespace

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed later, as after an outage of the API."""
        return (
            self.code in (0, HTTPStatus.TOO_MANY_REQUESTS)
            or self.code >= HTTPStatus.INTERNAL_SERVER_ERROR
        )


def _name_right(denied: re.Match[str]) -> str:
    what = denied["what"] + (f".{denied['group']}" if denied["group"] else "")
    where = f"in the namespace {denied['namespace']}" if denied["namespace"] else "everywhere"
    return f"{denied['verb']} {what} {where}"


def is_lost_race(error: HelperError) -> bool:
    """Whether another writer was faster, so that a fresh read and another try are the cure."""
    return isinstance(error, ApiFailure) and error.code == ApiFailure.CONFLICT
