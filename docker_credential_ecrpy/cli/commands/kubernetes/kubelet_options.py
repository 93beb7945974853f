"""The options that `kubelet config`, `kubelet install` and `kubelet check` share."""

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.node.check import find_places, list_files, read_names
from docker_credential_ecrpy.kubernetes.node.config.merge import ProviderOptions
from docker_credential_ecrpy.kubernetes.node.config.schema import API_VERSIONS, CACHE_TYPES
from docker_credential_ecrpy.kubernetes.node.flags import KubeletFlags
from docker_credential_ecrpy.kubernetes.node.flavors import FLAVORS, detect_flavor, place
from docker_credential_ecrpy.kubernetes.node.record import Places
from docker_credential_ecrpy.kubernetes.options import parse
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.secret_sources import is_secret_variable

_Function = TypeVar("_Function", bound=Callable[..., Any])
_FILE = "docker-credential-ecrpy.yaml"  # in a directory of configurations


@dataclass(frozen=True)
class Node:
    """What a command knows of a node. flavor: "" if unknown. flags: those of the kubelet."""

    root: str
    flavor: str
    places: Places
    flags: Sequence[KubeletFlags]


def _join(*options: Callable[[_Function], _Function]) -> Callable[[_Function], _Function]:
    """Return a decorator that adds options to a command, in this order."""

    def add(function: _Function) -> _Function:
        for option in reversed(options):
            function = option(function)
        return function

    return add


place_options = _join(
    click.option(
        "--flavor",
        type=click.Choice(list(FLAVORS)),
        help="The distribution, for its paths; by default, what the node looks like.",
    ),
    click.option("--config", metavar="FILE", help="The kubelet's configuration."),
    click.option("--bin-dir", metavar="DIR", help="The directory of the plugins."),
    click.option("--root", metavar="DIR", default="/", help="Where the node's file system is."),
)
"""Adds the options that say where the kubelet's files are."""


provider_options = _join(
    click.option("--name", metavar="NAME", help="The provider, and its file's name."),
    click.option(
        "--match-image",
        "more_images",
        metavar="PATTERN",
        multiple=True,
        help="A pattern beside those of ECR, such as that of a rule's host.",
    ),
    click.option(
        "--api-version",
        metavar="VERSION",
        type=click.Choice(list(API_VERSIONS)),
        help=f"The plugin's API; by default {API_VERSIONS[0]}.",
    ),
    click.option(
        "--default-cache-duration",
        metavar="DURATION",
        help="For answers without one; by default 12h.",
    ),
    click.option(
        "--env",
        metavar="NAME=VALUE",
        multiple=True,
        help="A variable for the plugin, such as AWS_PROFILE=prod.",
    ),
    click.option(
        "--arg",
        "args",
        metavar="ARG",
        multiple=True,
        help="An option of the plugin, such as --arg=--require-role.",
    ),
    click.option(
        "--audience",
        metavar="AUDIENCE",
        help="Send pods' service account tokens, for this audience (Kubernetes 1.34).",
    ),
    click.option(
        "--cache-type",
        type=click.Choice(CACHE_TYPES),
        help="With --audience: what an answer is cached for; by default ServiceAccount.",
    ),
    click.option(
        "--require-service-account",
        is_flag=True,
        help="With --audience: run the plugin only for pods with a service account.",
    ),
    click.option(
        "--required-annotation",
        metavar="KEY",
        multiple=True,
        help="With --audience: an annotation without which the plugin is not run.",
    ),
    click.option(
        "--optional-annotation",
        metavar="KEY",
        multiple=True,
        help="With --audience: an annotation to send; by default, those of the role.",
    ),
)
"""Adds the options of a provider; `read_asked` makes a `ProviderOptions` of them."""


def read_asked(name: str, given: dict[str, Any]) -> ProviderOptions:
    """Return the provider that the options ask for. Raises click.UsageError and HelperError."""
    sent = parse(given["args"]).role_annotations
    return ProviderOptions(
        name,
        more_images=given["more_images"],
        api_version=given["api_version"],
        default_cache_duration=given["default_cache_duration"],
        args=given["args"],
        env=dict(map(_read_variable, given["env"])),
        token=_read_token(given, sent),
    )


def _read_variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        msg = f"{one_line(text)!r} is not NAME=VALUE"
        raise click.BadParameter(msg, param_hint="--env")
    if is_secret_variable(name):
        msg = f"all users can read {name} in the configuration; use a profile, with AWS_CONFIG_FILE"
        raise click.BadParameter(msg, param_hint="--env")
    return name, value


def _read_token(given: dict[str, Any], sent: Sequence[str]) -> dict[str, Any] | None:
    """Return tokenAttributes. sent: the annotations to send, unless the options name others."""
    required, optional = list(given["required_annotation"]), list(given["optional_annotation"])
    more = given["cache_type"], given["require_service_account"], required, optional
    if not given["audience"]:
        if any(more):
            msg = "the options of service accounts need --audience, such as sts.amazonaws.com"
            raise click.UsageError(msg)
        return None
    token = {
        "serviceAccountTokenAudience": given["audience"],
        "cacheType": given["cache_type"] or "ServiceAccount",
        "requireServiceAccount": given["require_service_account"] or bool(required),
    }
    if not (required or optional):
        optional = list(sent)
    if required:
        token["requiredServiceAccountAnnotationKeys"] = required
    if optional:
        token["optionalServiceAccountAnnotationKeys"] = optional
    return token


def find_node(
    flavor: str | None, config: str | None, bin_dir: str | None, root: str, name: str | None
) -> Node:
    """Return the node and its paths. Raises click.UsageError where those are unknown.

    Paths are those given, or else those that the kubelet has by its flags, or else the flavor's.
    """
    root = os.path.abspath(root)
    if not os.path.isdir(root):
        msg = f"{one_line(root)} is not a directory"
        raise click.BadParameter(msg, param_hint="--root")
    known = flavor or detect_flavor(root)
    usual = FLAVORS.get(known)
    set_config, set_bin_dir, flags = find_places(root)
    chosen = config or set_config or (usual.config if usual else "")
    programs = bin_dir or set_bin_dir or (usual.bin_dir if usual else "")
    if not (chosen and programs):
        msg = f"the paths are unknown; add --flavor {'|'.join(FLAVORS)}, or --config and --bin-dir"
        raise click.UsageError(msg)
    if not (os.path.isabs(chosen) and os.path.isabs(programs)):
        msg = "the kubelet needs absolute paths in --config and --bin-dir"
        raise click.UsageError(msg)
    file = place(root, chosen)
    names = usual.name if usual else FLAVORS["kubeadm"].name
    return Node(root, known, Places(file, place(root, programs), name or names), flags)


def choose_file(places: Places) -> Places:
    """Return the places with a file, where the kubelet's configuration is a directory.

    It is that which has the provider, or else one of our own: the kubelet refuses a name twice.
    """
    if not os.path.isdir(places.config):
        return places
    files = list_files(places.config)
    having = [file for file in files if places.name in read_names(file)]
    file = having[0] if having else os.path.join(places.config, _FILE)
    return Places(file, places.bin_dir, places.name)
