"""Bazel's protocol on `get`: a URI in, the headers for requests to it out, both as JSON.

https://github.com/EngFlow/credential-helper-spec/blob/main/spec.md
"""

import binascii
import time

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.protocol import GetRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.hot.cache import Entry

_BLANKS = b" \t\r\n"  # of JSON
_MARK = b"\xef\xbb\xbf"  # the byte order mark of UTF-8
_NAME = b'"uri"'


class UriRequest(GetRequest):
    """A `get` of Bazel's protocol.

    data: standard input. server_url: the URI in it; "" where only `helper.request` can read it, or
    refuses it. Its errors go to standard error alone.
    """

    __slots__ = ()
    wants_headers = True
    not_found = None

    def __init__(self, data: bytes) -> None:
        super().__init__(_find_uri(data))
        self.data = data

    def reply(self, entry: "Entry", now: int) -> bytes:
        """Return the answer with an entry's token, which the client keeps until `expires`.

        now: nanoseconds since the epoch (UTC).
        """
        login = binascii.b2a_base64(_login(entry.reply), newline=False)
        return b'{"headers":{"Authorization":["Basic %b"]},"expires":"%b"}\n' % (
            login,
            _expires(entry, now),
        )


def parse_request(request: GetRequest) -> GetRequest:
    """Return a request of this protocol where the input is a JSON object; else the one given."""
    is_object = request.data.removeprefix(_MARK).lstrip(_BLANKS).startswith(b"{")
    return UriRequest(request.data) if is_object else request


def _find_uri(data: bytes) -> bytes:
    """Return the URI in a request of the usual form; b"" for any other.

    That is one name and one string, which has no escape, to a host that gets credentials.
    """
    inside = data[1:-1].strip(_BLANKS)
    name, _, value = inside.partition(b":")
    value = value.strip(_BLANKS)
    uri = value[1:-1]
    is_usual = (
        data.startswith(b"{")
        and data.endswith(b"}")
        and name.rstrip(_BLANKS) == _NAME
        and value == b'"%b"' % uri
        and b'"' not in uri
        and b"\\" not in uri
        and uri.isascii()
    )
    return uri if is_usual and is_secure(uri.decode()) else b""


def is_secure(uri: str) -> bool:
    """Whether requests to a URI are encrypted. Those to a host without a scheme are."""
    scheme, separator, _ = uri.partition("://")
    return not separator or scheme.lower() == "https"


def _login(reply: bytes) -> bytes:
    """Return the user name and password of a reply, as Basic authentication joins them."""
    inside = reply[len(cache.REPLY_START) : -len(cache.REPLY_END)]
    username, _, password = inside.partition(cache.REPLY_SECRET)
    if b"\\" in inside:  # a stored login
        # The C part of `json`, which the standalone program finds before any other module.
        from _json import scanstring

        username, password = (
            scanstring(text.decode() + '"', 0)[0].encode() for text in (username, password)
        )
    return b"%b:%b" % (username, password)


def _expires(entry: "Entry", now: int) -> bytes:
    """Return until when a client keeps the answer: until `get` has a newer token.

    If the refresh has failed, it is tried again as soon as `get` does that.
    """
    until = entry.refresh if entry.fresh(now) else min(now + cache.DEFERRED, entry.expires)
    return b"%04d-%02d-%02dT%02d:%02d:%02dZ" % time.gmtime(until // cache.SECOND)[:6]
