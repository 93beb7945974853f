"""`password`: a registry's token alone, for programs that use no credential helper."""

import base64
import json
import re

import click

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.cli.arguments import expand_account, parse_image
from docker_credential_ecrpy.cli.commands.completion import registries
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, Command
from docker_credential_ecrpy.errors import HelperError
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
            "log helm in; the user is always AWS",
        ),
        ("--region us-east-1", "the token for every registry there that one may reach"),
        (f"--docker-config-json {HOST}", "the value of DOCKER_AUTH_CONFIG"),
    ),
)
@click.argument("registry", metavar=f"[{_ARGUMENT}]", required=False, shell_complete=registries)
@click.option("--region", metavar="REGION", help="All of a region's registries, instead of one.")
@click.option(
    "--docker-config-json", is_flag=True, help="Print a Docker config.json that logs in there."
)
@click.pass_obj
def command(
    context: CommandContext, registry: str | None, region: str | None, *, docker_config_json: bool
) -> None:
    """Print the token for a registry, from the cache where it has a fresh one.

    It is what a pull from there would use: by the same rules, and also one that docker login left.

    With --region it is the token of the identity that the AWS CLI would use, whatever the rules
    say, for every private registry of that region that it may reach. Without either, the region is
    that of AWS_REGION, AWS_DEFAULT_REGION or the AWS profile.
    """
    if registry is not None and region is not None:
        msg = f"name a registry or a region: {_ARGUMENT} and --region exclude each other"
        raise click.UsageError(msg)
    if docker_config_json and registry is None:
        msg = f"--docker-config-json needs {_ARGUMENT}: a login is kept by the registry's name"
        raise click.UsageError(msg)
    if registry is not None:
        choice = _choose(registry, context)
    else:
        region = region or regions.default_region(context.environ)
        if not region:
            msg = (
                f"name a registry, or a region by --region or AWS_REGION: neither {_ARGUMENT}, nor"
                " AWS_REGION, AWS_DEFAULT_REGION or the AWS profile says which"
            )
            raise click.UsageError(msg)
        choice = Choice(regions.registry_for_region(region))
    with context.console.show_progress("asking AWS"):
        entry = context.helper.find_token(choice)
    username, secret = login_in_reply(entry.reply)
    printed = secret
    if registry is not None and docker_config_json:
        auth = base64.b64encode(f"{username}:{secret}".encode()).decode()
        printed = json.dumps({"auths": {_authority(expand_account(registry)): {"auth": auth}}})
    context.console.say_as_is(printed)


def _choose(text: str, context: CommandContext) -> Choice:
    host = parse_image(text, _ARGUMENT).host
    choice = context.helper.choose(host)
    if choice is None:
        msg = f"{host} is not an ECR registry"
        hint = f'name one such as {HOST}, or write a rule with registry = "..." for {host}'
        raise HelperError(msg, hint=hint)
    return choice


def _authority(text: str) -> str:
    """Return host and port of a registry's address or an image's name, as they were written."""
    rest = text.strip().split("://", 1)[-1]
    return re.split("[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
