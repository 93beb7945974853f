"""Connections that fail, explained: cause and cure."""

import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from botocore import exceptions as boto

from docker_credential_ecrpy.aws.context import CallContext, shown_url
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

# What OpenSSL and urllib3 say of a certificate.
_DISTRUST = re.compile(r"(?<=certificate verify failed: )[^(\]]+|hostname '.*' doesn't match .*")


def explain_connection(exc: Exception, asking: CallContext) -> HelperError | None:
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


def _untrusted(exc: boto.SSLError, where: str, asking: CallContext) -> HelperError:
    reason = _DISTRUST.search(str(exc))
    if reason:
        return HelperError(
            f"the TLS certificate of {where} is not trusted: {one_line(reason[0])}",
            hint="set AWS_CA_BUNDLE to a PEM file with the authority that signed it,"
            " such as your company's proxy's",
        )
    unread = [str(cause) for cause in causes(exc) if _is_of_bundle(cause)]
    if asking.bundle and unread:
        return HelperError(
            f"the certificates to trust in {one_line(asking.bundle)} cannot be used:"
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
