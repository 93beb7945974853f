"""The kubelet's checks of a CredentialProviderConfig: it does not start with a wrong one.

https://kubernetes.io/docs/reference/config-api/kubelet-config.v1/#kubelet-config-k8s-io-v1-CredentialProviderConfig
"""

import re
from collections.abc import Iterator
from typing import Any

from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.node.config.document import ConfigDocument, Node
from docker_credential_ecrpy.kubernetes.node.config.match import Address
from docker_credential_ecrpy.kubernetes.request import GROUP, VERSIONS
from docker_credential_ecrpy.text import secret_sources
from docker_credential_ecrpy.text.sanitize import one_line

KIND = "CredentialProviderConfig"
CONFIG_GROUP = "kubelet.config.k8s.io"
API_VERSIONS = tuple(f"{GROUP}/{version}" for version in VERSIONS)
"""The versions of the plugin's API."""
CACHE_TYPES = ("ServiceAccount", "Token")
_CONFIG_VERSIONS = tuple(f"{CONFIG_GROUP}/{version}" for version in VERSIONS)
_SPEC: dict[str, Any] = {
    "apiVersion": str,
    "kind": str,
    "providers": [
        {
            "name": str,
            "matchImages": [str],
            "defaultCacheDuration": str,
            "apiVersion": str,
            "args": [str],
            "env": [{"name": str, "value": str}],
            "tokenAttributes": {
                "serviceAccountTokenAudience": str,
                "cacheType": str,
                "requireServiceAccount": bool,
                "requiredServiceAccountAnnotationKeys": [str],
                "optionalServiceAccountAnnotationKeys": [str],
            },
        }
    ],
}
_KINDS = {str: "a string", bool: "true or false", list: "a list", dict: "a mapping"}
_DURATION = re.compile(r"[-+]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
# https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set
_KEY_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_.-]{0,61}[a-z0-9])?")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_KEY_PREFIX = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_MOST_PREFIX = 253  # characters


@dataclass(frozen=True)
class Provider:
    """One provider of a valid configuration. token: its tokenAttributes, or None."""

    name: str
    match_images: tuple[str, ...]
    api_version: str
    default_cache_duration: str
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    token: dict[str, Any] | None


def find_problems(document: ConfigDocument) -> list[str]:
    """Return what keeps the kubelet from starting, with the lines of a document; [] for nothing."""
    shape = list(_check_shape(document, document.root, _SPEC, ""))
    return shape or list(_check_config(document))


def read_providers(document: ConfigDocument) -> list[Provider]:
    """Return the providers of a document. Raises HelperError for its first problem.

    Secrets among their variables are redacted from now on.
    """
    if problems := find_problems(document):
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        document.refuse(f"{problems[0]}{more}")
    return [_read_provider(each) for each in document.root.value["providers"]]


def is_duration(text: str) -> bool:
    """Whether Go's time.ParseDuration reads a text, such as 12h or 1h30m."""
    return bool(_DURATION.fullmatch(text))


def _read_provider(value: dict[str, Any]) -> Provider:
    env = tuple((str(each.get("name")), each.get("value") or "") for each in value.get("env") or ())
    secret_sources.note_environment(dict(env))
    return Provider(
        value["name"],
        tuple(value["matchImages"]),
        value["apiVersion"],
        value["defaultCacheDuration"],
        tuple(value.get("args") or ()),
        env,
        value.get("tokenAttributes"),
    )


def _check_shape(document: ConfigDocument, node: Node, spec: Any, path: str) -> Iterator[str]:
    """Yield the unknown fields and the values of a wrong type."""
    wanted = spec if isinstance(spec, type) else type(spec)
    if node.value is None and path:
        return
    if not isinstance(node.value, wanted):
        quote = "; quote it" if wanted is str and node.is_flow and not node.children else ""
        yield f"{_place(document, node)}: {path or 'the file'} is not {_KINDS[wanted]}{quote}"
        return
    for at, child in enumerate(node.children):
        if isinstance(spec, list):
            yield from _check_shape(document, child, spec[0], f"{path}[{at}]")
            continue
        key, start, _ = node.keys[at]
        full = f"{path}.{key}".lstrip(".")
        if key in spec:
            yield from _check_shape(document, child, spec[key], full)
        else:
            line = document.text.count("\n", 0, start) + 1
            yield f"line {line}: unknown field {one_line(full)}"


