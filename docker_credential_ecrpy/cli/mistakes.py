"""Errors of usage that several commands report in the same words."""

from collections.abc import Sequence

import click

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.suggestion import suggest

_EXAMPLE = "123456789012@us-east-1"
_OF_A_REGISTRY = ("--account", "--account-id", "--registry-id", "--registry-ids", "--registry")
# Options of docker and the AWS CLI that are variables here.
_VARIABLES = {
    "--config": "DOCKER_CONFIG",
    "--docker-config": "DOCKER_CONFIG",
    "--authfile": "REGISTRY_AUTH_FILE",
    "--ca-bundle": "AWS_CA_BUNDLE",
    "--endpoint-url": "AWS_ENDPOINT_URL",
    "--timeout": "AWS_ECR_TIMEOUT",
}


def not_ecr(host: str) -> click.BadParameter:
    """Return the error for a host where only an ECR registry makes sense."""
    return click.BadParameter(f"{host} {regions.explain_not_ecr(host)}", param_hint="REGISTRY")


def refuse_near_ecr(host: str) -> None:
    """Raise click.BadParameter for a host that was probably meant to be ECR's, and is not.

    host: one that is not ECR's.
    """
    if regions.looks_like_ecr(host):
        raise not_ecr(host)


def describe_mistake(error: click.UsageError, typed: Sequence[str] = ()) -> str:
    """Return the text of an error of usage; for an unknown option, with what is to be typed.

    typed: the arguments on the command line.
    """
    text = error.format_message()
    if isinstance(error, click.MissingParameter):  # click lists its choices one a line
        return " ".join(text.split()).replace(". Choose from: ", "; choose from ")
    if not isinstance(error, click.NoSuchOption):
        return text
    name = one_line(error.option_name)
    parameters = error.ctx.command.params if error.ctx else []
    takes_registry = any("REGISTRY" in (at.metavar or "") for at in parameters)
    near = suggest(name, error.possibilities or ())
    hint = f"; did you mean {near}?" if near else ""
    if name == "--region" and takes_registry:
        hint = f"; add the region to the registry: {_join_region(typed)}"
    elif name in _OF_A_REGISTRY and takes_registry:
        hint = f"; the account is a part of the registry's name: {_EXAMPLE}"
    elif name in _VARIABLES:
        hint = f"; set {_VARIABLES[name]} instead"
    return f"no such option: {name}{hint}"


def _join_region(typed: Sequence[str]) -> str:
    """Return the typed registries in the region of --region, or an example where one is missing."""
    region, accounts = "", []
    words = iter(typed)
    for word in words:
        name, is_joined, value = word.partition("=")
        if name == "--region":
            region = value if is_joined else next(words, "")
        elif registry.is_account(account := word.partition("@")[0]):
            accounts.append(account)
        elif found := registry.parse(word):
            accounts.append(found.account)
    try:
        hosts = [regions.make_host(account, region) for account in accounts if account]
    except HelperError:
        return _EXAMPLE  # the typed region is none
    named = [f"{found.account}@{found.region}" for found in map(registry.parse, hosts) if found]
    return " ".join(dict.fromkeys(named)) or _EXAMPLE
