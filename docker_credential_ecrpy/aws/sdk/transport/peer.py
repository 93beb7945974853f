"""The time of a server whose certificate is out of date by this machine's clock."""

import email.utils
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import timezone
from typing import Any

from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from docker_credential_ecrpy.aws.sdk.transport import proxies, trust

_NO_CHECK_TIME = 0x200000  # OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which Python has no name for
_SECONDS = 3


class _Untimed(URLLib3Session):
    """Trusts certificates as every call does, except for when they are valid.

    ends: the end of each server's certificate; a server may close its connection by its answer.
    """

    ends: list[float]

    def _get_ssl_context(self) -> ssl.SSLContext:
        context: ssl.SSLContext = super()._get_ssl_context()  # type: ignore[misc]  # not in the stub
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME)
        ends = self.__dict__.setdefault("ends", [])

        class Socket(ssl.SSLSocket):
            def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - as in ssl
                super().do_handshake(block)
                ends.append(_find_end(self))

        context.sslsocket_class = Socket
        return context


class _Direct:
    """botocore's configuration of proxies, for a request to the proxy itself."""

    settings: Mapping[str, str] = {}

    def proxy_url_for(self, _url: str) -> None:
        """Use no proxy."""


def _find_end(connected: Any) -> float:
    """Return the end of the certificate of a TLS connection's server, in seconds."""
    return float(ssl.cert_time_to_seconds(connected.getpeercert()["notAfter"]))


def ask_time(url: str, bundle: str) -> tuple[float | None, float | None]:
    """Return a server's time, and the end of its certificate: seconds since the epoch, or None.

    The request is unsigned, and of the answer only the date is read: it decides between two texts
    of an error, and nothing else.
    """
    session = _Untimed(
        verify=trust.share(bundle, is_configured=True),  # type: ignore[arg-type]  # the stub knows no paths
        timeout=(_SECONDS, _SECONDS),  # type: ignore[arg-type]  # nor pairs
    )
    found = proxies.find(url)
    if found and found.origin == url:
        session._proxy_config = _Direct()  # type: ignore[attr-defined]  # noqa: SLF001 - no parameter
    date = until = None
    with suppress(Exception):  # the first error is the one to report
        request = AWSRequest("GET", url, {}, stream_output=True).prepare()
        answer: Any = session.send(request)
        with closing(answer.raw):  # the session does not close it
            date = parse_date(answer.headers.get("Date", ""))
            # TLS in the TLS of a proxy has no socket of its own.
            until = session.ends[-1] if session.ends else _find_end(answer.raw.connection.sock)
    session.close()
    return date, until


def parse_date(date: str) -> float | None:
    """Return an HTTP date as seconds since the epoch, or None for another text."""
    try:
        moment = email.utils.parsedate_to_datetime(date)
    except (TypeError, ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
