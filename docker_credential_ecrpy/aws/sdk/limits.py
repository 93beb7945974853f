"""Bounds of what botocore reads: answers over HTTP, and the files of AWS."""

import configparser
import io
from http.client import HTTPResponse
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import botocore.configloader
import botocore.credentials
import botocore.utils
from botocore.awsrequest import AWSHTTPConnection, AWSHTTPSConnection, AWSResponse
from botocore.exceptions import ConfigParseError, HTTPClientError
from botocore.httpsession import URLLib3Session

from docker_credential_ecrpy.aws.sdk.transport import proxies, trust
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.text.sanitize import one_line

MAX_ANSWER = 1024 * 1024
"""The limit in bytes of an answer's body; AWS's have a few KB."""
MAX_RECEIVED = 8 * 1024 * 1024
"""The limit in bytes of all that is received for one request: `doctor` reads larger bodies."""
MAX_CONFIG = 4 * 1024 * 1024
"""The limit in bytes of an AWS config or credentials file."""
MAX_FILE = 1024 * 1024
"""The limit in bytes of a token file, and of a cache file of the AWS CLI's."""

_send = URLLib3Session.send


class _AnswerTooLong(Exception):
    """An answer is longer than a limit, which is the argument: a number of bytes."""


class _UnusableFile(ConfigParseError):
    fmt = "{path} cannot be read: {error}"


class _Counted(io.RawIOBase):
    """A socket's stream that fails once `MAX_RECEIVED` bytes were read."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._left = stream, MAX_RECEIVED

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._stream.fileno())

    def readinto(self, buffer: Any) -> int | None:
        count: int | None = self._stream.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise _AnswerTooLong(MAX_RECEIVED)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _BoundedResponse(HTTPResponse):
    """An answer whose headers, chunk sizes and trailers are bounded, too."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp: Any = io.BufferedReader(_Counted(self.fp.detach()))


class _BoundedParser(configparser.RawConfigParser):
    """Reads AWS's config files."""

    def read(self, filenames: Any, encoding: str | None = None) -> list[Any]:
        (path,) = filenames
        try:
            data = bounded.read(path, MAX_CONFIG)
        except PermissionError:
            return []  # as the parser that botocore uses
        except OSError as exc:
            raise _UnusableFile(path=path, error=exc.strerror) from exc
        self.read_string(data.decode(encoding or "utf-8"), path)
        return [path]


def patch() -> None:
    """Bound what botocore reads; a second call changes nothing more.

    botocore has no settings for this. A test of each source fails if a name changes.
    """
    botocore.configloader.configparser = SimpleNamespace(  # type: ignore[attr-defined]  # a module
        RawConfigParser=_BoundedParser, Error=configparser.Error
    )
    botocore.credentials.open = _open  # type: ignore[attr-defined]  # instead of the built-in one
    botocore.utils.parse_key_val_file.__defaults__ = (_open,)  # bound when it loaded
    for connection in (AWSHTTPConnection, AWSHTTPSConnection):
        connection.response_class = _BoundedResponse  # type: ignore[assignment]  # http.client's
    AWSResponse.content = property(_read_content)  # type: ignore[assignment,method-assign]
    URLLib3Session.send = _send_bounded  # type: ignore[method-assign]  # on purpose


def _open(file: str, mode: str = "r") -> io.StringIO:
    """Stand in for `open` in botocore, which reads small text files with it."""
    assert mode == "r"  # noqa: S101 - a later botocore that writes fails in every test
    return io.StringIO(bounded.read_stream(file, MAX_FILE).decode(), newline=None)


def _read_content(self: Any) -> bytes:
    """Return the body of an answer, which is kept."""
    if self._content is None:
        body = bytearray()
        for piece in self.raw.stream():
            body += piece
            if len(body) > MAX_ANSWER:
                self.raw.close()
                raise _AnswerTooLong(MAX_ANSWER)
        self._content = bytes(body)
    return bytes(self._content)


def _send_bounded(self: Any, request: Any) -> Any:
    """Send a request. Raises HelperError, which is not retried, such as for too long an answer."""
    trust.prepare(self, request.url)
    try:
        return _send(self, request)
    except HTTPClientError as exc:
        error = exc.kwargs.get("error")
        if isinstance(error, HelperError):  # such as for a proxy variable that is no URL
            raise error from exc
        if not isinstance(error, _AnswerTooLong):
            raise
        url = urlsplit(request.url)
        where = one_line(f"{url.scheme}://{url.netloc.rpartition('@')[2]}")
        msg = f"the answer from {where} is longer than {error.args[0] >> 20} MiB"
        proxy = proxies.describe(request.url)
        hint = f"check AWS_ENDPOINT_URL, {proxy}, and any firewall in between"
        raise HelperError(msg, hint=hint) from exc
