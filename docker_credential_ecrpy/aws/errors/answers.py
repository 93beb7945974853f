"""Answers of the services that give credentials: whether they refuse, or cannot answer."""

import json
import re
from http import HTTPStatus
from typing import Any

from botocore.session import Session

from docker_credential_ecrpy.aws.context import CallContext, MetadataRefusal
from docker_credential_ecrpy.aws.errors.service import is_foreign, is_temporary
from docker_credential_ecrpy.text.sanitize import one_line

_SUCCESS = range(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES)
_WORD = re.compile(r"[\w+=,.@/-]+\s*")  # a token or a role's name, as instance metadata has them


def note_answers(core: Session, resolver: Any, call: CallContext) -> None:
    """Keep `call.unreachable`: whether the last service that was asked could not answer.

    Keep also what metadata refused with, and the parameters of the last request.

    It could not if there was no answer, if the service was busy or failed, or if somebody else
    answered, such as another network's sign-in page. botocore hides why there are no credentials
    from metadata, and why an SSO session is not renewed. Tests of each source fail if the private
    names change.
    """

    def note(response_dict: Any = None, parsed_response: Any = None, **_: Any) -> None:
        status = response_dict["status_code"] if response_dict else 0
        code = str(((parsed_response or {}).get("Error") or {}).get("Code", ""))
        if status in _SUCCESS and not code:
            call.unreachable = False
            return
        foreign = status >= HTTPStatus.MULTIPLE_CHOICES and is_foreign(status, code)
        call.unreachable = foreign or is_temporary(status, code)

    def note_parameters(**event: Any) -> None:
        call.parameters = dict(event["params"])

    core.register("response-received", note)
    core.register("before-parameter-build", note_parameters)
    container = resolver.get_provider("container-role")._fetcher  # noqa: SLF001 - nothing public
    instance = resolver.get_provider("iam-role")._role_fetcher  # noqa: SLF001 - same
    for fetcher in (container, instance):
        fetcher._session = _Metadata(fetcher._session, call, words=fetcher is instance)  # noqa: SLF001 - same


class _Metadata:
    """An HTTP session of botocore's for metadata. words: whether some answers are single words."""

    def __init__(self, session: Any, call: CallContext, *, words: bool) -> None:
        self._session, self._call, self._words = session, call, words
        self._has_token = True  # or needs none

    def send(self, request: Any) -> Any:
        """Send a request, and return its response. Raises what botocore's session does."""
        self._call.unreachable, asks_token = True, request.method == "PUT"
        if asks_token:
            self._has_token = False
        response = self._session.send(request)
        answered = self._is_answer(response.status_code, response.text)
        if asks_token:
            self._has_token = answered
        # Without a token, botocore asks as IMDSv1 did, and the answer to that means nothing.
        self._call.unreachable = not (answered and self._has_token)
        self._call.lacks_token = not (asks_token or self._has_token)
        before = self._call.refusal
        if before is None or (before.asks_token and before.status != HTTPStatus.FORBIDDEN):
            self._call.refusal = _read_refusal(
                response.status_code, response.text, asks_token=asks_token
            )
        return response

    def _is_answer(self, status: int, text: str) -> bool:
        if status != HTTPStatus.OK:  # the errors of instance metadata are HTML
            return status >= HTTPStatus.BAD_REQUEST and not is_temporary(status)
        if self._words and _WORD.fullmatch(text):
            return True
        try:
            return isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            return False


def _read_refusal(status: int, text: str, *, asks_token: bool) -> MetadataRefusal | None:
    """Return an answer without credentials; None for any other. A page's text says nothing."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):  # instance metadata refuses with HTTP 200, too
        fields = {key.lower(): value for key, value in found.items()}
        if status == HTTPStatus.OK and ("accesskeyid" in fields or "message" not in fields):
            return None
        said = [fields[key] for key in ("code", "message") if isinstance(fields.get(key), str)]
        return MetadataRefusal(status, one_line(": ".join(said)), asks_token)
    if status == HTTPStatus.OK:
        return None if text.strip() else MetadataRefusal(status, "an empty answer", asks_token)
    return MetadataRefusal(status, "" if text.lstrip()[:1] == "<" else one_line(text), asks_token)
