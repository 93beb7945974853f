"""Connections as botocore makes them, and those that fail, told as cause and cure."""

import os
import re
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore import exceptions as boto
from botocore.awsrequest import AWSRequest
from botocore.httpsession import ProxyConfiguration, URLLib3Session
from botocore.response import StreamingBody
from botocore.utils import get_environ_proxies

from docker_credential_ecrpy import __version__
from docker_credential_ecrpy.asking import Asking, shown_url
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

CONNECT_SECONDS = 3
_USER_AGENT = f"docker-credential-ecrpy/{__version__}"
# What OpenSSL and urllib3 say of a certificate.
_DISTRUST = re.compile(r"(?<=certificate verify failed: )[^(\]]+|hostname '.*' doesn't match .*")


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

    The settings of `asking` have to be those that `aws.session_of` leaves behind. proxy: its URL
    without a password, or "". bundle: the file of trusted certificates, or "" for botocore's.
    """

    def __init__(self, asking: Asking, url: str, read_seconds: float) -> None:
        # As botocore's own endpoints look for it; what is empty must not turn the check off.
        named = asking.core.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
        self.bundle = str(named or "")
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


def explain_connection(exc: Exception, asking: Asking) -> HelperError | None:
    """Return what a failed connection means to a person; None where it is something else."""
    if not isinstance(exc, boto.HTTPClientError | boto.ConnectionError):
        return None
    if "Invalid header value" in str(exc):  # the text goes on with that value
        return HelperError(
            f"the AWS credentials from {asking.source_name()} hold a line break or another"
            " character that no key has",
            hint="set the keys and the session token anew, each on one line",
        )
    url = str(exc.kwargs.get("endpoint_url") or exc.kwargs.get("proxy_url") or "")
    where = shown_url(url) if url else asking.stage
    network = "check the network, VPN, firewall and HTTPS_PROXY"
    if isinstance(exc, boto.SSLError):
        return _untrusted(exc, where, asking)
    if isinstance(exc, boto.ProxyConnectionError):
        return HelperError(
            f"the proxy {where} does not answer",
            hint="check HTTPS_PROXY; NO_PROXY names the hosts to reach without it",
        )
    if isinstance(exc, boto.ConnectTimeoutError):
        return HelperError(f"no connection to {where}: it does not answer", hint=network)
    if isinstance(exc, boto.ReadTimeoutError):
        return HelperError(f"{where} took the request and did not answer it", hint=network)
    led_here = tuple(causes(exc))
    if any(isinstance(cause, socket.gaierror) for cause in led_here) or "resolve" in str(exc):
        return HelperError(
            f"the name of {where} does not resolve",
            hint="check the region in the registry's host name, the network, VPN and DNS",
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in led_here):
        return HelperError(f"{where} refuses the connection", hint=network)
    if isinstance(exc, boto.ConnectionClosedError | boto.ResponseStreamingError) or any(
        isinstance(cause, ConnectionResetError) for cause in led_here
    ):
        return HelperError(f"{where} broke off the connection", hint=network)
    return HelperError(f"no connection to {where}: {one_line(str(exc))}", hint=network)


def _untrusted(exc: boto.SSLError, where: str, asking: Asking) -> HelperError:
    reason = _DISTRUST.search(str(exc))
    if reason:
        return HelperError(
            f"the TLS certificate of {where} is not trusted: {one_line(reason[0])}",
            hint="set AWS_CA_BUNDLE to a PEM file with the authority that signed it,"
            " such as your company's proxy's",
        )
    bundle = asking.core.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE")
    unread = [str(cause) for cause in causes(exc) if _is_of_bundle(cause)]
    if bundle and unread:
        return HelperError(
            f"the certificates to trust in {one_line(str(bundle))} cannot be used:"
            f" {one_line(unread[-1])}",
            hint="point AWS_CA_BUNDLE, or ca_bundle in the AWS config, at a PEM file",
        )
    return HelperError(
        f"no TLS connection to {where}: {one_line(str(exc))}",
        hint="check the endpoint's URL, HTTPS_PROXY and whatever else stands in between",
    )


def _is_of_bundle(cause: BaseException) -> bool:
    """Whether an error is of the file of certificates, before anything is said to a server."""
    if isinstance(cause, ssl.SSLError):
        return "X509" in str(cause) or "PEM" in str(cause)
    return isinstance(cause, FileNotFoundError | IsADirectoryError | PermissionError)


def causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield `exc` and what led to it, as Python, botocore and urllib3 each note it."""
    waiting: list[Any] = [exc]
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
        kwargs = getattr(one, "kwargs", None)
        if isinstance(kwargs, dict):
            waiting.append(kwargs.get("error"))
