"""How users name a registry."""

import click

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.docker.config import bare_host
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.text.sanitize import one_line


def parse_registry(text: str, context: CommandContext) -> str:
    """Return the host of `<account>@<region>`, a registry's address or an image, with its port.

    Raises click.BadParameter unless it is ECR's or a rule's private name, and HelperError for
    wrong rules.
    """
    text = expand_account(text)
    host = parse_image(text, "REGISTRY").host
    if context.helper.choose(host) is None:
        msg = f"{host} {regions.explain_not_ecr(host)}"
        raise click.BadParameter(msg, param_hint="REGISTRY")
    return bare_host(text.strip())


def parse_image(text: str, argument: str) -> Image:
    """Return the registry or image that a text names. Raises click.BadParameter for neither.

    argument: what the command's usage calls it.
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
    if not at or not account.isdigit() or "/" in region or ":" in region:
        return text
    try:
        return _account_host(account, region)
    except HelperError as exc:
        raise click.BadParameter(str(exc), param_hint="ACCOUNT@REGION") from exc


def _account_host(digits: str, region: str) -> str:
    if not registry.is_account(digits):
        msg = f"an account id has {registry.ACCOUNT_DIGITS} digits, and {digits} has {len(digits)}"
        raise HelperError(msg)
    host = f"{digits}.dkr.ecr.{region}.{regions.dns_suffix(region)}"
    if registry.parse(host) is None:
        msg = f"{one_line(region)!r} is not a region"
        raise HelperError(msg)
    return host
