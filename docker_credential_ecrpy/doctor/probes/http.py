"""Connections as botocore makes them, and those that fail, told as cause and cure."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.httpsession import ProxyConfiguration, URLLib3Session
from botocore.response import StreamingBody
from botocore.utils import get_environ_proxies

from docker_credential_ecrpy import PACKAGE, __version__
from docker_credential_ecrpy.aws.context import CallContext, shown_url
from docker_credential_ecrpy.aws.session import CONNECT_SECONDS

_USER_AGENT = f"{PACKAGE}/{__version__}"


@dataclass(frozen=True)
class HttpAnswer:
    """What a server answered, and the milliseconds from connecting to it until that was here.

    headers: by name, in upper or lower case. body: as much of it as was wanted; whole: all of it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool
    milliseconds: int


class Connection:
    """HTTP requests to one origin, by the proxy and with the trust of botocore's own calls.

    The settings of `asking` have to be those that `aws.make_session` leaves behind. proxy: its URL
    without a password, or "". bundle: the file of trusted certificates, or "" for botocore's.
    """

    def __init__(self, asking: CallContext, url: str, read_seconds: float) -> None:
        self.bundle = asking.bundle
        proxies = get_environ_proxies(url)
        proxy = ProxyConfiguration(proxies).proxy_url_for(url)
        self.proxy = shown_url(proxy) if proxy else ""
        self._session = URLLib3Session(
            verify=self.bundle or True,  # type: ignore[arg-type]  # the stub knows no paths
            proxies=proxies,
            timeout=(CONNECT_SECONDS, read_seconds),  # type: ignore[arg-type]  # nor pairs
        )

    def send(self, method: str, url: str, headers: Mapping[str, str], most: int = 0) -> HttpAnswer:
        """Return the answer, with at most `most` bytes of its body; redirects are not followed.

        Tried once. Raises what botocore raises, for `aws_errors.explain`.
        """
        began = time.monotonic()
        wanted = {"User-Agent": _USER_AGENT, **headers}
        request = AWSRequest(method, url, wanted, stream_output=True).prepare()
        answer = self._session.send(request)
        try:
            body = _read(answer.raw, most + 1) if most else b""
        finally:
            answer.raw.close()
        took = round((time.monotonic() - began) * 1000)
        whole = len(body) <= most
        return HttpAnswer(answer.status_code, answer.headers, body[:most], whole, took)

    def close(self) -> None:
        """Let go of what is open."""
        self._session.close()


def _read(raw: Any, most: int) -> bytes:
    unknown: Any = None  # how long it should be; the stub wants a number
    return bytes(StreamingBody(raw, unknown).read(most))
