"""Names that Docker reads in another way than their writer, and the right ones.

Docker refuses some before it looks for credentials, and takes others for another registry's.
"""

from collections.abc import Sequence

from docker_credential_ecrpy.docker import credential_lookup
from docker_credential_ecrpy.docker.config import DockerConfig, bare_host, is_our_helper
from docker_credential_ecrpy.docker.credential_lookup import SourceKind
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.doctor.machine import Machine
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.text.sanitize import one_line

_HTTPS = ("", "443")
_HUB_KEY = "https://index.docker.io/v1/"
_MOST_NAMED = 3  # hosts in one sentence
# Where Docker has nothing for exactly this name, and takes what is for any.
_FOR_ANY = (SourceKind.NOTHING, SourceKind.STORE, SourceKind.DEFAULT_STORE)


def explain_name(image: Image, machine: Machine) -> HelperError | None:
    """Return why a pull by this name fails whatever the credentials are; None where it may work."""
    host = bare_host(image.key) or image.host  # with the port of a private name
    right = image.name.replace(image.host, host, 1)
    if image.mistake:
        return _write(f"docker cannot pull by this name: {image.mistake}", right)
    config, port = machine.config, image.key.partition(":")[2]
    if image.key in ("", host) or not isinstance(config, DockerConfig):
        return None
    if registry.parse(host) and port not in _HTTPS:
        return _write(f"an ECR registry has no port {port}", right)
    typed, meant = (
        credential_lookup.lookup_credentials(
            name, config, machine.variable_in_use, machine.default_store
        )
        for name in (image.key, host)
    )
    is_other = typed.kind in _FOR_ANY and not typed.is_ours
    if not is_other or not (meant.is_ours or registry.parse(host)):
        return None
    what = "upper case" if image.key.lower() == host else f"the port {port}"
    msg = f"docker looks for credentials of {image.key!r}, and not of {host!r}: the name has {what}"
    return _write(msg, right)


def explain_no_registry(image: Image, hosts: Sequence[str]) -> HelperError:
    """Return the error for an image without a registry. hosts: the registries that Docker has."""
    shown = one_line(image.name)
    msg = f"{shown} names no registry, so docker takes this for Docker Hub's"
    if not hosts:
        return HelperError(msg, hint=f"write <account>.dkr.ecr.<region>.amazonaws.com/{shown}")
    right = f"{hosts[0]}/{shown}"
    hint = f"you have {', '.join(hosts[:_MOST_NAMED])}: write {right}"
    return HelperError(msg, hint=hint, command=f"docker pull {right}")


def runs_for_hub(machine: Machine) -> bool:
    """Whether Docker runs this program for images of Docker Hub."""
    config = machine.config
    return isinstance(config, DockerConfig) and is_our_helper(
        config.helpers.get(_HUB_KEY, config.store)
    )


def _write(msg: str, right: str) -> HelperError:
    """Return the error for a wrong name; with the right one and, for an image, the command."""
    command = f"docker pull {right}" if "/" in right and "<" not in right else ""
    return HelperError(msg, hint=f"write {right}", command=command)
