"""Nearly valid inputs: a valid input with one part replaced."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.aws_targets import ROLE
from tests.fuzz.cache_targets import NOW, SUBJECT
from tests.fuzz.stdin_targets import PRIVATE
from tests.fuzz.targets import Target
from tests.world.machine import HOST

Bytes = st.SearchStrategy[bytes]

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", HOST, PRIVATE, "AWS", "QVdTOmI=", "\ud800", "\x1b[31m", 10**400])
)
_ANY = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)
_PARTS = (
    ("", "https://", "AWS:x@", "a://b@"),
    ("123456789012", "12345678901", "\u0661" * 12),
    (".dkr.ecr.", ".dkr.ecr-fips.", ".dkr-ecr.", "."),
    ("us-east-1", "-", "a" * 64, ""),
    (".amazonaws.com", ".on.aws", ".amazonaws.com.cn"),
    ("", ".", "..", ".evil.org"),
    ("", ":443", ":x", "/v2/", "?", "#", "\n", "@" + HOST),
)


def near(target: Target) -> Bytes:
    """Return a strategy of a target's inputs: of its own kind, or a kept one with a new part."""
    seeds, tokens = target.seeds, [token.encode() for token in target.tokens]
    return _KINDS[target.name] | _spliced(seeds, tokens)


@st.composite
def _spliced(draw: st.DrawFn, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    seed, other = draw(st.sampled_from(seeds)), draw(st.sampled_from(seeds))
    start = draw(st.integers(0, len(seed)))
    end = draw(st.integers(start, len(seed)))
    end = draw(st.sampled_from((start, min(start + 1, len(seed)), end)))
    cut = draw(st.integers(0, len(other)))
    part = draw(st.sampled_from(tokens) | st.binary(max_size=8) | st.just(other[cut:]))
    return seed[:start] + part + seed[end:]


@st.composite
def _one_replaced(draw: st.DrawFn, made: dict[str, Any], new: st.SearchStrategy[Any]) -> Any:
    """Return an object with one of its values, or of an inner object's, replaced or removed."""
    key = draw(st.sampled_from(sorted(made)))
    kept = {name: value for name, value in made.items() if name != key}
    inner = made[key]
    if isinstance(inner, dict) and inner and draw(st.booleans()):
        return {**kept, key: draw(_one_replaced(inner, new))}
    if isinstance(inner, list) and inner and draw(st.booleans()):
        return {**kept, key: [draw(_one_replaced(inner[0], new))]}
    return draw(st.just(kept) | new.map(lambda value: {**kept, key: value}))


def _as_json(made: st.SearchStrategy[Any]) -> Bytes:
    return st.builds(
        lambda value, indent, ascii_only: json.dumps(
            value, indent=indent, ensure_ascii=ascii_only
        ).encode(errors="surrogatepass"),
        made,
        st.sampled_from((None, 1, "\t")),
        st.booleans(),
    )


def _token(seconds: object) -> str:
    return base64.b64encode(json.dumps({"expiration": seconds}).encode()).decode()


_ADDRESSES = st.tuples(*map(st.sampled_from, _PARTS)).map("".join) | st.sampled_from(
    (HOST, PRIVATE, "public.ecr.aws", "ghcr.io")
)
_LOGIN = {"ServerURL": HOST, "Username": "AWS", "Secret": "secret"}
_LOGINS = _one_replaced(_LOGIN, _ANY | _ADDRESSES | _SCALARS.map(_token))
_RULE = {
    "match": '"123456789012"',
    "profile": '"prod"',
    "role_arn": f'"{ROLE}"',
    "external_id": '"x-1"',
    "role_session_name": '"me"',
    "duration": "3600",
    "endpoint_url": '"https://a.example.com/"',
    "region": '"eu-west-1"',
}
_VALUES = st.sampled_from(
    (
        '"123456789012"',
        f'"{HOST}"',
        '"*.dkr.ecr.*.amazonaws.com"',
        '"*.example.com"',
        f'"{PRIVATE}"',
        '"public.ecr.aws"',
        "'''\n*'''",
        "[]",
        "{a = 1}",
        "0x10",
        "nan",
        "true",
        "1979-05-27",
        '"\\u007f"',
        '"auto"',
        "",
    )
) | st.text("*?[]!-a1.", max_size=8).map('"{}"'.format)


@st.composite
def _settings(draw: st.DrawFn) -> bytes:
    lines = [draw(st.sampled_from(("", 'fallback = "pass"', "# c", "fallback = 1")))]
    for _ in range(draw(st.integers(0, 3))):
        lines.append(
            draw(st.sampled_from(("[[registry]]", "[[ registry ]] # x", "\n[[registry]]")))
        )
        keys = draw(st.lists(st.sampled_from(sorted(_RULE)), unique=True, max_size=3))
        rule = {"match": draw(_VALUES), **{key: _RULE[key] for key in keys if key != "match"}}
        if draw(st.booleans()):
            rule[draw(st.sampled_from((*_RULE, "registry", "nope")))] = draw(_VALUES)
        if draw(st.booleans()):
            rule["registry"] = f'"{HOST}"'
        lines += [f"{key} = {value}" for key, value in rule.items()]
    return draw(st.sampled_from(("\n", "\r\n"))).join(lines).encode()


_DOCKER = {
    "auths": {"ghcr.io": {"auth": "YTpi"}, HOST: {"auth": "QVdTOmI="}},
    "credHelpers": {"gcr.io": "gcloud", f"https://{PRIVATE}": "ecr-login"},
    "credsStore": "pass",
    "HttpHeaders": {"a": 1.5},
}
_HEADER = ("1700000000000000000", "1900000000000000000", "1900000000000000000", SUBJECT)


@st.composite
def _entries(draw: st.DrawFn) -> bytes:
    fields = list(_HEADER)
    new = st.text(max_size=9) | st.integers(NOW - 2, NOW + 2).map(str) | st.sampled_from(_HEADER)
    fields[draw(st.integers(0, len(fields) - 1))] = draw(new)
    tail = draw(st.binary(max_size=9))
    return f" {' '.join(fields)}\n".encode(errors="surrogatepass") + tail


_NOTE = {"who": "circumstances", "at": 4, "message": "it failed", "hint": "fix it"}
_LOGIN_DATA = {"authorizationToken": "QVdTOnNlY3JldA==", "expiresAt": 1.9e9}
_ERROR = {"__type": "AccessDeniedException", "message": "no", "code": "x"}
_KEYS = {
    "AccessKeyId": "ASIA",
    "SecretAccessKey": "s",
    "SessionToken": "t",
    "Expiration": "2035-01-01T00:00:00Z",
}
_HEADERS = st.sampled_from(
    (
        "Content-Type: application/x-amz-json-1.1",
        "Content-Type: text/xml",
        "Date: Thu, 01 Jan 1970 00:00:00 GMT",
        "x-amzn-ErrorType: ExpiredTokenException",
        "x-amzn-query-error: a;b",
    )
)


def _answers(bodies: Bytes) -> Bytes:
    return st.builds(
        lambda status, header, body: f"{status}\n{header}\n\n".encode() + body,
        st.sampled_from((200, 200, 204, 302, 400, 403, 429, 500, 503)),
        _HEADERS,
        bodies,
    )


_ASSUMED = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials>{}</Credentials></AssumeRoleResult>"
    "</AssumeRoleResponse>"
)


