"""The documents that a registry answers with, parsed as input that may hold anything.

Each parser raises one of `NOT_UNDERSTOOD` for a document of another form.
https://github.com/opencontainers/image-spec and
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
"""

import json
import platform
import re
from http import HTTPStatus
from typing import Any

from docker_credential_ecrpy.aws.errors.service import MAX_CODE
from docker_credential_ecrpy.docker.image_reference import TAG
from docker_credential_ecrpy.doctor.probes.http import HttpAnswer
from docker_credential_ecrpy.text.sanitize import one_line

# Python's name for a machine -> Docker's.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
DIGEST = re.compile(r"[a-z0-9]+([+._-][a-z0-9]+)*:[0-9a-fA-F]{32,128}")
_TOKEN = re.compile(r"[\w.~+/=-]+", re.ASCII)  # RFC 6750, section 2.1
_CODE = re.compile(r"[A-Z_]{1,40}")  # is compared, so it is not redacted
# What JSON of another form makes a parser raise.
NOT_UNDERSTOOD = (ValueError, TypeError, AttributeError, LookupError, RecursionError)


def parse_error(answer: HttpAnswer) -> tuple[str, str]:
    """Return code and message of the first error in an answer, each "" where it has none."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        return "", ""
    try:
        first = json.loads(answer.body)["errors"][0]
        code, message = first.get("code"), first.get("message")
    except NOT_UNDERSTOOD:
        return "", ""
    code = str(code or "")
    shown = code if _CODE.fullmatch(code) else one_line(code)[:MAX_CODE]
    return shown, one_line(str(message or ""))


def parse_token(document: Any) -> str:
    """Return the bearer token in a token server's answer."""
    return _match(_TOKEN, document.get("token") or document["access_token"])


def parse_tags(document: Any) -> set[str]:
    """Return the tags in a list of tags."""
    return {tag for tag in document["tags"] or () if TAG.fullmatch(tag)}


def find_next(document: Any) -> tuple[str, str]:
    """Return what a client requests after a manifest: "manifests" or "blobs", and the digest."""
    if "manifests" in document:
        entries = document["manifests"]
        fit = next(filter(_fits, entries), entries[0])
        return "manifests", _match(DIGEST, fit["digest"])
    # A layer with URLs is stored elsewhere, such as those of Windows.
    layers = [layer for layer in document.get("layers") or () if not layer.get("urls")]
    return "blobs", _match(DIGEST, (layers[0] if layers else document["config"])["digest"])


def _fits(entry: Any) -> bool:
    """Whether a manifest is for this machine; engines nearly always run Linux images."""
    machine = platform.machine().lower()
    wanted = entry.get("platform") or {}
    offered = wanted.get("os"), wanted.get("architecture")
    return offered == ("linux", _ARCHITECTURES.get(machine, machine))


def _match(pattern: re.Pattern[str], text: Any) -> str:
    found = pattern.fullmatch(text)
    if not found:
        raise ValueError(pattern.pattern)
    return found[0]
