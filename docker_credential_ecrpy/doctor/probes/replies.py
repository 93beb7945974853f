"""What the documents say that a registry answers with; they may say anything.

Each reader raises one of `NOT_UNDERSTOOD` for a document that is not as it should be.
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

# What Docker calls the machines that Python names otherwise.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}
DIGEST = re.compile(r"[a-z0-9]+([+._-][a-z0-9]+)*:[0-9a-fA-F]{32,128}")
_TOKEN = re.compile(r"[\w.~+/=-]+", re.ASCII)  # RFC 6750, section 2.1
# What JSON leads to that is not as it should be.
NOT_UNDERSTOOD = (ValueError, TypeError, AttributeError, LookupError, RecursionError)


def error(answer: HttpAnswer) -> tuple[str, str]:
    """Return code and message of the first error in an answer; none where it has none."""
    if answer.status < HTTPStatus.BAD_REQUEST:
        return "", ""
    try:
        first = json.loads(answer.body)["errors"][0]
        code, message = first.get("code"), first.get("message")
    except NOT_UNDERSTOOD:
        return "", ""
    return one_line(str(code or ""))[:MAX_CODE], one_line(str(message or ""))


def token(document: Any) -> str:
    """Return the bearer token in a token server's answer."""
    found = _TOKEN.fullmatch(document.get("token") or document["access_token"])
    if not found:
        msg = "not a token"
        raise ValueError(msg)
    return found[0]


def tags(document: Any) -> set[str]:
    """Return the tags in a list of them."""
    return {tag for tag in document["tags"] or () if TAG.fullmatch(tag)}


def leads_to(document: Any) -> tuple[str, str]:
    """Return what a manifest has a client ask for next: "manifests" or "blobs", and the digest."""
    if "manifests" in document:
        entries = document["manifests"]
        return "manifests", _digest(next(filter(_fits, entries), entries[0]))
    # What has URLs is elsewhere, such as the layers of Windows.
    layers = [layer for layer in document.get("layers") or () if not layer.get("urls")]
    return "blobs", _digest(layers[0] if layers else document["config"])


def _fits(entry: Any) -> bool:
    """Whether a manifest is for this machine, where engines nearly always run Linux's images."""
    machine = platform.machine().lower()
    wanted = entry.get("platform") or {}
    there = wanted.get("os"), wanted.get("architecture")
    return there == ("linux", _ARCHITECTURES.get(machine, machine))


def _digest(entry: Any) -> str:
    found = DIGEST.fullmatch(entry["digest"])
    if not found:
        msg = "not a digest"
        raise ValueError(msg)
    return found[0]
