"""Bazel's side of its credential-helper protocol, as its specification and its clients have it.

https://github.com/EngFlow/credential-helper-spec/blob/main/spec.md
"""

import base64
import datetime as dt
import json
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.world.machine import Machine, Result

# What Bazel's JSON library writes as an escape.
_ESCAPES = str.maketrans({mark: f"\\u{ord(mark):04x}" for mark in "<>&='"})
# Bazel parses it by the pattern yyyy-MM-dd'T'HH:mm:ssXXX; of its time zones, UTC alone is given.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_REDIRECTS = 5


@dataclass(frozen=True)
class Credentials:
    """A decoded answer. expires: in seconds since the epoch; None if the answer has none."""

    headers: dict[str, list[str]]
    expires: float | None = None

    @property
    def login(self) -> tuple[str, str]:
        """The user name and password, as rules_img reads them."""
        ((name, values),) = self.headers.items()
        assert name == "Authorization"
        (value,) = values
        scheme, _, encoded = value.partition(" ")
        assert scheme == "Basic"
        username, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        assert colon
        return username, password


def decode(result: Result) -> Credentials:
    """Return what a successful answer says; fails for anything that the schema does not have."""
    assert (result.code, result.stderr) == (0, b""), result
    assert result.stdout.endswith(b"}\n")
    assert result.stdout.count(b"\n") == 1
    fields = json.loads(result.stdout.decode(), object_pairs_hook=_unique)
    assert {"headers"} <= fields.keys() <= {"headers", "expires"}
    headers = fields["headers"]
    assert isinstance(headers, dict)
    for name, values in headers.items():
        assert _NAME.fullmatch(name)
        assert isinstance(values, list)
        assert all(isinstance(value, str) and value.isprintable() for value in values)
    if "expires" not in fields:
        return Credentials(headers)
    assert _TIME.fullmatch(fields["expires"])
    end = dt.datetime.fromisoformat(fields["expires"].replace("Z", "+00:00"))
    return Credentials(headers, end.timestamp())


def refused(result: Result) -> str:
    """Return the line of an error, which is on standard error alone."""
    assert (result.code, result.stdout) == (1, b""), result
    line = result.stderr.decode()
    assert line.count("\n") == 1
    assert line.endswith("\n")
    name, _, said = line.rstrip("\n").partition(": ")
    assert name.startswith("docker-credential-")
    return said


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    assert len(fields) == len(pairs)
    return fields


def make_request(uri: str) -> bytes:
    """Return a request as Bazel writes it."""
    return json.dumps({"uri": uri}, separators=(",", ":")).translate(_ESCAPES).encode()


def ask(machine: Machine, uri: str, **environ: str) -> Result:
    """Run the helper for a URI as Bazel does."""
    return machine.run("get", stdin=make_request(uri), environ=environ)


@dataclass(frozen=True)
class Download:
    """A download. asked: the hosts for which the helper was run, in order."""

    status: int
    body: bytes
    asked: list[str]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def download(machine: Machine, url: str) -> Download:
    """Download as Bazel does: the helper is asked for each URL that a redirect leads to."""
    tls = ssl.create_default_context(cadata=machine.authority.pem().decode())
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": machine.server.url}),
        urllib.request.HTTPSHandler(context=tls),
        _NoRedirect,
    )
    asked = []
    for _ in range(_REDIRECTS):
        asked.append(urllib.parse.urlsplit(url).hostname or "")
        request = urllib.request.Request(url)
        for name, values in decode(ask(machine, url)).headers.items():
            (value,) = values
            request.add_header(name, value)
        try:
            with opener.open(request, timeout=30) as answer:
                return Download(answer.status, answer.read(), asked)
        except urllib.error.HTTPError as exc:
            with exc:
                url = exc.headers.get("Location", "")
                if not url:
                    return Download(exc.code, exc.read(), asked)
    raise AssertionError(asked)
