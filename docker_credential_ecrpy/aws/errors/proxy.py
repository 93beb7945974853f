"""Errors of the proxy itself: which variable names it, what is wrong, and what to do."""

import os
import re
import socket
import ssl
from http import HTTPStatus
from http.client import BadStatusLine
from urllib.parse import urlsplit

from botocore import exceptions as boto
from urllib3.exceptions import ConnectTimeoutError

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.errors import tls
from docker_credential_ecrpy.aws.errors.values import describe_region
from docker_credential_ecrpy.aws.sdk.transport import proxies, socks
from docker_credential_ecrpy.aws.sdk.transport.proxies import Proxy
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

_STATUS = re.compile(r"Tunnel connection failed: (\d{3})")  # http.client's
_GATEWAY = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_WITHOUT = "NO_PROXY names the hosts to reach without it"
# Functions of http.client and urllib3: they begin TLS with a proxy, or make a tunnel; or all of it.
_STEPS = ("_tunnel", "_connect_tls_proxy")
_CONNECT = ("connect",)
_OTHERS = (ConnectionError, BadStatusLine, socks.NotSocks)
_TLS_ALERT = "\x15\x03"


def find_failed(exc: Exception, url: str, causes: list[BaseException]) -> Proxy | None:
    """Return the proxy that failed, or None if none is in use, or the failure is behind it."""
    if isinstance(exc, boto.ProxyConnectionError):
        if not any(_has_step(one, _CONNECT) for one in causes):
            return None  # urllib3 also blames the proxy for what is closed behind its tunnel
        return proxies.find_by_origin(str(exc.kwargs.get("proxy_url")), os.environ)
    found = proxies.find(url) if url else None
    of_connection = isinstance(exc, boto.EndpointConnectionError | boto.ConnectTimeoutError)
    return found if of_connection or any(_has_step(one, _STEPS) for one in causes) else None


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
            return _explain_login(proxy, offered=not isinstance(cause, socks.NoLogin))
        if isinstance(cause, socks.Unreachable):
            msg = f"the proxy {proxy.origin} does not connect to {call.watch.target}: {cause}"
            is_far = cause.reply in socks.FAR
            hint = _say_far(call) if is_far else f"ask its owner to allow that host; {_WITHOUT}"
            return HelperError(msg, hint=hint)
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


def _say_far(call: CallContext) -> str:
    """Return what to check where the proxy does not reach the host, or knows no such name."""
    hint = f"check {describe_region(call)}; if only this machine reaches that host, as a"
    return f"{hint} VPC endpoint, add it to NO_PROXY"


def _explain_status(status: int, proxy: Proxy, call: CallContext) -> HelperError:
    """Return the error for a proxy's answer to CONNECT."""
    where, target = f"the proxy {proxy.origin}", call.watch.target
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return _explain_login(proxy)
    if status in _GATEWAY:
        msg = f"{where} does not reach {target}: HTTP {status}"
        hint = _say_far(call)
    elif status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        msg = f"{where} does not allow {target}: HTTP {status}"
        hint = "ask its owner to allow that host, or add it to NO_PROXY if this machine reaches it"
    else:
        msg = f"{where} does not connect to {target}: HTTP {status}"
        hint = f"correct {proxy.name}: it must name an HTTP proxy that allows CONNECT; {_WITHOUT}"
    return HelperError(msg, hint=hint)


def _explain_login(proxy: Proxy, *, offered: bool = True) -> HelperError:
    """Return the error for a login. offered: whether the proxy takes a user name and a password."""
    where = f"the proxy {proxy.origin}"
    if not offered and proxy.user is not None:
        msg = f"{where} accepts no login by user name and password"
        hint = (
            f"ask its owner how to log in: GSSAPI, as with Kerberos, is not supported; {_WITHOUT}"
        )
        return HelperError(msg, hint=hint)
    if proxy.user is None:
        msg = f"{where} asks for a user name and a password"
        hint = f"write them into {proxy.name}, as {proxy.scheme}://user:password@host:port"
    else:
        msg = f"{where} refuses the user name and the password in {proxy.name}"
        hint = "correct them"
    if not offered:
        hint += "; a login by GSSAPI, as with Kerberos, is not supported"
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
        code = getattr(cause, "verify_code", 0)
        if code in tls.TIMES:
            return tls.explain_time(where, proxy.origin, call, expired=code == tls.EXPIRED)
        if code in tls.NAMES:
            msg = f"the TLS certificate of {where} is for another name: {one_line(str(cause))}"
            return HelperError(msg, hint=f"write the name that it is for in {name}")
        if isinstance(cause, ssl.SSLCertVerificationError | ssl.CertificateError):
            reason = one_line(getattr(cause, "verify_message", "") or str(cause))
            msg = f"the TLS certificate of {where} is not trusted: {reason}"
            return HelperError(msg, hint=f"{tls.say_trust(call)}; or correct {name}")
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        msg = f"{where} speaks no TLS"
        return HelperError(msg, hint=f"write http:// in place of https:// in {name}")
    return None


def _has_step(cause: BaseException, names: tuple[str, ...]) -> bool:
    """Whether an exception was raised in a function with one of these names."""
    trace = cause.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_name in names:
            return True
        trace = trace.tb_next
    return False
