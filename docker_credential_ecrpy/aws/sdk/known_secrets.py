"""Notes the secrets of a call to AWS as they become known, so that no output shows them."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import botocore.session

from docker_credential_ecrpy.aws.sdk import limits
from docker_credential_ecrpy.files import bounded
from docker_credential_ecrpy.hot import paths
from docker_credential_ecrpy.text import secret_sources, secrets
from docker_credential_ecrpy.text.expression import expression

_TOKEN_FILE = expression(r"^\s*web_identity_token_file\s*=(.*)", re.MULTILINE)
_TOKEN_FILES = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE")


def note_files(environ: Mapping[str, str]) -> None:
    """Note the secrets in the AWS config and credentials files, and in the files of tokens."""
    files = [environ.get(name, "") for name in _TOKEN_FILES]
    for path in paths.aws_files(environ):
        text = _read(path)
        secret_sources.note_settings(text)
        files += _TOKEN_FILE.findall(text)
    for path in files:
        secrets.note(_read(os.path.expanduser(path.strip())))


def _read(path: str) -> str:
    with suppress(OSError, ValueError):  # botocore reports a file that it cannot use
        return (
            bounded.read(path, limits.MAX_CONFIG).decode("utf-8", "surrogateescape") if path else ""
        )
    return ""


def note_calls(core: botocore.session.Session) -> None:
    """Note the secrets in each request to AWS from now on, and in each answer."""
    core.register("before-parameter-build", _note_request)
    core.register("after-call", _note_answer)


def _note_request(**event: Any) -> None:
    secret_sources.note_fields(event["params"])


def _note_answer(**event: Any) -> None:
    secret_sources.note_fields(event["parsed"])
