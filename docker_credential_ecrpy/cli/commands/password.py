"""`password`: print a registry's token, for programs that use no credential helper."""

import base64
import json
import re

import click

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.cli import mistakes
from docker_credential_ecrpy.cli.arguments import expand_account, parse_image
from docker_credential_ecrpy.cli.commands.completion import registries
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, Command, verbose_option
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot.registry import Registry
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.tokens.token import login_in_reply

_ARGUMENT = "REGISTRY|IMAGE"


@click.command(
    "password",
    cls=Command,
    short_help="print a registry's token, as aws ecr get-login-password does",
    examples=(
        (
            f"{HOST} | helm registry login --username AWS --password-stdin {HOST}",
            "log in helm; the user name is always AWS",
        ),
        ("--region us-east-1", "a token for every registry of a region that AWS lets you use"),
        (f"--docker-config-json {HOST}", "a value for DOCKER_AUTH_CONFIG"),
    ),
)
@click.argument("registry", metavar=f"[{_ARGUMENT}]", required=False, shell_complete=registries)
@click.option(
    "--region", metavar="REGION", help="A token for all registries of a region, instead of one."
)
@click.option(
    "--docker-config-json", is_flag=True, help="Print a Docker config.json with the login."
)
@verbose_option
@click.pass_obj
def command(
    context: CommandContext, registry: str | None, region: str | None, *, docker_config_json: bool
) -> None:
    """Print a registry's token, as aws ecr get-login-password does.

    The token comes from the cache if it holds a fresh one. For a registry or an image it is the
    token that a pull from there uses: the same rules, the same cache, and a login that docker
    login stored.

    With --region it is a token for every private registry of the region that the AWS identity may
    use. No rule applies: the identity is the one that the AWS CLI uses. Without any argument, the
    region is that of AWS_REGION, AWS_DEFAULT_REGION or the AWS profile.
    """
    if registry is not None and region is not None:
        msg = f"{_ARGUMENT} and --region exclude each other: give one of them"
        raise click.UsageError(msg)
    if docker_config_json and registry is None:
        msg = f"--docker-config-json needs {_ARGUMENT}: a login has the name of its registry"
        raise click.UsageError(msg)
    if registry is not None:
        choice = _choose(registry, context)
    else:
        choice = Choice(_registry_for_region(region, context))
    with context.console.show_progress("calling AWS"):
        entry = context.helper.find_token(choice)
    username, secret = login_in_reply(entry.reply)
    printed = secret
    if registry is not None and docker_config_json:
        auth = base64.b64encode(f"{username}:{secret}".encode()).decode()
        printed = json.dumps({"auths": {_authority(expand_account(registry)): {"auth": auth}}})
    context.console.say_unredacted(printed)


def _registry_for_region(region: str | None, context: CommandContext) -> Registry:
    """Return what stands for all registries of a region; by default, of the default region.

    Raises click.UsageError where no region is named, or an option names none of AWS, and
    HelperError where the environment or the AWS profile names none of AWS.
    """
    if region:
        try:
            return regions.registry_for_region(region)
        except HelperError as exc:
            raise click.BadParameter(str(exc), param_hint="--region") from exc
    region = regions.default_region(context.environ)
    if not region:
        msg = "no region; name a registry, add --region, or set AWS_REGION"
        raise click.UsageError(msg)
    return regions.registry_for_region(region)


def _choose(text: str, context: CommandContext) -> Choice:
    """Return the choice for an ECR registry. Raises click.BadParameter for another one."""
    host = parse_image(text, _ARGUMENT).host
    choice = context.helper.choose(host)
    if choice is None:
        raise mistakes.not_ecr(host)
    return choice


def _authority(text: str) -> str:
    """Return host and port of a registry's address or an image's name, as the user wrote them."""
    rest = text.strip().split("://", 1)[-1]
    return re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
