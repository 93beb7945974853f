"""Errors for failed connections: the cause, and what to do."""

import socket
from collections.abc import Iterator
from typing import Any

from botocore import exceptions as boto

from docker_credential_ecrpy.aws.context import CallContext, redact_url
from docker_credential_ecrpy.aws.errors.proxy import (
    describe_detour,
    describe_route,
    explain_proxy,
    find_failed,
)
from docker_credential_ecrpy.aws.errors.tls import explain_tls
from docker_credential_ecrpy.aws.errors.values import describe_region
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

_BROKEN_OFF = boto.ConnectionClosedError, boto.ResponseStreamingError, ConnectionResetError


def explain_connection(exc: Exception, call: CallContext) -> HelperError | None:
    """Return the error for a failed connection; None for any other exception."""
    if not isinstance(exc, boto.HTTPClientError | boto.ConnectionError):
        return None
    url = str(exc.kwargs.get("endpoint_url") or "")
    causes = list(iterate_causes(exc))
    proxy = find_failed(exc, url, causes)
    if proxy:
        return explain_proxy(proxy, causes, call)
    where = redact_url(url) if url else call.watch.target
    if isinstance(exc, boto.SSLError):
        return explain_tls(exc, causes, where, call)
    hint = f"check {describe_route(url or call.url)}"
    if isinstance(exc, boto.ConnectTimeoutError):
        msg = f"no connection to {where}: it does not answer"
    elif isinstance(exc, boto.ReadTimeoutError):
        msg = f"{where} accepted the request and did not answer it"
    elif any(isinstance(cause, socket.gaierror) for cause in causes) or "resolve" in str(exc):
        msg = f"the name of {where} does not resolve"
        hint = f"check {describe_region(call)}, the network, VPN and DNS"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        msg = f"{where} refuses the connection"
    elif any(isinstance(cause, _BROKEN_OFF) for cause in causes):
        msg = f"{where} closed the connection"
    else:
        msg = f"no connection to {where}: {one_line(str(exc))}"
    around = describe_detour(url)
    return HelperError(msg, hint=f"{around}; otherwise {hint}" if around else hint)


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
