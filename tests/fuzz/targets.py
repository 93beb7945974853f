"""The places where hostile input enters: one target each, with the tokens of its fuzzer.

A target takes bytes and raises if a promise is broken: AssertionError for a wrong answer, or the
exception that would have reached the user as an unexpected error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.fuzz import (
    aws_targets,
    cache_targets,
    docker_targets,
    settings_targets,
    stdin_targets,
)
from tests.fuzz.sandbox import MADE_UP
from tests.world.machine import HOST

CORPUS = Path(__file__).parent / "corpus"
_ADDRESS = (
    HOST,
    "public.ecr.aws",
    "images.example.com",
    "https://",
    "dkr-ecr-fips",
    "ecr-fips",
    "on.aws",
    "amazonaws.com.cn",
    "AWS@",
    ":443",
)
_URI = ('{"uri":"', '"}', '"uri"', "\ufeff", "http://", "\\u0068", "\\/")
_JSON = (
    '"',
    "\\u0000",
    "\\ud800",
    "{}",
    "[]",
    "null",
    "true",
    "NaN",
    "1e999",
    "-0",
    "\\",
    ",",
    ":",
)
_LOGIN = ('"ServerURL"', '"Username"', '"Secret"', HOST, "eyJleHBpcmF0aW9uIjoxfQ==")
_TOML = (
    "[[registry]]\n",
    "[registry]",
    "[[registry.x]]",
    "match = ",
    "profile = ",
    "role_arn = ",
    "external_id = ",
    "role_session_name = ",
    "duration = ",
    "registry = ",
    "endpoint_url = ",
    "region = ",
    "fallback = ",
    '"""',
    "'''",
    "\r\n",
    "# ",
    '"*.dkr.ecr.*.amazonaws.com"',
    '"123456789012"',
    f'"{HOST}"',
    '"images.example.com"',
    '"arn:aws:iam::123456789012:role/puller"',
    "[!a-c]",
)
_DOCKER = ('"auths"', '"credHelpers"', '"credsStore"', '"auth"', "QVdTOmI=", '"ecr-login"', HOST)
_ENTRY = (f"{HOST} AWS_PROFILE='dev'", "1800000000000000000", "ecrpy-1 ", "9" * 20, "0" * 32)
_NOTE = ('"who"', '"circumstances"', '"at"', '"message"', '"hint"')
_ANSWER = (
    '"authorizationData"',
    '"authorizationToken"',
    '"expiresAt"',
    "QVdTOnNlY3JldA==",
    '"__type"',
    '"message"',
    "AccessDeniedException",
    "ExpiredTokenException",
    "x-amzn-ErrorType: ",
    "Content-Type: application/x-amz-json-1.1",
    "Date: Thu, 01 Jan 1970 00:00:00 GMT",
)
_STS = (
    "<AssumeRoleResponse>",
    "<AssumeRoleResult>",
    "<Credentials>",
    "<AccessKeyId>",
    "<SecretAccessKey>",
    "<SessionToken>",
    "<Expiration>",
    "<ErrorResponse>",
    "<Error>",
    "<Code>",
    "<Message>",
    "2030-01-01T00:00:00Z",
    "<!DOCTYPE x [<!ENTITY a 'b'>]>",
    "&a;",
    "AccessDenied",
)
_PROCESS = ('"Version"', '"AccessKeyId"', '"SecretAccessKey"', '"SessionToken"', '"Expiration"')
_SESSION = ('"Credentials"', *_PROCESS[1:], '"expiresAt"', "2035-01-01T00:00:00Z")
_WIRE = ("HTTP/1.1 200 OK\r\n", "Transfer-Encoding: chunked", "Content-Encoding: gzip", "\r\n\r\n")


@dataclass(frozen=True)
class Target:
    """One entry of hostile input. tokens: pieces of its inputs. most: bytes an input may have."""

    name: str
    run: Callable[[bytes], None]
    tokens: tuple[str, ...]
    most: int = 4096

    @property
    def corpus(self) -> Path:
        return CORPUS / self.name

    @cached_property
    def seeds(self) -> list[bytes]:
        return [file.read_bytes() for file in sorted(self.corpus.glob("*"))]

    def dictionary(self) -> str:
        """Return the tokens in libFuzzer's format."""
        quoted = ("".join(f"\\x{byte:02x}" for byte in token.encode()) for token in self.tokens)
        return "".join(f'"{token}"\n' for token in quoted)


TARGETS = {
    target.name: target
    for target in (
        Target("get", stdin_targets.get, _ADDRESS + _URI),
        Target("store", stdin_targets.store, (*_LOGIN, *_JSON, *_ADDRESS)),
        Target("erase", stdin_targets.erase, _ADDRESS),
        Target("list", stdin_targets.list_, (*_ADDRESS, "\n")),
        Target("settings", settings_targets.loaded, _TOML),
        Target("settings-edit", settings_targets.edited, _TOML),
        Target("docker-config", docker_targets.config_json, (*_DOCKER, *_JSON)),
        Target("cache-entry", cache_targets.entry, (*_ENTRY, MADE_UP)),
        Target("lock-note", cache_targets.note, (*_NOTE, *_JSON)),
        Target("ecr", aws_targets.ecr_private, (*_ANSWER, *_JSON)),
        Target("ecr-public", aws_targets.ecr_public, (*_ANSWER, *_JSON)),
        Target("sts", aws_targets.sts, _STS),
        Target("credential-process", aws_targets.credential_process, (*_PROCESS, *_JSON)),
        Target("aws-cache", aws_targets.aws_cache, (*_SESSION, *_JSON)),
        Target("wire", aws_targets.wire, (*_WIRE, *_ANSWER)),
    )
}
