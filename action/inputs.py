"""The action's inputs, read from the environment and checked before anything is done.

A value is used as an argument, in a path or in a file only if it has exactly the form of its kind.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from runner import ActionError

PUBLIC = "public.ecr.aws"
_MOST_SHOWN = 60  # characters of a wrong value
_ACCOUNT = re.compile(r"\d{12}|\d{4}-\d{4}-\d{4}", re.ASCII)
_REGION = re.compile(r"[a-z][a-z0-9-]*[0-9]", re.ASCII)
# <account>@<region>, or a host with an optional port. The program finds out whether it is ECR's.
_REGISTRY = re.compile(
    r"[0-9][0-9-]*@[a-z][a-z0-9-]*|[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?\.[0-9A-Za-z-]+(?::\d{1,5})?",
    re.ASCII,
)
# https://packaging.python.org/en/latest/specifications/version-specifiers/
_VERSION = re.compile(r"v?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?", re.ASCII)
_PROXY = re.compile(
    r"https?://(?:[\w.~%!*+-]+(?::[\w.~%!*+-]*)?@)?(?:[\w.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?/?",
    re.ASCII,
)


@dataclass(frozen=True)
class Inputs:
    """registries: as `configure` takes them; none for that of the caller's account in `region`.

    region: of the environment, or "". proxy, version: "" for none.
    """

    registries: tuple[str, ...]
    region: str
    isolate: bool
    check: bool
    version: str
    password_output: bool
    mask_password: bool
    proxy: str


def read_inputs(environ: Mapping[str, str]) -> Inputs:
    """Return the inputs in the environment. Raises ActionError for the first wrong one."""
    kind = _read(environ, "registry-type").lower() or "private"
    if kind not in ("private", "public"):
        msg = f"registry-type is {_show(kind)}; write private or public"
        raise ActionError(msg)
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    if region and not _REGION.fullmatch(region):
        msg = f"AWS_REGION is {_show(region)}; set it to a region such as us-east-1"
        raise ActionError(msg)
    _read_switch(environ, "skip-logout", default=False)  # there is no logout to skip
    return Inputs(
        registries=(
            (PUBLIC,)
            if kind == "public"
            else _read_registries(_read(environ, "registries"), region)
        ),
        region=region,
        isolate=_read_switch(environ, "isolate", default=True),
        check=_read_switch(environ, "check", default=False),
        version=_read_form(environ, "version", _VERSION, "a version such as 1.2.0"),
        password_output=_read_switch(environ, "password-output", default=False),
        mask_password=_read_switch(environ, "mask-password", default=True),
        proxy=_read_proxy(environ),
    )


def _read(environ: Mapping[str, str], name: str) -> str:
    """Return an input without the space around it, as every JavaScript action reads it."""
    return environ.get(f"INPUT_{name.upper().replace('-', '_')}", "").strip()


def _read_switch(environ: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = _read(environ, name).lower()
    if text in ("", "true", "false"):
        return text == "true" or (not text and default)
    msg = f"{name} is {_show(text)}; write true or false"
    raise ActionError(msg)


def _read_form(environ: Mapping[str, str], name: str, form: "re.Pattern[str]", example: str) -> str:
    text = _read(environ, name)
    if not text or form.fullmatch(text):
        return text
    msg = f"{name} is {_show(text)}; write {example}"
    raise ActionError(msg)


def _read_proxy(environ: Mapping[str, str]) -> str:
    """Return the proxy; a wrong one is not shown, because it may have a password."""
    text = _read(environ, "http-proxy")
    if not text or _PROXY.fullmatch(text):
        return text
    msg = "http-proxy is not a URL such as http://proxy.example.com:3128; write special"
    msg += " characters of a password as %XX"
    raise ActionError(msg)


def _read_registries(text: str, region: str) -> tuple[str, ...]:
    """Return registries as `configure` takes them, each once."""
    return (
        tuple(dict.fromkeys(_read_registry(each.strip(), region) for each in text.split(",")))
        if text
        else ()
    )


def _read_registry(text: str, region: str) -> str:
    if not text:
        msg = "registries has an empty entry; remove the extra comma"
        raise ActionError(msg)
    if _ACCOUNT.fullmatch(text):
        return f"{text}@{need_region(region)}"
    if text.isascii() and text.isdigit():
        msg = f"registries has the account id {_show(text)}, which has {len(text)} digits instead"
        msg += " of 12; write one that begins with 0 in quotes, or YAML drops the 0"
        raise ActionError(msg)
    if _REGISTRY.fullmatch(text):
        return text
    msg = f"registries has the entry {_show(text)}; write account ids, account@region or host"
    msg += " names, separated by commas"
    raise ActionError(msg)


def need_region(region: str) -> str:
    """Return the region. Raises ActionError for none."""
    if region:
        return region
    msg = "no AWS region: run aws-actions/configure-aws-credentials before this action, set"
    msg += " AWS_REGION, or write the registries as account@region"
    raise ActionError(msg)


def _show(text: str) -> str:
    shown = ascii(text)
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."
