"""Parses image names as Docker does: https://pkg.go.dev/github.com/distribution/reference."""

import re

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.sanitize import one_line

DOCKER_HUB = "index.docker.io"
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._/]|__|-+)[a-z0-9]+)*", re.ASCII)
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[a-z][a-z0-9+._-]*:[0-9a-fA-F]{32,}", re.ASCII)
_SCHEME = re.compile(r"(?:https?://)?", re.ASCII)
# Pages about an image, whose address is taken for its name.
_GALLERY = re.compile(
    r"(?:gallery\.)?ecr\.aws(?::443)?(?=[/?#]|$)([^?#]*)", re.ASCII | re.IGNORECASE
)
_CONSOLE = re.compile(
    r"(?:([\w-]+)\.)?console\.(?:aws\.amazon|amazonaws|amazonaws-us-gov)\.\w+"
    r"/ecr/repositories/private/(\d{12})/([^?#]+)(?:\?(?:[^#]*&)?region=([\w-]+))?",
    re.ASCII,
)
_LONGEST = 255  # characters of a repository's name
_STAGE = re.compile(r"as\s.*", re.IGNORECASE)  # what follows an image in a Dockerfile
_STRAY = " \t\r\n\"'`,;/."
"""What is left around a name that is copied from a sentence, a list or a page."""


@dataclass(frozen=True)
class Image:
    """The parts of a registry's address or an image's name.

    host: in lower case, without a port; "" for neither. repository: "" for a registry.
    reference: a tag or a digest. mistake: why Docker refuses the name, or "": the other parts are
    then those that were probably meant. key: the registry as Docker looks it up in its files, in
    the case and with the port of the text; "" for an address. names_registry: whether there is
    one, or Docker takes the image for Docker Hub's.
    """

    host: str
    repository: str = ""
    reference: str = ""
    mistake: str = ""
    key: str = ""
    names_registry: bool = True

    @classmethod
    def parse(cls, text: str) -> "Image":
        """Parse a text; names whose first part is not a host are on Docker Hub. Never raises."""
        if page := _parse_page(text.strip()):
            return page
        clean = _clean(text)
        first, slash, path = clean.rpartition("://")[2].partition("/")
        name = first.partition("@")[0].partition(":")[0]
        is_host = "." in name or name == "localhost" or (":" in first and slash)
        if not (is_host or "://" in clean or registry.parse(clean)):
            return _parse_of_hub(clean)
        # A tag with ${...} is none of a URL's.
        host = registry.parse_host(clean) or (registry.parse(first) and registry.parse_host(first))
        host = host or ""
        if not host and not slash and registry.parse(name):
            mistake = "it has no repository, so docker takes it for an image of Docker Hub"
            return cls(name.lower(), "<repository>", first.partition(":")[2], mistake)
        if host == "docker.io":
            return cls(DOCKER_HUB)
        key = "" if "://" in text else first.rpartition("@")[2].removesuffix(".")
        path = path.rstrip("/")
        if not host or not path or path in ("v1", "v2"):
            return cls(host, key=key)
        repository, reference, mistake = _parse_path(path, host)
        return cls(host, repository, reference, _find_mistake(text) or mistake, key)

    @property
    def name(self) -> str:
        """The image's whole name, or the host of a registry."""
        if not self.repository:
            return self.host
        host = f"{self.host}/" if self.names_registry else ""
        if self.reference in ("", "latest"):
            return host + self.repository
        return f"{host}{self.repository}{'@' if ':' in self.reference else ':'}{self.reference}"


def _parse_page(text: str) -> Image | None:
    """Return the image that a page of ECR's gallery or of AWS's console is about."""
    address = text[_SCHEME.match(text).end() :]  # type: ignore[union-attr]  # it matches any text
    if found := _GALLERY.match(address):
        repository, reference, _ = _parse_path(found[1].strip("/"), "public.ecr.aws")
        return Image(
            "public.ecr.aws", repository, reference, "it is that of a page in ECR's gallery"
        )
    found = _CONSOLE.match(address)
    if not found:
        return None
    try:
        host = regions.make_host(found[2], found[4] or found[1] or "")
    except HelperError:
        return None
    repository = found[3].partition("/_/")[0].strip("/").replace("%2F", "/")
    return Image(host, repository, "latest", "it is that of a page in AWS's console")