def _check_config(document: ConfigDocument) -> Iterator[str]:
    root = document.root.value
    if root.get("apiVersion") not in _CONFIG_VERSIONS:
        yield f"apiVersion is {_show(root.get('apiVersion'))}, not {_CONFIG_VERSIONS[0]}"
    if root.get("kind") != KIND:
        yield f"kind is {_show(root.get('kind'))}, not {KIND}"
    providers = document.root.get("providers")
    if providers is None or not providers.children:
        yield "it has no providers"
        return
    names: set[str] = set()
    for at, provider in enumerate(providers.children):
        path = f"{_place(document, provider)}: providers[{at}]"
        if provider.value is None:
            yield f"{path} is empty"
            continue
        yield from (f"{path}{problem}" for problem in _check_provider(provider.value))
        name = provider.value.get("name")
        if name in names:
            yield f"{path}.name {_show(name)} occurs twice"
        names.add(name)
        if provider.get("tokenAttributes") and root.get("apiVersion") in _CONFIG_VERSIONS[1:]:
            yield f"{path}.tokenAttributes exists in {_CONFIG_VERSIONS[0]} only"


def _check_provider(value: dict[str, Any]) -> Iterator[str]:
    """Yield the problems of a provider, each after the path to it."""
    name = value.get("name") or ""
    if name in ("", ".", "..") or "/" in name or " " in name:
        yield f".name {_show(name)} is not the name of a file in the directory of the plugins"
    if value.get("apiVersion") not in API_VERSIONS:
        yield f".apiVersion is {_show(value.get('apiVersion'))}, not {API_VERSIONS[0]}"
    if not value.get("matchImages"):
        yield ".matchImages has no pattern"
    for at, pattern in enumerate(value.get("matchImages") or ()):
        try:
            Address.parse(pattern or "")
        except ValueError as exc:
            yield f".matchImages[{at}] {_show(pattern)} is no pattern: {exc}"
    duration = value.get("defaultCacheDuration")
    if duration is None or not is_duration(duration):
        yield f".defaultCacheDuration is {_show(duration)}, not a duration such as 12h"
    elif duration.startswith("-") and re.search("[1-9]", duration):
        yield f".defaultCacheDuration {duration} is negative"
    if value.get("tokenAttributes") is not None:
        for problem in _check_token(value["tokenAttributes"], value.get("apiVersion")):
            yield f".tokenAttributes{problem}"


def _check_token(token: dict[str, Any], api_version: str | None) -> Iterator[str]:
    """Yield the problems of tokenAttributes, each after the path to it."""
    required = token.get("requiredServiceAccountAnnotationKeys") or []
    optional = token.get("optionalServiceAccountAnnotationKeys") or []
    if api_version in API_VERSIONS[1:]:
        yield f" needs the provider's apiVersion {API_VERSIONS[0]}"
    if not token.get("serviceAccountTokenAudience"):
        yield ".serviceAccountTokenAudience is missing"
    if token.get("cacheType") not in CACHE_TYPES:
        yield f".cacheType is {_show(token.get('cacheType'))}, not {' or '.join(CACHE_TYPES)}"
    if token.get("requireServiceAccount") is None:
        yield ".requireServiceAccount is missing"
    elif required and not token["requireServiceAccount"]:
        yield ".requiredServiceAccountAnnotationKeys needs requireServiceAccount: true"
    yield from _check_keys(".requiredServiceAccountAnnotationKeys", required)
    yield from _check_keys(".optionalServiceAccountAnnotationKeys", optional)
    for key in required:
        if key in optional:
            yield f" has the annotation key {_show(key)} as required and as optional"


def _check_keys(path: str, keys: list[str | None]) -> Iterator[str]:
    for at, key in enumerate(keys):
        if not _is_annotation_key(key or ""):
            yield f"{path}[{at}] {_show(key)} is no annotation key"
        if key in keys[:at]:
            yield f"{path}[{at}] {_show(key)} occurs twice"


def _is_annotation_key(key: str) -> bool:
    """Whether a key has the form of an annotation's: [prefix/]name, in any case."""
    prefix, slash, name = key.lower().rpartition("/")
    is_prefix = len(prefix) <= _MOST_PREFIX and _KEY_PREFIX.fullmatch(prefix)
    return bool(_KEY_NAME.fullmatch(name) and (is_prefix or not slash))


def _place(document: ConfigDocument, node: Node) -> str:
    return f"line {document.line(node)}"


def _show(value: object) -> str:
    return repr(one_line(value)) if isinstance(value, str) else "missing"
