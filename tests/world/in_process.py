"""A `get` in this process, with a real AWS SDK that talks to the loopback world.

It takes some 50 ms instead of a second, so that a test can make thousands.
"""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider

from docker_credential_ecrpy.__main__ import quick_answer
from docker_credential_ecrpy.aws import gateway
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.tokens.token import Token
from tests.world.machine import HOST, no_fallback


@contextmanager
def environment(environ: Mapping[str, str]) -> Iterator[None]:
    """Make `environ` this process's whole environment."""
    before = dict(os.environ)
    classes: tuple[Any, ...] = (SSOProvider, SSOTokenProvider)
    folders = [one._SSO_TOKEN_CACHE_DIR for one in classes]
    os.environ.clear()
    os.environ.update(environ)
    for one in classes:  # botocore looks for the home directory once for each process
        one._SSO_TOKEN_CACHE_DIR = os.path.expanduser("~/.aws/sso/cache")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        for one, folder in zip(classes, folders, strict=True):
            one._SSO_TOKEN_CACHE_DIR = folder


def fetch(choice: Choice, seconds: float) -> Token:
    """Return a token from AWS. Raises HelperError."""
    return gateway.fetch(choice, seconds, lambda _: None)


def get(environ: Mapping[str, str], host: str = HOST) -> bytes:
    """Return the reply of a `get`. Raises HelperError."""
    with environment(environ):
        request = GetRequest(host.encode())
        answer = quick_answer(request, environ, time.time_ns())
        if answer is None:
            helper = Helper(
                environ, fetch, gateway.resolve, no_fallback, time.time_ns, lambda _: None
            )
            answer = helper.get(request)
        return answer[1]
