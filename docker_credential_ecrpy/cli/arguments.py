"""What a person names a registry by."""

import click

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.aws.regions import explain_not_ecr
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.docker.config import bare_host
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.text.sanitize import one_line


def parse_registry(text: str, given: CommandContext) -> str:
    """Return the host of `<account>@<region>`, of a registry's address, or of an image.

    It is one of ECR's, or a private name that a rule has, with its port. Raises click.BadParameter
    for others, and HelperError where the rules make no sense.
    """
    text = expand_account(text)
    host = parse_image(text, "REGISTRY").host
    if given.helper.choose(host) is None:
        msg = f"{host} {explain_not_ecr(host)}"
        raise click.BadParameter(msg, param_hint="REGISTRY")
    return bare_host(text.strip())


def parse_image(text: str, argument: str) -> Image:
    """Return the registry, or the image, that a text names, also as `<account>@<region>`.

    argument: what its usage calls it. Raises click.BadParameter for a text that names none.
    """
    image = Image.parse(expand_account(text))
    if not image.host:
        or_image = " and no image" if "IMAGE" in argument else ""
        msg = f"{one_line(text)!r} names no registry{or_image}"
        raise click.BadParameter(msg, param_hint=argument)
    return image


def expand_account(text: str) -> str:
    """Return `<account>@<region>` as the host that it stands for, and any other text as it is.

    Raises click.BadParameter for an account or a region that is none.
    """
    account, at, region = text.partition("@")
    if at and account.isdigit() and "/" not in region and ":" not in region:
        return _of_account(account, region)
    return text


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
