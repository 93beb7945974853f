"""Adds a provider to a CredentialProviderConfig, or removes it; all else stays byte for byte."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.text_edits import Edit
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.kubernetes.node.config import block
from docker_credential_ecrpy.kubernetes.node.config.document import ConfigDocument, Node
from docker_credential_ecrpy.kubernetes.node.config.images import list_patterns
from docker_credential_ecrpy.kubernetes.node.config.schema import (
    API_VERSIONS,
    CONFIG_GROUP,
    KIND,
    Provider,
    find_problems,
    read_providers,
)
from docker_credential_ecrpy.text.sanitize import one_line

DEFAULT_CACHE_DURATION = "12h"
"""Only for an answer without a duration; those of this program have one."""
COMMAND = "kubelet"
"""The first argument of a provider that this program adds."""


@dataclass(frozen=True)
class ProviderOptions:
    """A provider as it is asked for. None, or empty: as it is in the file, or else the default.

    more_images: patterns beside those of ECR. args: after the word kubelet. env: to set, by name.
    token: its tokenAttributes.
    """

    name: str
    more_images: Sequence[str] = ()
    api_version: str | None = None
    default_cache_duration: str | None = None
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    token: Mapping[str, Any] | None = None

    @property
    def images(self) -> list[str]:
        """All patterns, each once."""
        return list(dict.fromkeys([*list_patterns(), *self.more_images]))


def merge_provider(file: str, data: bytes | None, asked: ProviderOptions) -> bytes:
    """Return the content of a configuration that has the provider as asked for.

    data: its present content, or None for a new file, which is JSON if its name ends so, and else
    YAML. A provider of that name keeps its fields but for those that are asked for; missing
    patterns are added to its own. Raises HelperError for a file that the kubelet refuses, and for
    options of which it would refuse the result.
    """
    for text in (asked.name, *asked.images, *asked.args, *asked.env, *asked.env.values()):
        if not text.isprintable():
            msg = f"{one_line(text)!r} has a control character"
            raise HelperError(msg, hint="write it without")
    if data is None:
        after = _build_file(_build_provider(asked), is_json=file.endswith(".json"))
    else:
        document = ConfigDocument(file, data)
        names = [provider.name for provider in read_providers(document)]
        sequence = document.root.get("providers")
        assert sequence is not None  # noqa: S101 - read_providers refuses a file without
        meant = copy.deepcopy(document.root.value)
        if asked.name in names:
            at = names.index(asked.name)
            node, fields = sequence.children[at], meant["providers"][at]
            edits = list(_edit_provider(document, node, asked, fields))
        else:
            meant["providers"].append(_build_provider(asked))
            edits = document.append(sequence, [_build_provider(asked)])
        after = document.apply(edits, meant)
    for problem in find_problems(ConfigDocument(file, after)):
        msg = f"the kubelet would refuse the configuration: {problem}"
        raise HelperError(msg, hint="change the options; nothing was written")
    return after


def remove_provider(file: str, data: bytes, name: str) -> bytes | None:
    """Return the content of a configuration without a provider; None if no other one is left.

    Raises HelperError for a file that the kubelet refuses.
    """
    document = ConfigDocument(file, data)
    names = [provider.name for provider in read_providers(document)]
    if name not in names:
        return data
    if len(names) == 1:
        return None
    sequence = document.root.get("providers")
    assert sequence is not None  # noqa: S101 - read_providers refuses a file without
    meant = copy.deepcopy(document.root.value)
    del meant["providers"][names.index(name)]
    return document.apply(document.remove(sequence, names.index(name)), meant)


def read_file_providers(file: str, data: bytes) -> list[Provider]:
    """Return the providers in a file's content. Raises HelperError for a refused file."""
    return read_providers(ConfigDocument(file, data))


def find_overlaps(providers: Sequence[Provider], name: str) -> list[str]:
    """Return the names of other providers that have a pattern of ECR: the kubelet runs all."""
    patterns = set(list_patterns())
    return [p.name for p in providers if p.name != name and not patterns.isdisjoint(p.match_images)]


def _edit_provider(
    document: ConfigDocument, node: Node, asked: ProviderOptions, meant: dict[str, Any]
) -> Iterator[Edit]:
    """Yield the edits of a provider that is there, and make the same changes to `meant`."""
    images = node.get("matchImages")
    assert images is not None  # noqa: S101 - the provider is valid
    missing = [pattern for pattern in asked.images if pattern not in images.value]
    if missing:
        meant["matchImages"] += missing
        yield from document.append(images, missing)
    wanted = {
        "apiVersion": asked.api_version,
        "defaultCacheDuration": asked.default_cache_duration,
        "args": [COMMAND, *asked.args] if asked.args else None,
        "env": _merge_env(meant.get("env") or [], asked.env) if asked.env else None,
        "tokenAttributes": dict(asked.token) if asked.token else None,
    }
    for key, value in wanted.items():
        if value is not None and value != meant.get(key):
            meant[key] = value
            yield from document.assign(node, key, value)


def _merge_env(present: list[dict[str, str]], wanted: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a provider's variables, each name once and in its present place."""
    values = {each.get("name") or "": each.get("value") or "" for each in present} | dict(wanted)
    return [{"name": name, "value": value} for name, value in values.items()]


def _build_provider(asked: ProviderOptions) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": asked.name,
        "matchImages": asked.images,
        "defaultCacheDuration": asked.default_cache_duration or DEFAULT_CACHE_DURATION,
        "apiVersion": asked.api_version or API_VERSIONS[0],
        "args": [COMMAND, *asked.args],
    }
    if asked.env:
        made["env"] = _merge_env([], asked.env)
    if asked.token:
        made["tokenAttributes"] = dict(asked.token)
    return made


def _build_file(provider: dict[str, Any], *, is_json: bool) -> bytes:
    whole = {"apiVersion": f"{CONFIG_GROUP}/v1", "kind": KIND, "providers": [provider]}
    if is_json:
        return (json.dumps(whole, indent=2, ensure_ascii=False) + "\n").encode()
    return ("\n".join(block.format_members(whole, 0)) + "\n").encode()
