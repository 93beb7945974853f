"""Parses image names as Docker does: https://pkg.go.dev/github.com/distribution/reference."""

import re
from dataclasses import dataclass

from docker_credential_ecrpy.hot import registry

DOCKER_HUB = "index.docker.io"
_OF_HUB = re.compile(
    r"[a-z0-9]+([._/-]+[a-z0-9]+)*(:\w[\w.-]*)?(@[\w+.-]+:[0-9a-fA-F]+)?", re.ASCII
)
_REPOSITORY = re.compile(r"[a-z0-9]+([._/-]+[a-z0-9]+)*", re.ASCII)
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[a-z][a-z0-9+._-]*:[0-9a-fA-F]{32,}", re.ASCII)


@dataclass(frozen=True)
class Image:
    """The parts of a registry's address or an image's name.

    host: in lower case, without a port; "" for neither. repository: "" for a registry.
    reference: a tag or a digest. mistake: what is wrong with the part after the host, or "".
    """

    host: str
    repository: str = ""
    reference: str = ""
    mistake: str = ""

    @classmethod
    def parse(cls, text: str) -> "Image":
        """Parse a text; names whose first part is not a host are on Docker Hub. Never raises."""
        text = text.strip()
        rest = text.partition("://")[2] if "://" in text else text
        first, slash, path = rest.partition("/")
        name = first.partition("@")[0].partition(":")[0]
        if not ("://" in text or "." in name or name == "localhost" or (":" in first and slash)):
            return cls(DOCKER_HUB if _OF_HUB.fullmatch(text) else "")
        host = registry.parse_host(text)
        if host == "docker.io":
            return cls(DOCKER_HUB)
        path = path.rstrip("/")
        if not host or not path or path in ("v1", "v2"):
            return cls(host)
        return cls(host, *_split_path(path))


def _split_path(path: str) -> tuple[str, str, str]:
    """Return repository, reference, and what is wrong with them."""
    path, at, digest = path.partition("@")
    repository, colon, tag = path.partition(":")
    if not _REPOSITORY.fullmatch(repository):
        return repository, "", "a repository's name has lower case letters, digits and . _ - /"
    if colon and not TAG.fullmatch(tag):
        return repository, "", "a tag has letters, digits and . _ -, and 128 characters at most"
    if at and not _DIGEST.fullmatch(digest):
        return repository, "", "a digest has the form sha256:<64 hexadecimal digits>"
    return repository, digest or tag or "latest", ""
