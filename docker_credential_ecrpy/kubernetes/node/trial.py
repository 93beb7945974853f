"""Runs a provider's plugin for an image as the kubelet does, and decodes its answer as strictly."""

import json
import os
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.programs import failures
from docker_credential_ecrpy.files.programs.program import Program, say_signal
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.node.config.document import build_object
from docker_credential_ecrpy.kubernetes.node.config.match import find_mismatch
from docker_credential_ecrpy.kubernetes.node.config.schema import Provider, is_duration
from docker_credential_ecrpy.text import secret_sources, secrets
from docker_credential_ecrpy.text.sanitize import one_line, shorten_log

SECONDS = 60.0
"""The kubelet's time limit for a plugin."""
CACHE_KEY_TYPES = ("Image", "Registry", "Global")
_LINGER = 1.0  # seconds after the plugin's end, for what is on its way
_MOST = 1024 * 1024  # bytes of an answer
_FIELDS = ("kind", "apiVersion", "cacheKeyType", "cacheDuration", "auth")
_LOGIN = {"username", "password"}


@dataclass(frozen=True)
class Answer:
    """A plugin's answer. user: the user name for the image, or "" for no credentials.

    cached: for how long, as the plugin wrote it, or the configuration's default. seconds: taken.
    """

    user: str
    cached: str
    cache_key_type: str
    seconds: float


def run_plugin(provider: Provider, bin_dir: str, image: str, environ: Mapping[str, str]) -> Answer:
    """Run the plugin of a provider for an image, and return its answer. Raises HelperError.

    environ: the kubelet's; the provider's own variables win. There is no service account's token.
    """
    path = os.path.join(bin_dir, provider.name)
    shown = one_line(path)
    if fault := failures.find_fault(path):
        msg = f"the plugin cannot be run: {fault[0]}"
        raise HelperError(msg, hint=fault[1])
    request = {
        "kind": "CredentialProviderRequest",
        "apiVersion": provider.api_version,
        "image": image,
    }
    variables = {**environ, **dict(provider.env)}
    secret_sources.note_environment(variables)
    started = time.monotonic()
    try:
        program = Program(
            [path, *provider.args],
            name=shown,
            request=json.dumps(request, separators=(",", ":")).encode() + b"\n",
            environ=variables,
            most=_MOST,
            keep_errors=True,
        )
    except (OSError, ValueError) as exc:
        raise failures.explain_start(exc, path, "the plugin") from exc
    try:
        printed, said = program.communicate(SECONDS)
        seconds = time.monotonic() - started
        is_held = program.is_held(_LINGER)
    except TimeoutError as exc:
        msg = f"{shown} has not ended after {SECONDS:.0f} s, when the kubelet kills it"
        raise HelperError(msg, hint="set a shorter AWS_ECR_TIMEOUT in its env to see why") from exc
    finally:
        program.end()
    if is_held:
        msg = f"{shown} has ended, and a process that it left holds its output"
        hint = "the kubelet waits until that ends, too; start it with its own streams"
        raise HelperError(msg, hint=hint)
    code = program.returncode or 0
    if code:
        how = say_signal(code) if code < 0 else f"failed with exit code {code}"
        line = shorten_log(said.decode(errors="replace")) or "it says nothing"
        msg = f"{shown} {how}: {line}"
        raise HelperError(msg)
    return _decode(printed, provider, image, seconds)


def _decode(data: bytes, provider: Provider, image: str, seconds: float) -> Answer:
    """Return the answer in an output. Raises HelperError for what the kubelet refuses."""
    try:
        found = json.loads(data, object_pairs_hook=build_object)
    except (ValueError, RecursionError) as exc:
        _refuse(f"it is not one JSON object: {one_line(str(exc))}", exc)
    if not isinstance(found, dict):
        _refuse("it is not one JSON object")
    if unknown := [key for key in found if key not in _FIELDS]:
        _refuse(f"unknown field {one_line(unknown[0])}")
    if found.get("kind") != "CredentialProviderResponse":
        _refuse("its kind is not CredentialProviderResponse")
    if found.get("apiVersion") != provider.api_version:
        _refuse(f"its apiVersion is not {provider.api_version}, as configured")
    key_type, duration = found.get("cacheKeyType"), found.get("cacheDuration")
    if key_type not in CACHE_KEY_TYPES:
        _refuse(f"its cacheKeyType is not {', '.join(CACHE_KEY_TYPES)}")
    if duration is not None and not (isinstance(duration, str) and is_duration(duration)):
        _refuse("its cacheDuration is not a duration")
    cached = duration or provider.default_cache_duration
    return Answer(_find_user(found.get("auth"), image), cached, key_type, seconds)


def _find_user(auth: Any, image: str) -> str:
    """Return the user name for an image, "" for none. Raises HelperError."""
    if not isinstance(auth, dict | None):
        _refuse("its auth is not an object")
    logins = auth or {}
    for login in logins.values():
        is_login = isinstance(login, dict) and login.keys() <= _LOGIN
        if not is_login or not all(isinstance(text, str) for text in login.values()):
            _refuse("a value of auth is not a username and a password")
        secrets.note(login.get("password", ""))
    for key in sorted(logins, reverse=True):
        try:
            if not find_mismatch(key, image):
                return str(logins[key].get("username", "")) or "(empty)"
        except ValueError:
            continue  # the kubelet ignores it, too
    if logins:
        keys = one_line(", ".join(logins))
        _refuse(f"its credentials are for {keys}, which does not match the image")
    return ""


def _refuse(problem: str, cause: Exception | None = None) -> NoReturn:
    msg = f"the kubelet refuses the plugin's answer: {problem}"
    raise HelperError(msg, hint="run the plugin by hand to see what it prints") from cause
