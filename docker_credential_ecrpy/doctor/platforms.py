"""The platform that Docker pulls an image for, such as "linux/amd64"."""

import platform
from collections.abc import Mapping
from typing import Any

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
_MOST_PLATFORM = 60  # characters


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


def name_platform(found: Any) -> str:
    """Return the name of an entry's platform; "" where the entry has none."""
    parts = [found.get(name) or "" for name in ("os", "architecture", "variant")]
    return one_line("/".join(parts).rstrip("/"))[:_MOST_PLATFORM]


def suits(offered: str, wanted: str) -> bool:
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
