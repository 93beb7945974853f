"""The AWS identities of the scenarios, each set up as the tests do it."""

import functools
import time
from collections.abc import Callable

from tests import sources
from tests.stage import Stage

STATIC, ROLE, WEB = "static keys", "assumed role", "web identity"
SSO, SSO_SESSION, PROCESS = "SSO", "SSO session", "credential_process"


def set_up(stage: Stage, identity: str, seconds: float) -> None:
    """Give the stage an identity; a credential_process takes so many seconds to answer."""
    _SET_UPS[identity](stage, seconds)


def _as_the_tests_do(make: Callable[[Stage], None], stage: Stage, _: float) -> None:
    make(stage)


def _process(stage: Stage, seconds: float) -> None:
    """Make a credential_process that asks a service for so long, and gets the same keys again."""
    end = time.gmtime(time.time() + stage.aws.session_life)
    answer = sources.process_answer(stage, time.strftime("%Y-%m-%dT%H:%M:%SZ", end))
    file = stage.file("keys.json", answer)
    program = stage.file("process", f"#!/bin/sh\nsleep {seconds}\ncat '{file}'\n", mode=0o700)
    stage.config(f"[default]\ncredential_process = {program}\n")


_SET_UPS: dict[str, Callable[[Stage, float], None]] = {
    STATIC: functools.partial(_as_the_tests_do, sources.environment),
    ROLE: functools.partial(_as_the_tests_do, sources.assumed_role),
    WEB: functools.partial(_as_the_tests_do, sources.web_identity),
    SSO: functools.partial(_as_the_tests_do, sources.sso_legacy),
    SSO_SESSION: functools.partial(_as_the_tests_do, sources.sso_session),
    PROCESS: _process,
}
