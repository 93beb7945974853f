"""Names that Docker and podman read in another way than their writer, and the right ones.

They refuse some before they look for credentials, and take others for another registry's.
"""

from collections.abc import Sequence

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.docker.config import DockerConfig, bare_host
from docker_credential_ecrpy.docker.credential_lookup import SourceKind
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.doctor.machine import Machine
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.suggestion import suggest

_HTTPS = ("", "443")
_HUB_KEYS = {"docker": "https://index.docker.io/v1/", "podman": "docker.io"}
_MOST_NAMED = 3  # hosts in one sentence
# Where a client has nothing for exactly this name, and takes what is for any.
_FOR_ANY = (SourceKind.NOTHING, SourceKind.STORE, SourceKind.DEFAULT_STORE)


def explain_name(image: Image, machine: Machine) -> HelperError | None:
    """Return why a pull by this name fails whatever the credentials are; None where it may work."""
    if error := explain_host(image, machine):
        return error
    host = bare_host(image.key) or image.host  # with the port of a private name
    right = image.name.replace(image.host, host, 1)
    client = machine.client
    if image.mistake:
        return _write(f"{client} cannot pull by this name: {image.mistake}", client, right)
    port = image.key.partition(":")[2]
    typed, meant = machine.lookup(image.key), machine.lookup(host)
    if image.key in ("", host) or not (typed and meant):
        return None
    if registry.parse(host) and port not in _HTTPS:
        return _write(f"an ECR registry has no port {port}", client, right)
    is_other = typed.kind in _FOR_ANY and not typed.is_ours
    if not is_other or not (meant.is_ours or registry.parse(host)):
        return None
    what = "upper case" if image.key.lower() == host else f"the port {port}"
    msg = f"{client} looks for credentials of {image.key!r}, and not of {host!r}"
    return _write(f"{msg}: the name has {what}", client, right)


def explain_host(image: Image, machine: Machine) -> HelperError | None:
    """Return what is wrong with the region or the suffix of an ECR host, or None.

    A region that is only newer than botocore is right where the client runs this program for it.
    """
    host, wrong = image.host, regions.find_wrong_host(image.host)
    source = machine.lookup(host) if wrong else None
    if wrong is None or not (wrong.is_sure or (source and not source.is_ours)):
        return None
    right = _find_near(host, machine) or wrong.right
    name = image.name.replace(host, right, 1)
    hint = f"write {name}" if right else wrong.hint
    configure = f"{PACKAGE} configure{' --podman' * machine.for_podman}"
    command = f"{machine.client} pull {name}" if right and image.repository else ""
    config = machine.config
    if right and not image.repository and isinstance(config, DockerConfig):
        if host in config.our_keys and right in config.our_keys:
            hint, command = f"remove it: you have {right}", f"{configure} --remove {host}"
        else:
            command = f"{configure} {right}"
    if not wrong.is_sure:
        hint += f"; or if the region is new, run: {configure} {host}"
    return HelperError(wrong.reason, hint=hint, command=command)


def _find_near(host: str, machine: Machine) -> str:
    """Return the registry of the same account in a similar region that Docker has, or ""."""
    config, own = machine.config, registry.parse(host)
    keys = config.our_keys if isinstance(config, DockerConfig) else []
    known = [found for found in map(registry.parse, keys) if found and found.host != host]
    regions_of = {each.region: each.host for each in known if own and each.account == own.account}
    valid = {name: at for name, at in regions_of.items() if not regions.find_wrong_host(at)}
    return valid.get(suggest(own.region, valid), "") if own else ""


def explain_no_registry(image: Image, hosts: Sequence[str], client: str = "docker") -> HelperError:
    """Return the error for an image without a registry. hosts: the registries that a client has."""
    shown = one_line(image.name)
    taken = "takes one of registries.conf" if client == "podman" else "takes this for Docker Hub's"
    msg = f"{shown} names no registry, so {client} {taken}"
    if not hosts:
        return HelperError(msg, hint=f"write <account>.dkr.ecr.<region>.amazonaws.com/{shown}")
    right = f"{hosts[0]}/{shown}"
    hint = f"you have {', '.join(hosts[:_MOST_NAMED])}: write {right}"
    return HelperError(msg, hint=hint, command=f"{client} pull {right}")


def is_harmless(image: Image) -> bool:
    """Whether a pull works without the credentials of another name: as one of ECR Public."""
    port = image.key.partition(":")[2]
    return image.host in registry.PUBLIC_HOSTS and not image.mistake and port in _HTTPS


def runs_for_hub(machine: Machine) -> bool:
    """Whether the client runs this program for images of Docker Hub."""
    found = machine.lookup(_HUB_KEYS[machine.client])
    return bool(found and found.is_ours)


def _write(msg: str, client: str, right: str) -> HelperError:
    """Return the error for a wrong name; with the right one and, for an image, the command."""
    if Image.parse(right).mistake:  # only its writer knows the right one
        return HelperError(msg, hint="correct the name")
    command = f"{client} pull {right}" if "/" in right and "<" not in right else ""
    return HelperError(msg, hint=f"write {right}", command=command)
