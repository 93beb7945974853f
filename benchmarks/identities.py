"""The AWS identities of the scenarios, each set up as the tests do it."""

import functools
import json
import time
from collections.abc import Callable

from tests import sources
from tests.stage import Stage
from tests.world.aws import ACCOUNT

STATIC, ROLE, WEB = "static keys", "assumed role", "web identity"
SSO, SSO_SESSION, PROCESS = "SSO", "SSO session", "credential_process"


def set_up(stage: Stage, identity: str, seconds: float) -> None:
    """Give the stage an identity; a credential_process takes so many seconds to answer."""
    _SET_UPS[identity](stage, seconds)


def _as_the_tests_do(make: Callable[[Stage], None], stage: Stage, _: float) -> None:
    make(stage)


def _process(stage: Stage, seconds: float) -> None:
    """Make a credential_process that asks a service for so long, and gets the same keys again."""
    keys = stage.aws.session(f"arn:aws:iam::{ACCOUNT}:role/process")
    answer = {
        "Version": 1,
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret_key,
        "SessionToken": keys.session_token,
        "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(keys.expires)),
    }
    file = stage.file("keys.json", json.dumps(answer))
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