def _clean(text: str) -> str:
    """Return a text without what is left around it and, in the name of an ECR image, blanks."""
    clean = text.strip().strip(_STRAY)
    first, *rest = clean.split(maxsplit=1) or [""]
    is_whole = bool(registry.parse(first)) and ":" in first.rpartition("/")[2] and "/" in first
    if rest and (is_whole or _STAGE.fullmatch(rest[0])) and first[-1] not in "/:@":
        return first.strip(_STRAY)  # what follows are other words
    joined = "".join(clean.split()).replace("\\", "/")
    return joined if joined != clean and registry.parse(joined) else clean


def _parse_of_hub(text: str) -> Image:
    repository, reference, mistake = _split_path(text)
    if not _REPOSITORY.fullmatch(text.partition("@")[0].partition(":")[0]):
        return Image("")
    return Image(DOCKER_HUB, repository, reference, mistake, names_registry=False)


def _find_mistake(text: str) -> str:
    """Return what is wrong with the whole of an image's name, or ""."""
    if "://" in text:
        return "it takes no scheme"
    first, _, path = text.partition("/")
    if any(map(str.isspace, text)):
        return "it has a blank or a line break"
    if "\\" in text:
        return "it has a backslash"
    if "@" in first:
        return "it takes no user name"
    if first.endswith(".") or ".:" in first:
        return "its host ends in a dot"
    if path.startswith("/") or path.endswith("/") or "//" in path:
        return "it has a slash too many"
    stray = (set(text) & set(_STRAY)) - {"/", "."} or {"."}
    return f"it has a stray {' '.join(sorted(stray))}" if text != text.strip(_STRAY) else ""


def _parse_path(path: str, host: str) -> tuple[str, str, str]:
    """Return repository, reference, and what is wrong with them."""
    parts = [part for part in path.split("/") if part]
    is_twice = len(parts) > 1 and registry.parse(parts[0]) and registry.parse_host(parts[0]) == host
    repository, reference, mistake = _split_path("/".join(parts[bool(is_twice) :]))
    return repository, reference, "it has the registry's host twice" if is_twice else mistake


def _split_path(path: str) -> tuple[str, str, str]:
    """Return repository, reference, and what is wrong with them."""
    path, at, digest = path.partition("@")
    repository, colon, tag = path.partition(":")
    if not _REPOSITORY.fullmatch(repository):
        lower = repository.lower()
        if not _REPOSITORY.fullmatch(lower):
            return repository, digest or tag, _explain_repository(lower)
        mistake = "a repository's name has lower case letters, digits and . _ - /"
        return lower, digest or tag, mistake
    if len(repository) > _LONGEST:
        return repository, "", f"a repository's name has {_LONGEST} characters at most"
    if colon and not tag:
        return repository, digest, "it has a colon and no tag"
    if colon and not TAG.fullmatch(tag):
        rule = "a tag has letters, digits and . _ -, and 128 characters at most"
        return repository, tag, f"{_explain_value(tag)}, and {rule}"
    if at and not _DIGEST.fullmatch(digest):
        rule = "a digest has the form sha256:<64 hexadecimal digits>"
        return repository, digest, f"{_explain_value(digest)}, and {rule}"
    return repository, digest or tag or "latest", ""


def _explain_repository(name: str) -> str:
    part = next((part for part in name.split("/") if not _REPOSITORY.fullmatch(part)), name)
    mistake = "a repository's name has lower case letters, digits and . _ - /"
    if set(part) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-"):
        mistake = "each part of a repository's name begins and ends with a lower case letter or a"
        mistake += " digit, and has . _ __ or dashes only between them"
    return f"{_explain_value(part)}, and {mistake}"


def _explain_value(text: str) -> str:
    """Return what a wrong part of a name has."""
    if "$" in text:
        return f"it has {one_line(text)!r}, whose variable no shell has expanded"
    return f"it has {one_line(text)!r}"
