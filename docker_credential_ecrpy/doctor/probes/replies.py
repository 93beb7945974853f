"""The documents that a registry answers with, parsed as input that may hold anything.

Each parser raises one of `NOT_UNDERSTOOD` for a document of another form.
https://github.com/opencontainers/image-spec and
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
"""

import json
import platform
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from docker_credential_ecrpy.aws.errors.service import MAX_CODE
from docker_credential_ecrpy.docker.image_reference import TAG
from docker_credential_ecrpy.doctor.probes.http import HttpAnswer
from docker_credential_ecrpy.text.sanitize import one_line

# Names for a processor -> Docker's, and where it needs one the variant, as in containerd.
# https://github.com/containerd/platforms/blob/main/database.go
_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "i386": "386",
    "i686": "386",
    "aarch64": "arm64",
    "armhf": "arm/v7",
    "armv7l": "arm/v7",
    "armel": "arm/v6",
    "armv6l": "arm/v6",
}
_SYSTEMS = ("linux", "windows", "darwin", "freebsd")
# What else such a processor runs, by https://github.com/containerd/platforms (compare.go).
_ALSO = {"amd64": ("386",), "arm64": ("arm",)}
_NOT_TO_RUN = "unknown/unknown"  # attestations: https://docs.docker.com/build/metadata/attestations
_MOST_PLATFORM = 60  # characters
_IMAGE_CONFIG = re.compile(r"application/vnd\.(docker\.container\.image|oci\.image\.config)\..*")
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


def read_platform(environ: Mapping[str, str]) -> str:
    """Return the platform that Docker pulls, such as "linux/amd64".

    Engines nearly always run Linux images, for the processor of the machine.
    """
    machine = platform.machine().lower()
    asked = environ.get("DOCKER_DEFAULT_PLATFORM", "").lower() or "linux"
    system, slash, architecture = asked.partition("/")
    if not slash and system not in _SYSTEMS:
        system, architecture = "linux", system
    architecture = architecture or machine
    return f"{system}/{_ARCHITECTURES.get(architecture, architecture)}"


def is_index(document: Any) -> bool:
    """Whether a document is an index of images, and not an image's manifest."""
    return "manifests" in document


def choose_manifest(document: Any, wanted: str) -> tuple[str, list[str]]:
    """Return the digest that a client requests after an index, and the index's platforms.

    The digest is "" where no image is for the platform `wanted`.
    """
    entries = [
        (_name_platform(entry.get("platform") or {}), _match(DIGEST, entry["digest"]))
        for entry in document["manifests"]
    ]
    platforms = [name for name, _ in entries if name != _NOT_TO_RUN]
    fit = [entry for entry in entries if _suits(entry[0], wanted)]
    own = [entry for entry in fit if entry[0].split("/")[:2] == wanted.split("/")[:2]]
    _, digest = (own or fit or [("", "")] if entries else entries)[0]
    return digest, list(dict.fromkeys(filter(None, platforms)))


def find_artifact(document: Any) -> str:
    """Return the media type of what is no image but has the form of one, such as a Helm chart's."""
    kind = document["config"].get("mediaType") or ""
    return "" if _IMAGE_CONFIG.fullmatch(kind) or not kind else one_line(kind)


def list_blobs(document: Any) -> list[str]:
    """Return the digests of an image's configuration and of its first layer, if it has them."""
    # A layer with URLs is stored elsewhere, such as those of Windows.
    layers = [layer for layer in document.get("layers") or () if not layer.get("urls")]
    found = [document["config"], *layers[:1]]
    return [_match(DIGEST, blob["digest"]) for blob in found]


def _name_platform(found: Any) -> str:
    """Return the name of an entry's platform; "" where the entry has none."""
    parts = [found.get(name) or "" for name in ("os", "architecture", "variant")]
    return one_line("/".join(parts).rstrip("/"))[:_MOST_PLATFORM]


def _suits(offered: str, wanted: str) -> bool:
    """Whether an engine for the platform `wanted` takes an image for the one offered."""
    if not offered:
        return True
    system, architecture, variant = [*offered.split("/"), "", ""][:3]
    own_system, own_architecture, own_variant = [*wanted.split("/"), "", ""][:3]
    if system != own_system:
        return False
    if architecture != own_architecture:
        return architecture in _ALSO.get(own_architecture, ())
    return not (variant and own_variant) or variant <= own_variant  # such as v6 and v7


def _match(pattern: re.Pattern[str], text: Any) -> str:
    found = pattern.fullmatch(text)
    if not found:
        raise ValueError(pattern.pattern)
    return found[0]