@st.composite
def _xml(draw: st.DrawFn) -> bytes:
    """Return STS's answer, or its error, with one text replaced."""
    fields = draw(_one_replaced(dict(_KEYS), st.text(max_size=9)))
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    text = draw(
        st.sampled_from(
            (
                _ASSUMED,
                "<ErrorResponse><Error><Code>{}</Code></Error></ErrorResponse>",
                "<ErrorResponse><Error>{}</Error></ErrorResponse>",
            )
        )
    )
    return text.format(inner).encode(errors="surrogatepass")


_BODIES = _as_json(_one_replaced({"authorizationData": [_LOGIN_DATA]}, _ANY))
_ERRORS = _as_json(_one_replaced(_ERROR, _ANY))
_WIRED = st.builds(
    lambda line, headers, body: "\r\n".join((line, *headers, "", "")).encode("latin-1") + body,
    st.sampled_from(("HTTP/1.1 200 OK", "HTTP/1.0 400 x", "HTTP/1.1 100 x", "HTTP/1.1 2", "x")),
    st.lists(
        _HEADERS
        | st.sampled_from(("Content-Length: 5", "Transfer-Encoding: chunked", ":", " a", "a:b\rc"))
        | st.text(st.characters(max_codepoint=255), max_size=9),
        max_size=3,
    ),
    _BODIES | st.binary(max_size=9),
)

_KINDS: dict[str, Bytes] = {
    "get": _ADDRESSES.map(str.encode) | st.binary(max_size=50),
    "erase": _ADDRESSES.map(str.encode),
    "list": st.lists(_ADDRESSES | st.text(max_size=9)).map(
        lambda names: "\n".join(names).encode(errors="surrogatepass")
    ),
    "store": _as_json(_LOGINS),
    "settings": _settings(),
    "settings-edit": st.builds(
        lambda edit, file: bytes([edit]) + file, st.integers(0, 11), _settings()
    ),
    "docker-config": _as_json(_one_replaced(_DOCKER, _ANY)),
    "cache-entry": _entries(),
    "lock-note": _as_json(_one_replaced(_NOTE, _ANY)),
    "ecr": _answers(_BODIES | _ERRORS),
    "ecr-public": _answers(_BODIES | _ERRORS),
    "sts": _answers(_xml()),
    "credential-process": _as_json(_one_replaced({"Version": 1, **_KEYS}, _ANY)),
    "aws-cache": _as_json(_one_replaced({"Credentials": _KEYS, "expiresAt": "x"}, _ANY)),
    "wire": _WIRED,
}
