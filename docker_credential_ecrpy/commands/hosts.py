"""What a person names a registry by."""

import click

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.commands.given import Given
from docker_credential_ecrpy.docker.config import bare_host
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.text.sanitize import one_line


def host_of(text: str, given: Given) -> str:
    """Return the host of `<account>@<region>`, of a registry's address, or of an image.

    It is one of ECR's, or a private name that a rule has, with its port. Raises click.BadParameter
    for others, and HelperError where the rules make no sense.
    """
    text = expanded(text)
    host = named(text, "REGISTRY").host
    if given.helper.choose(host) is None:
        msg = f"{host} {not_ecr(host)}"
        raise click.BadParameter(msg, param_hint="REGISTRY")
    return bare_host(text.strip())


def named(text: str, argument: str) -> Image:
    """Return the registry, or the image, that a text names, also as `<account>@<region>`.

    argument: what its usage calls it. Raises click.BadParameter for a text that names none.
    """
    image = Image.parse(expanded(text))
    if not image.host:
        or_image = " and no image" if "IMAGE" in argument else ""
        msg = f"{one_line(text)!r} names no registry{or_image}"
        raise click.BadParameter(msg, param_hint=argument)
    return image


def expanded(text: str) -> str:
    """Return `<account>@<region>` as the host that it stands for, and any other text as it is.

    Raises click.BadParameter for an account or a region that is none.
    """
    account, at, region = text.partition("@")
    if at and account.isdigit() and "/" not in region and ":" not in region:
        return _of_account(account, region)
    return text


def looks_like_ecr(host: str) -> bool:
    """Whether a host that is none of ECR's was meant to be one."""
    return not {"dkr", "ecr", "ecr-fips", "dkr-ecr", "dkr-ecr-fips"}.isdisjoint(host.split("."))


def not_ecr(host: str) -> str:
    """Return why a host is none of ECR's, and what to do about it."""
    labels = host.split(".")
    if looks_like_ecr(host):
        if not registry.is_account(labels[0]):
            return (
                f"is not an ECR registry: it has to begin with an account's"
                f" {registry.ACCOUNT_DIGITS} digits, and {one_line(labels[0])!r} has"
                f" {len(labels[0])} characters"
            )
        return (
            "is not an ECR registry: those are such as 123456789012.dkr.ecr.us-east-1.amazonaws.com"
        )
    return (
        "is not an ECR registry; a private name for one needs a rule with registry = in config.toml"
    )


def _of_account(account: str, region: str) -> str:
    if not registry.is_account(account):
        msg = (
            f"an account id has {registry.ACCOUNT_DIGITS} digits, and {account} has {len(account)}"
        )
        raise click.BadParameter(msg, param_hint="ACCOUNT@REGION")
    try:
        host = f"{account}.dkr.ecr.{region}.{regions.dns_suffix(region)}"
    except HelperError as exc:
        raise click.BadParameter(str(exc), param_hint="ACCOUNT@REGION") from exc
    if registry.parse(host) is None:
        msg = f"{one_line(region)!r} is not a region"
        raise click.BadParameter(msg, param_hint="ACCOUNT@REGION")
    return host
