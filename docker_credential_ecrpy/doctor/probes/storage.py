"""The storage of layers: a registry redirects each download there, with a signed URL.

ECR's is a bucket of S3, ECR Public's is CloudFront.
https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-minimum-s3-perms
"""

import html
import re
from contextlib import closing
from http import HTTPStatus
from urllib.parse import parse_qsl, urljoin, urlsplit

from docker_credential_ecrpy.aws.context import CallContext, redact_url
from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.sdk.transport import proxies
from docker_credential_ecrpy.aws.session import aws_call, prepare_session
from docker_credential_ecrpy.doctor.probes import replies
from docker_credential_ecrpy.doctor.probes.http import Connection, HttpAnswer, find_proxy
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.text.sanitize import one_line

READ_SECONDS = 8
FIRST_BYTE = {"Range": "bytes=0-0"}
ERROR_BYTES = 64 * 1024
CONFIG_BYTES = 4 * 1024 * 1024
MOST_REDIRECTS = 10  # as many as Go follows, in which Docker is written
_SECRET_CHARACTERS = 20  # of a value in a signed URL; its other values are dates and names
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
_BUCKET = re.compile(r"([a-z0-9][a-z0-9.-]+)\.s3[.-].+")
_PATH_STYLE = re.compile(r"s3[.-].+")
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
_CODE = re.compile(r"<Code>([\w.]{1,60})</Code>")
_LENGTH = re.compile(r"bytes \d+-\d+/(\d+)")  # in Content-Range
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")


@dataclass(frozen=True)
class Redirect:
    """Where a registry redirects the download of a blob to.

    url: signed, so a secret; "" where it is no valid address. bucket: that of S3, or "".
    proxy: the one that leads there, without a password, or "".
    """

    url: str = field(repr=False)
    host: str
    bucket: str
    proxy: str
    blob: replies.Blob | None = None

    @classmethod
    def parse(cls, location: str, base: str, blob: replies.Blob | None = None) -> "Redirect":
        """Parse the header of the answer to `base`, and note what is secret. Never raises."""
        host = path = query = ""
        try:
            url = urljoin(base, location) if location else ""
            parts = urlsplit(url)
            name = parts.hostname or ""
            if parts.scheme in ("http", "https") and parts.port != 0 and proxies.is_host(name):
                host, path, query = name, parts.path, parts.query
        except ValueError:
            url = ""
        if not host:
            return cls("", "", "", "", blob)
        note_secrets(query)
        found = _BUCKET.fullmatch(host)
        by_path = path.strip("/").partition("/")[0] if _PATH_STYLE.fullmatch(host) else ""
        try:
            proxy = find_proxy(url)
        except HelperError:  # the request raises it
            proxy = ""
        shown = one_line(host)
        return cls(url, shown, one_line(found[1] if found else by_path), proxy, blob)


@dataclass(frozen=True)
class StorageReply:
    """The answer of the storage to a request for the config, or for one byte of a layer.

    host: the one that answered, after any redirects. code, message: of S3's error, or "".
    instead: what it delivers instead of the blob, or "". platform: that of a config, or "".
    """

    host: str
    status: int
    code: str
    message: str
    milliseconds: int
    instead: str = ""
    platform: str = ""


def note_secrets(query: str) -> None:
    """Note the query of a signed URL, and the signature in it, as secrets."""
    if len(query) >= _SECRET_CHARACTERS:
        secrets.note(query)
    for _, value in parse_qsl(query):
        if len(value) >= _SECRET_CHARACTERS:
            secrets.note(value)


def request_storage(choice: Choice, redirect: Redirect, watch: Watch, log: Log) -> StorageReply:
    """Return the answer of the storage to a request for a config, or the first byte of a layer.

    No password is sent. Raises HelperError where nothing answers.
    """
    blob = redirect.blob
    with aws_call(choice, watch, log) as call:
        prepare_session(call)  # finds the trusted certificates
        host, milliseconds = "the registry", 0
        for _ in range(MOST_REDIRECTS):
            if not redirect.url:
                break
            host = redirect.host
            answer = _send(call, redirect.url, blob)
            milliseconds += answer.milliseconds
            location = answer.headers.get("Location", "")
            if not answer.is_redirect:
                return _parse_reply(host, answer, milliseconds, blob)
            redirect = Redirect.parse(location, redirect.url)
        msg = f"{host} redirects the download of a layer to no valid address"
        raise HelperError(msg, hint="check any proxy in between: ECR redirects to S3")


def request_size(blob: replies.Blob | None) -> tuple[dict[str, str], int]:
    """Return the headers of a request for a blob, and how much of it to read at most."""
    return ({}, CONFIG_BYTES) if blob and blob.is_config else (FIRST_BYTE, ERROR_BYTES)


def _send(call: CallContext, url: str, blob: replies.Blob | None) -> HttpAnswer:
    call.note_request("the storage of layers", url)
    with closing(Connection(call, url, READ_SECONDS)) as connection:
        answer = connection.send("GET", url, *request_size(blob))
    call.log(f"storage: GET {redact_url(url)}: HTTP {answer.status}")
    return answer


def _parse_reply(
    host: str, answer: HttpAnswer, milliseconds: int, blob: replies.Blob | None
) -> StorageReply:
    text = answer.body.decode("utf-8", "replace") if answer.is_error else ""
    code, message = _CODE.search(text), _MESSAGE.search(text)
    return StorageReply(
        host,
        answer.status,
        code[1] if code else "",
        one_line(html.unescape(message[1])) if code and message else "",
        milliseconds,
        _name_other(answer, blob) if blob else "",
        replies.read_image_platform(answer.body) if blob and blob.is_config else "",
    )


def _name_other(answer: HttpAnswer, blob: replies.Blob) -> str:
    """Return what an answer delivers instead of a blob, such as a page; "" for the blob."""
    if answer.is_error:
        return ""
    kind = one_line(answer.headers.get("Content-Type", "").partition(";")[0])
    if "html" in kind.lower():
        return f"a page ({kind})"
    size = _read_size(answer)
    if size is not None and blob.size and size != blob.size:
        return f"{size} bytes instead of {blob.size}"
    if blob.is_config and size == len(answer.body) and not blob.matches(answer.body):
        return "bytes with another digest"
    return ""


def _read_size(answer: HttpAnswer) -> int | None:
    """Return the size of the whole document that an answer is a part of; None if unknown."""
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        found = _LENGTH.fullmatch(answer.headers.get("Content-Range", ""))
        return int(found[1]) if found else None
    if answer.headers.get("Content-Encoding"):
        return None
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal():
        return int(length)
    return len(answer.body) if answer.whole else None
