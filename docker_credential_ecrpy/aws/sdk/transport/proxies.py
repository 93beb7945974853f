"""The proxy of each request: one decision for botocore's own calls and for `doctor`.

The variables are read as Go's net/http and curl read them, since Docker and the Go helper do. Where
those differ from each other:

- A variable in lower case wins, as in curl, the AWS CLI and boto3; an empty one counts as unset.
- ALL_PROXY does not count, as in Go and boto3: it often names a SOCKS proxy of the desktop.
- The proxy resolves names for `socks5` and `socks5h` alike, as in Go.

A loopback or link-local address, such as that of instance metadata, is never reached through a
proxy: the proxy's own metadata would be those of another machine.
https://pkg.go.dev/golang.org/x/net/http/httpproxy
"""

import ipaddress
import os
import re
import sys
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import botocore.httpsession
from botocore.awsrequest import AWSHTTPConnection, AWSHTTPSConnection
from botocore.httpsession import ProxyConfiguration
from botocore.utils import get_environ_proxies
from urllib3.exceptions import NewConnectionError

from docker_credential_ecrpy.aws.sdk.transport import socks
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.text.expression import expression

PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
"""The supported kinds of proxies, and the port of each if its URL has none."""
_SYSTEM = "the system's proxy settings"
_SCHEME = expression(r"[a-z][a-z0-9+.-]*")
_ADDRESS = expression(r"(\[[0-9a-f:.%]+\]|[\w.-]+)(?::(\d{0,5}))?", re.IGNORECASE)
_METADATA = ipaddress.ip_network("fd00:ec2::/32")  # of instances and of EKS Pod Identity
_connect = AWSHTTPConnection._new_conn  # noqa: SLF001 - urllib3's own SOCKS support replaces it, too


@dataclass(frozen=True)
class Proxy:
    """A proxy. name: the variable that has it. host: without the brackets of an IPv6 address."""

    name: str
    scheme: str
    host: str
    port: int
    user: str | None = field(default=None, repr=False)
    password: str = field(default="", repr=False)

    @property
    def origin(self) -> str:
        """Its URL without user name and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def url(self) -> str:
        """Its whole URL, in which every special character is escaped."""
        if self.user is None:
            return self.origin
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return self.origin.replace("://", f"://{login}@", 1)

    @property
    def is_socks(self) -> bool:
        """Whether it is a SOCKS proxy."""
        return self.scheme.startswith("socks")


def find(url: str, environ: Mapping[str, str] = os.environ) -> Proxy | None:
    """Return the proxy for a URL, or None to connect directly. Raises HelperError."""
    parts = urlsplit(url)
    if is_local(parts.hostname or ""):
        return None
    name, value = find_variable(f"{parts.scheme}_proxy", environ)
    if not value:
        if sys.platform not in ("darwin", "win32"):
            return None
        value = get_environ_proxies(url).get(parts.scheme, "")
        return parse(_SYSTEM, value) if value else None
    return None if find_exception(url, environ)[1] else parse(name, value)


def find_variable(name: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the name in use of a variable, and its value: "" if it is not set or empty."""
    for known in (name.lower(), name.upper()):
        # A client of a CGI program sets this one with its header "Proxy": https://httpoxy.org
        value = "" if known == "HTTP_PROXY" and "REQUEST_METHOD" in environ else environ.get(known)
        if value and value.strip():
            return known, value.strip()
    return name.upper(), ""


