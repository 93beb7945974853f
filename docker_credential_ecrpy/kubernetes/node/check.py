"""Finds out why the kubelet does or does not get credentials for an image from its plugins."""

import os
from collections.abc import Mapping, Sequence

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.kubernetes.node.config.document import ConfigDocument
from docker_credential_ecrpy.kubernetes.node.config.match import Address, find_mismatch
from docker_credential_ecrpy.kubernetes.node.config.merge import read_file_providers
from docker_credential_ecrpy.kubernetes.node.config.schema import Provider, read_providers
from docker_credential_ecrpy.kubernetes.node.flags import (
    KubeletFlags,
    find_flags,
    read_environ,
    read_start,
)
from docker_credential_ecrpy.kubernetes.node.flavors import BIN_DIR_FLAG, CONFIG_FLAG, place
from docker_credential_ecrpy.kubernetes.node.placed_file import explain_errors
from docker_credential_ecrpy.kubernetes.node.record import read_config
from docker_credential_ecrpy.text.sanitize import one_line

_CLOCK = 2.0  # seconds; the time of the kernel's start is in whole ones
_ENDINGS = (".json", ".yaml", ".yml")
# systemd's, for a service without any.
_PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclass(frozen=True)
class Match:
    """A provider whose pattern matches an image."""

    provider: Provider
    pattern: str


def normalize_image(text: str) -> str:
    """Return an image as the kubelet matches it: with its registry, without tag and digest."""
    name = text.strip().partition("@")[0]
    above, slash, last = name.rpartition("/")
    name = above + slash + last.partition(":")[0]
    first, slash, _ = name.partition("/")
    if not slash:
        return f"docker.io/library/{name}"
    is_host = "." in first or ":" in first or first == "localhost"
    return name if is_host else f"docker.io/{name}"


def load_providers(path: str) -> list[Provider]:
    """Return the providers of a configuration, a file or a directory, as the kubelet loads it.

    Raises HelperError for what keeps the kubelet from starting.
    """
    files = list_files(path) if os.path.isdir(path) else [path]
    if not files:
        msg = f"the directory {one_line(path)} has no .json, .yaml or .yml file"
        raise HelperError(msg, hint="write one: docker-credential-ecrpy kubelet install")
    providers: list[Provider] = []
    for file in files:
        data = read_config(file)
        if data is None:
            msg = f"there is no configuration at {one_line(file)}"
            raise HelperError(msg, hint="write it: docker-credential-ecrpy kubelet install")
        document = ConfigDocument(file, data)
        for provider in read_providers(document):
            if provider.name in (each.name for each in providers):
                document.refuse(f"provider {one_line(provider.name)!r} is in another file, too")
            providers.append(provider)
    return providers


def list_files(directory: str) -> list[str]:
    """Return the files of a directory that the kubelet reads, in its order. Raises HelperError."""
    with explain_errors(directory):
        names = sorted(name for name in os.listdir(directory) if name.endswith(_ENDINGS))
    files = (os.path.join(directory, name) for name in names)
    return [file for file in files if not os.path.isdir(file)]


def read_names(file: str) -> list[str]:
    """Return the names of the providers in a file. Raises HelperError."""
    data = read_config(file)
    return [] if data is None else [each.name for each in read_file_providers(file, data)]


def check_programs(providers: Sequence[Provider], bin_dir: str) -> None:
    """Raise HelperError for a provider without a program: the kubelet does not start then."""
    for provider in providers:
        path = os.path.join(bin_dir, provider.name)
        if not os.path.isfile(path):
            msg = f"the program of provider {one_line(provider.name)} is missing: {one_line(path)}"
            hint = "the kubelet does not start without it; install it, or remove the provider"
            raise HelperError(msg, hint=hint)


def find_matches(providers: Sequence[Provider], image: str) -> list[Match]:
    """Return the providers that the kubelet runs for an image, with their first pattern for it."""
    found = []
    for provider in providers:
        for pattern in provider.match_images:
            if not _mismatch(pattern, image):
                found.append(Match(provider, pattern))
                break
    return found


def explain_no_match(providers: Sequence[Provider], image: str) -> HelperError:
    """Return why the kubelet runs no plugin for an image: how the nearest pattern differs."""
    patterns = [pattern for provider in providers for pattern in provider.match_images]
    nearest = max(patterns, key=lambda pattern: _likeness(pattern, image))
    why = f"nearest is {one_line(nearest)}: {_mismatch(nearest, image)}"
    host, port = image.partition("/")[0].partition(":")[::2]
    if not registry.parse(host):
        hint = "this is no host of ECR: add --match-image for it, and a rule for this program"
    elif port:
        hint = f"leave :{port} out of the image's name, or add --match-image {host}:{port}"
    else:
        hint = "add what is missing: docker-credential-ecrpy kubelet config <file>"
    return HelperError(f"the plugin is not invoked: no pattern matches {image}; {why}", hint=hint)


def explain_not_loaded(flags: Sequence[KubeletFlags], config: str, root: str) -> HelperError | None:
    """Return why the running kubelet does not use a configuration, or None if it does.

    Also None where no kubelet is seen: that of k3s is part of another process.
    """
    running = next((each for each in flags if each.pid), None)
    if running is None:
        return None
    if not (running.config and running.bin_dir):
        flag = BIN_DIR_FLAG if running.config else CONFIG_FLAG
        msg = f"the plugin is not invoked: {running.source} has no --{flag}"
        return HelperError(msg, hint="add the flags that kubelet install prints, and restart it")
    if place(root, running.config).rstrip("/") != config.rstrip("/"):
        msg = f"the plugin is not invoked: {running.source} reads {one_line(running.config)}"
        return HelperError(msg, hint="check that one, or change the kubelet's flags")
    start = read_start(running.pid, root)
    files = list_files(config) if os.path.isdir(config) else [config]
    if start is not None and max(map(os.path.getmtime, files)) > start + _CLOCK:
        msg = f"the configuration is newer than {running.source}, which reads it when it starts"
        return HelperError(msg, hint="restart the kubelet")
    return None


def find_environ(flags: Sequence[KubeletFlags], root: str = "/") -> tuple[Mapping[str, str], str]:
    """Return the kubelet's environment, and where it is from, in words."""
    for each in flags:
        if each.pid and (found := read_environ(each.pid, root)):
            return found, f"that of {each.source}"
    return _PATH, "PATH alone, as systemd's"


def find_places(root: str = "/") -> tuple[str, str, list[KubeletFlags]]:
    """Return the kubelet's configuration and directory of plugins, "" if unknown, and its flags."""
    flags = find_flags(root)
    config = next((each.config for each in flags if each.config), "")
    bin_dir = next((each.bin_dir for each in flags if each.bin_dir), "")
    return config, bin_dir, flags


def _mismatch(pattern: str, image: str) -> str:
    try:
        return find_mismatch(pattern, image)
    except ValueError as exc:
        return f"the kubelet cannot read it: {exc}"


def _likeness(pattern: str, image: str) -> tuple[bool, int, bool]:
    """Return how like an image a pattern is: number of labels, equal ends, and the port."""
    try:
        one, other = Address.parse(pattern), Address.parse(image)
    except ValueError:
        return False, 0, False
    ends = 0
    for label, wanted in zip(reversed(other.labels), reversed(one.labels), strict=False):
        if wanted not in ("*", label):
            break
        ends += 1
    return len(one.labels) == len(other.labels), ends, one.port == other.port
