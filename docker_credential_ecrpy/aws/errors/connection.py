"""Errors for failed connections: the cause, and what to do."""

import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from botocore import exceptions as boto

from docker_credential_ecrpy.aws.context import CallContext, redact_url
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

# The texts of OpenSSL and urllib3 for a certificate that is not trusted.
_DISTRUST = re.compile(r"(?<=certificate verify failed: )[^(\]]+|hostname '.*' doesn't match .*")
_BROKEN_OFF = boto.ConnectionClosedError, boto.ResponseStreamingError, ConnectionResetError


def explain_connection(exc: Exception, call: CallContext) -> HelperError | None:
    """Return the error for a failed connection; None for any other exception."""
    if not isinstance(exc, boto.HTTPClientError | boto.ConnectionError):
        return None
    if "Invalid header value" in str(exc):  # the rest of the text is that value
        msg = f"the AWS credentials from {call.describe_source()} hold a line break or another"
        msg += " invalid character"
        hint = "set the keys and the session token again, each on one line"
        return HelperError(msg, hint=hint, refused=True)
    url = str(exc.kwargs.get("endpoint_url") or exc.kwargs.get("proxy_url") or "")
    where = redact_url(url) if url else call.watch.target
    if isinstance(exc, boto.SSLError):
        return _explain_tls(exc, where, call)
    causes = list(iterate_causes(exc))
    hint = "check the network, VPN, firewall and HTTPS_PROXY"
    if isinstance(exc, boto.ProxyConnectionError):
        msg = f"the proxy {where} does not answer"
        hint = "check HTTPS_PROXY; NO_PROXY names the hosts to reach without it"
    elif isinstance(exc, boto.ConnectTimeoutError):
        msg = f"no connection to {where}: it does not answer"
    elif isinstance(exc, boto.ReadTimeoutError):
        msg = f"{where} accepted the request and did not answer it"
    elif any(isinstance(cause, socket.gaierror) for cause in causes) or "resolve" in str(exc):
        msg = f"the name of {where} does not resolve"
        hint = "check the region in the registry's host name, the network, VPN and DNS"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        msg = f"{where} refuses the connection"
    elif any(isinstance(cause, _BROKEN_OFF) for cause in causes):
        msg = f"{where} closed the connection"
    else:
        msg = f"no connection to {where}: {one_line(str(exc))}"
    return HelperError(msg, hint=hint)


def _explain_tls(exc: boto.SSLError, where: str, call: CallContext) -> HelperError:
    reason = _DISTRUST.search(str(exc))
    unread = [str(cause) for cause in iterate_causes(exc) if _is_bundle_error(cause)]
    if reason:
        msg = f"the TLS certificate of {where} is not trusted: {one_line(reason[0])}"
        hint = "set AWS_CA_BUNDLE to a PEM file with the CA that signed it,"
        hint += " such as the CA of your company's proxy"
    elif call.bundle and unread:
        msg = f"the certificates to trust in {one_line(call.bundle)} cannot be used:"
        msg += f" {one_line(unread[-1])}"
        hint = "point AWS_CA_BUNDLE, or ca_bundle in the AWS config, at a PEM file"
    else:
        msg = f"no TLS connection to {where}: {one_line(str(exc))}"
        hint = "check the endpoint's URL, HTTPS_PROXY, and any proxy or firewall in between"
    return HelperError(msg, hint=hint)


def _is_bundle_error(cause: BaseException) -> bool:
    """Whether an error comes from reading the certificate bundle, before any connection."""
    if isinstance(cause, ssl.SSLError):
        return "X509" in str(cause) or "PEM" in str(cause)
    return isinstance(cause, FileNotFoundError | IsADirectoryError | PermissionError)


def iterate_causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield `exc` and its causes, from all places where Python, botocore and urllib3 keep them."""
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
