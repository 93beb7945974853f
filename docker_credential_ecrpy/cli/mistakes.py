"""The errors for arguments that several commands refuse in the same words."""

import click

from docker_credential_ecrpy.aws import regions


def not_ecr(host: str) -> click.BadParameter:
    """Return the error for a host where only an ECR registry makes sense."""
    return click.BadParameter(f"{host} {regions.explain_not_ecr(host)}", param_hint="REGISTRY")


def refuse_near_ecr(host: str) -> None:
    """Raise click.BadParameter for a host that was probably meant to be ECR's, and is not.

    host: one that is not ECR's.
    """
    if regions.looks_like_ecr(host):
        raise not_ecr(host)
