"""HTTP requests with the proxy and the trusted certificates of botocore's own."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from botocore.response import StreamingBody

from docker_credential_ecrpy import PACKAGE, __version__
from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.sdk.transport import proxies, trust
from docker_credential_ecrpy.aws.session import CONNECT_SECONDS
from docker_credential_ecrpy.hot.values import dataclass

_USER_AGENT = f"{PACKAGE}/{__version__}"


@dataclass(frozen=True)
class HttpAnswer:
    """A server's answer. milliseconds: from connecting until it was read.

    headers: their names match in any case. body: cut at the wanted length; whole: it was not cut.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool
    milliseconds: int

    @property
    def is_redirect(self) -> bool:
        """Whether the answer is elsewhere."""
        return HTTPStatus.MULTIPLE_CHOICES <= self.status < HTTPStatus.BAD_REQUEST

    @property
    def is_error(self) -> bool:
        """Whether the status is that of an error."""
        return self.status >= HTTPStatus.BAD_REQUEST


def find_proxy(url: str) -> str:
    """Return the proxy for a URL, without its password, or "". Raises HelperError."""
    proxy = proxies.find(url)
    return proxy.origin if proxy else ""


class Connection:
    """Sends HTTP requests to one origin, with the proxy and the trust of botocore's own calls.

    `prepare_session` has to be called for the same `call` before. proxy: its URL without a
    password, or "". bundle: the file of trusted certificates, or "" for botocore's.
    """

    def __init__(self, call: CallContext, url: str, read_seconds: float) -> None:
        self.bundle = call.bundle
        self.proxy = find_proxy(url)
        self._session = URLLib3Session(
            verify=trust.share(self.bundle, is_configured=True),  # type: ignore[arg-type]  # the stub knows no paths
            timeout=(CONNECT_SECONDS, read_seconds),  # type: ignore[arg-type]  # nor pairs
        )

    def send(self, method: str, url: str, headers: Mapping[str, str], most: int = 0) -> HttpAnswer:
        """Return the answer, with at most `most` bytes of its body; follow no redirect.

        There is one attempt. Raises what botocore raises, for `aws_call` to explain.
        """
        began = time.monotonic()
        wanted = {"User-Agent": _USER_AGENT, **headers}
        request = AWSRequest(method, url, wanted, stream_output=True).prepare()
        answer = self._session.send(request)
        try:
            raw: Any = StreamingBody(answer.raw, None)  # type: ignore[arg-type]  # of any length
            body = bytes(raw.read(most + 1)) if most else b""
        finally:
            answer.raw.close()
        took = round((time.monotonic() - began) * 1000)
        whole = len(body) <= most
        return HttpAnswer(answer.status_code, answer.headers, body[:most], whole, took)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
