"""Answers of the services that give credentials: whether they refuse, or do not answer."""

from typing import Any

from botocore.session import Session

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.errors.service import is_temporary

_FETCHERS = (("container-role", "_fetcher"), ("iam-role", "_role_fetcher"))


def note_answers(core: Session, resolver: Any, call: CallContext) -> None:
    """Note in `call.unreachable` whether the last service that was asked gave no answer of its own.

    botocore hides why there are no credentials from instance metadata, and why an SSO session is
    not renewed. Tests of each source fail if the private names change.
    """

    def note(response_dict: Any = None, parsed_response: Any = None, **_: Any) -> None:
        error = (parsed_response or {}).get("Error") or {}
        status = response_dict["status_code"] if response_dict else 0
        call.unreachable = is_temporary(status, str(error.get("Code", "")))

    core.register("response-received", note)
    for method, name in _FETCHERS:
        fetcher = getattr(resolver.get_provider(method), name)
        fetcher._session = _NotingSession(fetcher._session, call)  # noqa: SLF001 - nothing public


class _NotingSession:
    """An HTTP session of botocore's that notes whether there was an answer."""

    def __init__(self, session: Any, call: CallContext) -> None:
        self._session = session
        self._call = call

    def send(self, request: Any) -> Any:
        """Send a request, and return its response. Raises what botocore's session does."""
        self._call.unreachable = True
        response = self._session.send(request)
        self._call.unreachable = is_temporary(response.status_code)
        return response
