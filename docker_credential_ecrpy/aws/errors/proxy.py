"""Errors of the proxy itself: which variable names it, what is wrong, and what to do."""

import os
import re
import socket
import ssl
from collections.abc import Iterable
from http import HTTPStatus
from http.client import BadStatusLine
from urllib.parse import urlsplit

from botocore import exceptions as boto
from urllib3.exceptions import ConnectTimeoutError

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.errors.tls import say_trust
from docker_credential_ecrpy.aws.sdk import proxies, socks
from docker_credential_ecrpy.aws.sdk.proxies import Proxy
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

_STATUS = re.compile(r"Tunnel connection failed: (\d{3})")  # http.client's
_GATEWAY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_WITHOUT = "NO_PROXY names the hosts to reach without it"
_STEPS = ("_tunnel", "_connect_tls_proxy")  # functions of http.client and urllib3
_OTHERS = (ConnectionError, BadStatusLine, socks.NotSocks)
_TLS_ALERT = "\x15\x03"


def find_failed(exc: Exception, url: str, causes: Iterable[BaseException]) -> Proxy | None:
    """Return the proxy that failed, or None if none is in use, or the failure is behind it."""
    if isinstance(exc, boto.ProxyConnectionError):
        return proxies.find_by_origin(str(exc.kwargs.get("proxy_url")), os.environ)
    found = proxies.find(url) if url else None
    of_connection = isinstance(exc, boto.EndpointConnectionError | boto.ConnectTimeoutError)
    return found if of_connection or any(map(_is_of_proxy, causes)) else None


def explain_proxy(proxy: Proxy, causes: list[BaseException], call: CallContext) -> HelperError:
    """Return the error for a proxy that failed."""
    return (
        _explain_refusal(proxy, causes, call)
        or _explain_tls(proxy, causes, call)
        or _explain_silence(proxy, causes)
    )


def _explain_refusal(
    proxy: Proxy, causes: list[BaseException], call: CallContext
) -> HelperError | None:
    """Return the error for a proxy that answers, and does not connect; None for another failure."""
    for cause in causes:
        status = _STATUS.search(str(cause))
        if status:
            return _explain_status(int(status[1]), proxy, call)
        if isinstance(cause, socks.LoginNeeded):
            return _explain_login(proxy)
        if isinstance(cause, socks.Unreachable):
            msg = f"the proxy {proxy.origin} does not connect to {call.watch.target}: {cause}"
            return HelperError(msg, hint=f"ask its owner to allow that host; {_WITHOUT}")
    return None


def _explain_silence(proxy: Proxy, causes: list[BaseException]) -> HelperError:
    """Return the error for a proxy that is not there, or is something else."""
    where, name = f"the proxy {proxy.origin}", proxy.name
    hint = f"check {name}, the network, VPN and firewall; {_WITHOUT}"
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        msg = f"the name of {where} does not resolve"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        msg = f"{where} refuses the connection"
        hint = f"start it, or correct {name}; {_WITHOUT}"
    elif any(isinstance(cause, TimeoutError) for cause in causes):
        # Its connection is timed out, too, where a class of urllib3's for that is the cause.
        silent = proxy.is_socks or any(type(cause) is ConnectTimeoutError for cause in causes)
        msg = f"{where} {'does' if silent else 'accepted the connection and did'} not answer"
    elif any(isinstance(cause, _OTHERS) for cause in causes):
        kind = "a SOCKS5" if proxy.is_socks else "an HTTP"
        msg = f"{where} does not answer like {kind} proxy"
        hint = f"correct {name}: its port, and http://, https:// or socks5:// before the host"
    else:
        msg = f"no connection to {where}: {one_line(str(causes[-1]))}"
    return HelperError(msg, hint=hint)


def describe_route(url: str) -> str:
    """Return what is between this machine and a host that fails: "the network, VPN, ..."."""
    return f"the network, VPN, firewall and {proxies.describe(url)}"


def describe_detour(url: str) -> str:
    """Return how to use a proxy that is set, and not used for this host; "" if none is."""
    scheme = url.partition("://")[0]
    if not url or proxies.is_local(urlsplit(url).hostname or "") or proxies.find(url):
        return ""
    name, value = proxies.find_variable(f"{scheme}_proxy", os.environ)
    if value:
        no_proxy, entry = proxies.find_exception(url, os.environ)
        return f"remove {one_line(entry)!r} from {no_proxy} if only the proxy in {name} reaches it"
    others = (proxies.find_variable(other, os.environ) for other in ("all_proxy", "http_proxy"))
    used = next((other for other, value in others if value), "")
    return (
        f"set {name}, too: Docker and this program do not use {used} for {scheme}" if used else ""
    )


def _explain_status(status: int, proxy: Proxy, call: CallContext) -> HelperError:
    """Return the error for a proxy's answer to CONNECT."""
    where, target = f"the proxy {proxy.origin}", call.watch.target
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return _explain_login(proxy)
    if status in _GATEWAY:
        msg = f"{where} does not reach {target}: HTTP {status}"
        hint = "check the region in the registry's host name; if only this machine reaches that"
        hint += " host, as a VPC endpoint, add it to NO_PROXY"
    elif status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        msg = f"{where} does not allow {target}: HTTP {status}"
        hint = "ask its owner to allow that host, or add it to NO_PROXY if this machine reaches it"
    else:
        msg = f"{where} does not connect to {target}: HTTP {status}"
        hint = f"correct {proxy.name}: it must name an HTTP proxy that allows CONNECT; {_WITHOUT}"
    return HelperError(msg, hint=hint)


def _explain_login(proxy: Proxy) -> HelperError:
    where = f"the proxy {proxy.origin}"
    if proxy.user is None:
        msg = f"{where} asks for a user name and a password"
        hint = f"write them into {proxy.name}, as {proxy.scheme}://user:password@host:port"
    else:
        msg = f"{where} refuses the user name and the password in {proxy.name}"
        hint = "correct them"
    if not proxy.is_socks:
        hint += "; of Basic, NTLM and Kerberos, only Basic is supported"
    return HelperError(msg, hint=hint)


def _explain_tls(
    proxy: Proxy, causes: list[BaseException], call: CallContext
) -> HelperError | None:
    """Return the error for a proxy that speaks TLS where it should not, or the reverse."""
    where, name = f"the proxy {proxy.origin}", proxy.name
    for cause in causes:
        if isinstance(cause, BadStatusLine) and str(cause.args[0]).startswith(_TLS_ALERT):
            return HelperError(f"{where} speaks TLS", hint=f"write https:// in {name}")
        if isinstance(cause, ssl.SSLCertVerificationError | ssl.CertificateError):
            reason = one_line(getattr(cause, "verify_message", "") or str(cause))
            msg = f"the TLS certificate of {where} is not trusted: {reason}"
            return HelperError(msg, hint=f"{say_trust(call)}; or correct {name}")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        msg = f"{where} speaks no TLS"
        return HelperError(msg, hint=f"write http:// in place of https:// in {name}")
    return None


def _is_of_proxy(cause: BaseException) -> bool:
    """Whether an exception was raised while TLS with a proxy began, or it made a tunnel."""
    trace = cause.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name in _STEPS:
            return True
        trace = trace.tb_next
    return False
