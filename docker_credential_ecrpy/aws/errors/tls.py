"""Errors of TLS: the certificate's kind of failure, and whether this machine's clock causes it."""

import re
import ssl
import time

from botocore import exceptions as boto

from docker_credential_ecrpy.aws.context import CallContext
from docker_credential_ecrpy.aws.faults.variables import find_bundle
from docker_credential_ecrpy.aws.sdk.transport import peer, proxies
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.cache import SECOND
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import duration, say_set_clock, set_clock, stamp

# OpenSSL's X509_V_ERR_...: https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
EXPIRED = 10
TIMES = (9, EXPIRED)  # not yet valid, expired
NAMES = (62, 64)  # another host, another IP address
_SKEW = 60  # seconds; the Date of an answer is exact to one
_MISMATCH = re.compile(r"hostname .* doesn't match .*")  # urllib3's
_NOT_TLS = re.compile("WRONG_VERSION|HTTP_REQUEST|RECORD_LAYER|UNKNOWN_PROTOCOL|PACKET_LENGTH")
# The second up to Python 3.11.3, for a server that ends TLS before it has begun.
_CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionError)
_NOTHING_COMMON = re.compile(
    "PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|HANDSHAKE_FAILURE|NO_SHARED_CIPHER|NO_PROTOCOLS"
    "|TOO_SMALL|LEGACY|INSUFFICIENT_SECURITY|WRONG_SIGNATURE_TYPE"
)


def explain_tls(
    exc: boto.SSLError, causes: list[BaseException], where: str, call: CallContext
) -> HelperError:
    """Return the error for a TLS connection that failed."""
    url = str(exc.kwargs.get("endpoint_url") or "")
    for cause in causes:
        mismatch = _MISMATCH.search(str(cause))
        if mismatch:
            return _explain_name(where, mismatch[0])
        if not isinstance(cause, ssl.SSLCertVerificationError):
            continue
        code, reason = cause.verify_code, cause.verify_message or str(cause)
        if code in NAMES:
            return _explain_name(where, reason)
        if code in TIMES:
            return explain_time(where, url, call, expired=code == EXPIRED)
        return _explain_distrust(where, reason, call)
    return _explain_bundle(causes, call) or _explain_handshake(exc, causes, where)


def _explain_bundle(causes: list[BaseException], call: CallContext) -> HelperError | None:
    """Return the error for a file of trusted certificates that cannot be read."""
    unread = [str(cause) for cause in causes if _is_bundle_error(cause)]
    if not (call.bundle and unread):
        return None
    msg = f"the certificates to trust in {one_line(call.bundle)} cannot be used:"
    msg += f" {one_line(unread[-1])}"
    origin = find_bundle(call.bundle)
    if origin is None:
        return HelperError(msg, hint="set AWS_CA_BUNDLE to a PEM file")
    hint = f"point {origin.name} at a PEM file, or, if it is left over, {origin.cure}"
    return HelperError(msg, hint=hint, command=origin.command)


def _explain_handshake(exc: boto.SSLError, causes: list[BaseException], where: str) -> HelperError:
    """Return the error for a TLS connection that failed before any certificate was read."""
    reason = one_line(str(exc.kwargs.get("error", exc)))
    msg = f"no TLS connection to {where}: {reason}"
    proxy = proxies.describe(str(exc.kwargs.get("endpoint_url") or ""))
    hint = f"check the endpoint's URL, {proxy}, and any proxy or firewall in between"
    name = reason.upper().replace(" ", "_")  # Python does not know every name of OpenSSL's
    if _NOT_TLS.search(name):
        msg = f"no TLS connection to {where}: it answers without TLS"
    elif _NOTHING_COMMON.search(name):
        hint = "it needs TLS 1.2 or later: ask the owner of it, or of the proxy or firewall in"
        hint += " between, to update it"
    elif any(isinstance(cause, _CLOSED) for cause in causes):
        msg = f"no TLS connection to {where}: it closes the connection"
        hint = f"a firewall or proxy in between may block it: check {proxy}, or ask its owner"
    return HelperError(msg, hint=hint)


def _explain_distrust(where: str, reason: str, call: CallContext) -> HelperError:
    msg = f"the TLS certificate of {where} is not trusted: {one_line(reason)}"
    return HelperError(msg, hint=say_trust(call))


def say_trust(call: CallContext) -> str:
    """Return how to trust the CA that signed a certificate."""
    whose = "the CA that signed it, such as that of your company's proxy"
    origin = find_bundle(call.bundle)
    if origin is None:
        return f"set AWS_CA_BUNDLE to a PEM file with {whose}"
    hint = f"add {whose}, to {one_line(call.bundle)}, which {origin.name} names"
    return f"{hint}; or, if that is left over, {origin.cure}"


def _explain_name(where: str, reason: str) -> HelperError:
    msg = f"the TLS certificate of {where} is for another name: {one_line(reason)}"
    return HelperError(msg, hint="check AWS_ENDPOINT_URL, DNS, and any proxy in between")


def explain_time(where: str, url: str, call: CallContext, *, expired: bool) -> HelperError:
    """Return the error for a certificate that is out of date, by this machine's clock.

    The server's own clock says whose fault it is. Without it, a certificate that is not valid yet
    means a clock that is behind: no server has one for the future.
    """
    what = f"the TLS certificate of {where}"
    now, theirs, until = time.time(), *peer.ask_time(url, call.bundle)
    counts = "as expired" if expired else "as not valid yet"
    said = f"by this machine's clock, which says {stamp(round(now) * SECOND)}"
    owner = "ask its owner, or that of your company's proxy in front of it, for a new certificate"
    if theirs is None:
        if expired:
            return _explain_clock(f"{what} has expired {said}", f"; if that is right, {owner}")
        return _explain_clock(f"{what} is not valid yet {said}")
    if abs(now - theirs) > _SKEW and (now > theirs) == expired:
        side = "ahead of" if expired else "behind"
        msg = f"this machine's clock is {duration(abs(now - theirs))} {side} that of {where},"
        return _explain_clock(f"{msg} so its TLS certificate counts {counts}")
    if not expired:
        msg = f"{what} is not valid yet, and this machine's clock is right"
        return HelperError(msg, hint=owner)
    if until is None or until < theirs:
        when = f" at {stamp(round(until) * SECOND)}" if until else ""
        msg = f"{what} expired{when}, and this machine's clock is right"
        return HelperError(msg, hint=owner)
    msg = f"a CA certificate that signed {what} has expired, and this machine's clock is right"
    trusted = one_line(call.bundle) or "botocore's cacert.pem"
    return HelperError(msg, hint=f"replace it in {trusted}, or ask the owner of {where}")


def _explain_clock(msg: str, more: str = "") -> HelperError:
    return HelperError(msg, hint=say_set_clock() + more, command=set_clock())


def _is_bundle_error(cause: BaseException) -> bool:
    """Whether an error comes from reading the certificate bundle, before any connection."""
    if isinstance(cause, ssl.SSLError):
        return "X509" in str(cause) or "PEM" in str(cause)
    return isinstance(cause, FileNotFoundError | IsADirectoryError | PermissionError)
