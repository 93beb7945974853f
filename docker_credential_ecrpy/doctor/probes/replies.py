"""The documents that a registry answers with, parsed as input that may hold anything.

Each parser raises one of `NOT_UNDERSTOOD` for a document of another form.
https://github.com/opencontainers/image-spec and
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
"""

import hashlib
import json
import re
from http import HTTPStatus
from typing import Any

from docker_credential_ecrpy.aws.errors.service import MAX_CODE
from docker_credential_ecrpy.docker.image_reference import TAG
from docker_credential_ecrpy.doctor.platforms import name_platform, suits
from docker_credential_ecrpy.doctor.probes.http import HttpAnswer
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.sanitize import one_line

_NOT_TO_RUN = "unknown/unknown"  # attestations: https://docs.docker.com/build/metadata/attestations
_IMAGE_CONFIG = re.compile(r"application/vnd\.(docker\.container\.image|oci\.image\.config)\..*")
DIGEST = re.compile(r"[a-z0-9]+([+._-][a-z0-9]+)*:[0-9a-fA-F]{32,128}")
_TOKEN = re.compile(r"[\w.~+/=-]+", re.ASCII)  # RFC 6750, section 2.1
_CODE = re.compile(r"[A-Z_]{1,40}")  # is compared, so it is not redacted
# What JSON of another form makes a parser raise.
NOT_UNDERSTOOD = (ValueError, TypeError, AttributeError, LookupError, RecursionError)


@dataclass(frozen=True)
class Blob:
    """A part of an image, as its manifest describes it. size: in bytes; 0 where it has none."""

    digest: str
    size: int
    is_config: bool = False

    def matches(self, content: bytes) -> bool:
        """Whether the digest is that of the content, or of an unknown kind."""
        kind, _, digest = self.digest.partition(":")
        return kind != "sha256" or hashlib.sha256(content).hexdigest() == digest.lower()


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


def is_index(document: Any) -> bool:
    """Whether a document is an index of images, and not an image's manifest."""
    return "manifests" in document


def choose_manifest(document: Any, wanted: str) -> tuple[str, list[str]]:
    """Return the digest that a client requests after an index, and the index's platforms.

    The digest is "" where no image is for the platform `wanted`.
    """
    entries = [
        (name_platform(entry.get("platform") or {}), _match(DIGEST, entry["digest"]))
        for entry in document["manifests"]
    ]
    platforms = [name for name, _ in entries if name != _NOT_TO_RUN]
    fit = [entry for entry in entries if suits(entry[0], wanted)]
    own = [entry for entry in fit if entry[0].split("/")[:2] == wanted.split("/")[:2]]
    _, digest = (own or fit or [("", "")])[0]
    return digest, list(dict.fromkeys(filter(None, platforms)))


def find_artifact(document: Any) -> str:
    """Return the media type of what is no image but has the form of one, such as a Helm chart's."""
    kind = document["config"].get("mediaType") or ""
    return "" if _IMAGE_CONFIG.fullmatch(kind) or not kind else one_line(kind)


def read_image_platform(config: bytes) -> str:
    """Return the platform in an image's configuration, or ""."""
    try:
        found = name_platform(json.loads(config))
    except NOT_UNDERSTOOD:
        return ""
    return "" if found.startswith("/") else found


def list_blobs(document: Any) -> list[Blob]:
    """Return an image's configuration, and its first layer if it has one."""
    # A layer with URLs is stored elsewhere, such as those of Windows.
    layers = [layer for layer in document.get("layers") or () if not layer.get("urls")]
    found = [document["config"], *layers[:1]]
    return [
        Blob(_match(DIGEST, blob["digest"]), int(blob.get("size") or 0), not number)
        for number, blob in enumerate(found)
    ]


def _match(pattern: re.Pattern[str], text: Any) -> str:
    found = pattern.fullmatch(text)
    if not found:
        raise ValueError(pattern.pattern)
    return found[0]
