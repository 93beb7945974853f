"""The certificates that AWS's servers are checked with: one TLS context for all clients of a call.

To load a system's bundle of 145 certificates takes 15 ms of CPU, and every client of botocore's
would load it again. AWS's servers lead to five roots, so only those are loaded at first, from the
same bundle. Any failure to verify a certificate makes the next attempt load the whole bundle, for
all clients of the call. So what is trusted is always a part of the bundle. A server with another
root costs one of botocore's attempts, as does a root that AWS may add; it is no failure.

The whole bundle is loaded at once where other roots are to be expected: for a bundle that the user
configured, through a proxy, and for a host outside of `DOMAINS`.
"""

import ssl
from binascii import a2b_base64
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from botocore.httpsession import URLLib3Session, get_cert_path

from docker_credential_ecrpy.aws.sdk import embedded
from docker_credential_ecrpy.aws.sdk.transport import proxies
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.text.sanitize import one_line

MAX_BUNDLE = 16 * 1024 * 1024
"""The limit in bytes of a file of trusted certificates; a system's has 200 KB."""
ROOTS = (b"Amazon Root CA ", b"Starfield Services Root Certificate Authority - G2")
"""How the names of Amazon's roots begin. Those for the European Sovereign Cloud are signed by them.

https://www.amazontrust.com/repository/
"""
DOMAINS = (".amazonaws.com", ".api.aws", ".amazonaws.eu", ".api.amazonwebservices.eu")
"""The domains of AWS's public, GovCloud and European partitions, whose servers have these roots.

For the others, China's and the isolated ones, no published list was found.
https://repost.aws/knowledge-center/s3-cloudfront-certificate-migration has a GovCloud region.
"""
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_NOTHING, _ROOTS, _WHOLE = range(3)

_make_context: Any = URLLib3Session._get_ssl_context  # type: ignore[attr-defined]  # noqa: SLF001 - no public way


class Bundle(str):
    """The path of a file of trusted certificates; all clients that get this object share a context.

    is_configured: whether the user chose the file.
    """

    __slots__ = ("context", "is_configured")
    context: "_Context | None"
    is_configured: bool


def share(path: str, *, is_configured: bool) -> Bundle:
    """Return what botocore's clients take for a file to share its context; "" is botocore's own."""
    bundle = Bundle(path or get_cert_path(verify=True))
    bundle.context, bundle.is_configured = None, is_configured
    return bundle


class _Context(ssl.SSLContext):
    """A client's TLS context. loaded: what it trusts. wanted: what the next connection needs."""

    loaded = _NOTHING
    wanted = _ROOTS

    def load_verify_locations(
        self, cafile: Any = None, capath: Any = None, cadata: Any = None
    ) -> None:
        """Load what is wanted, unless it is loaded: urllib3 calls this for each connection."""
        if self.loaded >= self.wanted:
            return
        if self.wanted == _ROOTS and (roots := read_roots(cafile)):
            with suppress(ssl.SSLError):  # the whole bundle gives the error that names its file
                super().load_verify_locations(cadata=roots)
                self.loaded = _ROOTS
                return
        own = embedded.read(cafile or "")
        if own is None:
            super().load_verify_locations(cafile, capath, cadata)
        else:
            super().load_verify_locations(cadata=own.decode("ascii", "ignore"))  # names are UTF-8
        self.loaded = _WHOLE

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Make a TLS connection; after a failure to verify, load the whole bundle for the next."""
        try:
            return super().wrap_socket(*args, **options)
        except ssl.SSLCertVerificationError:
            self.wanted = _WHOLE
            raise


def check_bundle(path: str) -> None:
    """Raise HelperError for a file of trusted certificates that OpenSSL would read for ever."""
    try:
        bounded.check_size(path, MAX_BUNDLE)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None)
        if reason and not getattr(exc, "filename", None):  # otherwise OpenSSL's error says more
            msg = f"the certificates to trust in {one_line(path)} cannot be used: {reason}"
            hint = "point AWS_CA_BUNDLE, or ca_bundle in the AWS config, at a PEM file"
            raise HelperError(msg, hint=hint) from exc


def read_roots(path: str) -> bytes:
    """Return Amazon's roots in a bundle: DER, one after the other.

    Any certificate of the bundle that has one of their names counts, whoever made it: the bundle
    says that it is to be trusted. b"" if there is none, and for a bundle that OpenSSL has to judge:
    one that cannot be read, has damaged PEM, or has more than plain certificates. Damage inside
    another certificate is noticed when the whole bundle is loaded.
    """
    try:
        text = embedded.read(path)
        if text is None:
            text = bounded.read(path, MAX_BUNDLE)
        _, *blocks = text.split(_BEGIN)
        if text.count(b"-----BEGIN ") != len(blocks):
            return b""
        found = b""
        for block in blocks:
            body, end, _ = block.partition(_END)
            der = a2b_base64(body)
            if not end or der[:2] != b"\x30\x82" or int.from_bytes(der[2:4], "big") != len(der) - 4:
                return b""
            if any(name in der for name in ROOTS):
                found += der
    except (OSError, ValueError):
        return b""
    return found


def prepare(session: URLLib3Session, url: str) -> None:
    """Have a session load what it needs for a request to a URL. Raises HelperError for a proxy."""
    bundle = session._verify  # type: ignore[attr-defined]  # noqa: SLF001 - no public way
    if isinstance(bundle, Bundle) and bundle.context and not _leads_to_roots(url):
        bundle.context.wanted = _WHOLE


def _leads_to_roots(url: str) -> bool:
    """Whether a URL's server is expected to have a certificate below Amazon's roots."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    return host.endswith(DOMAINS) and proxies.find(url) is None


def patch() -> None:
    """Let botocore's clients with a `Bundle` share its context; a second call changes nothing more.

    botocore has no setting for this. A test of each service fails if a name changes.
    """
    URLLib3Session._get_ssl_context = _share_context  # type: ignore[attr-defined]  # noqa: SLF001 - same


def _share_context(self: Any) -> Any:
    """Return the TLS context of a session's bundle, or a new one for what is no `Bundle`."""
    bundle = self._verify
    if not isinstance(bundle, Bundle):
        return _make_context(self)
    if bundle.context is None:
        context: Any = _make_context(self)
        context.__class__ = _Context
        context.wanted = _WHOLE if bundle.is_configured else _ROOTS
        bundle.context = context
    return bundle.context