def find_exception(url: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return the variable, and its entry, that keeps a URL from the proxy: "" without one."""
    parts = urlsplit(url)
    host, port = (parts.hostname or "").rstrip("."), parts.port or PORTS.get(parts.scheme, 0)
    name, value = find_variable("no_proxy", environ)
    entries = (entry for entry in re.split(r"[,\s]+", value) if entry)
    return name, next((one for one in entries if _matches(one.lower(), host, port)), "")


def describe(url: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the proxy in use for a URL, as an error names it; without one, its variable."""
    scheme = url.partition("://")[0] if "://" in url else "https"
    try:
        found = find(url, environ)
    except HelperError:
        found = None
    if found:
        return f"the proxy {found.origin} in {found.name}"
    return find_variable(f"{scheme}_proxy", environ)[0]


def find_by_origin(origin: str, environ: Mapping[str, str]) -> Proxy:
    """Return the proxy in use with an origin, as an error names it."""
    for scheme in ("https", "http"):
        name, value = find_variable(f"{scheme}_proxy", environ)
        found = parse(name, value) if value else None
        if found and found.origin == origin:
            return found
    return parse(_SYSTEM, origin)


def is_local(host: str) -> bool:
    """Whether a host is this machine, or an address that no router passes on."""
    address = _parse_address(host)
    if address is None:
        return host.lower() == "localhost"
    return address.is_loopback or address.is_link_local or address in _METADATA


def parse(name: str, value: str) -> Proxy:
    """Return the proxy that a variable has; HTTP is the default, as in Go and curl.

    A user name and a password may have any character, escaped or not. Raises HelperError.
    """
    scheme, separator, rest = value.partition("://")
    scheme, rest = (scheme.lower(), rest) if separator else ("http", value.removeprefix("//"))
    if _SCHEME.fullmatch(scheme) and scheme not in PORTS:
        msg = f"{name} has a proxy for {scheme}://, which is not supported"
        raise HelperError(msg, hint="use http://, https:// or socks5://")
    login, has_login, address = rest.rpartition("@")
    found = _ADDRESS.fullmatch(re.split(r"[/?#]", address, maxsplit=1)[0])
    port = int((found and found[2]) or PORTS.get(scheme, 0))
    if found is None or scheme not in PORTS or not 0 < port < 1 << 16 or not is_host(found[1]):
        msg = f"{name} is not the URL of a proxy"
        raise HelperError(msg, hint="write it as http://host:port, without quotes and blanks")
    user, _, password = login.partition(":")
    host = found[1].strip("[]").lower()
    known = unquote(user) if has_login else None
    return Proxy(name, scheme, host, port, known, unquote(password))


def is_host(text: str) -> bool:
    """Return whether a text is an address, or has the parts of a name: none empty or too long."""
    try:
        text.encode("idna")
    except UnicodeError:
        return text.startswith("[")
    return True


def patch() -> None:
    """Let botocore decide by `find`, at each request; a second call changes nothing more.

    botocore takes the proxies of a client and of instance metadata from urllib, once. A test of
    each source fails if a name changes.
    """
    botocore.httpsession.ProxyConfiguration = _Proxies  # type: ignore[misc]  # on purpose
    botocore.httpsession.mask_proxy_url = _hide_login
    for connection in (AWSHTTPConnection, AWSHTTPSConnection):
        connection._new_conn = _connect_by_socks  # type: ignore[method-assign]  # noqa: SLF001 - same


class _Proxies(ProxyConfiguration):
    """The HTTP proxies in the environment; SOCKS proxies work below HTTP."""

    def proxy_url_for(self, url: str) -> str:
        found = find(url)
        # The stub knows no None, which is botocore's own for a direct connection.
        return found.url if found and not found.is_socks else None  # type: ignore[return-value]

    def proxy_headers_for(self, proxy_url: str) -> dict[str, str]:
        parts = urlsplit(proxy_url)
        if parts.username is None:
            return {}
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return {"Proxy-Authorization": f"Basic {b64encode(login.encode()).decode()}"}


def _hide_login(proxy_url: str) -> str:
    parts = urlsplit(proxy_url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _connect_by_socks(self: Any) -> Any:
    """Return a connected socket for a connection of botocore's."""
    scheme = "https" if isinstance(self, AWSHTTPSConnection) else "http"
    host = f"[{self.host}]" if ":" in self.host else self.host
    found = None if self.proxy else find(f"{scheme}://{host}:{self.port}")
    if found is None or not found.is_socks:
        return _connect(self)
    login = None if found.user is None else (found.user, found.password)
    try:
        return socks.dial((found.host, found.port), login, (self.host, self.port), self.timeout)
    except OSError as exc:
        raise NewConnectionError(self, str(exc)) from exc


def _matches(entry: str, host: str, port: int) -> bool:
    """Whether an entry of NO_PROXY covers a host: a name, an address or a range of addresses."""
    network = _parse_network(entry)
    if network is None:
        name, _, end = entry.rpartition(":")
        if name and end.isdecimal():
            if int(end) != port:
                return False
            entry = name
        network = _parse_network(entry.strip("[]"))
    if network is not None:
        address = _parse_address(host)
        return address is not None and address in network
    domain = entry.removeprefix("*.").strip(".")
    return entry == "*" or (bool(domain) and f".{host}".endswith(f".{domain}"))


def _parse_address(host: str) -> "ipaddress.IPv4Address | ipaddress.IPv6Address | None":
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _parse_network(entry: str) -> "ipaddress.IPv4Network | ipaddress.IPv6Network | None":
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return None
