"""`pull-secret`: print an image pull secret of Kubernetes, for `kubectl apply`."""

from collections.abc import Sequence

import click

from docker_credential_ecrpy.cli.arguments import parse_registry
from docker_credential_ecrpy.cli.commands.completion import registries
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, Command, verbose_option
from docker_credential_ecrpy.kubernetes.pull_secrets import secret, tokens
from docker_credential_ecrpy.kubernetes.pull_secrets.form import Form, Target
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import (
    is_name,
    is_namespace,
    is_repository,
)
from docker_credential_ecrpy.kubernetes.pull_secrets.yaml_text import to_yaml

_CHECKS = {
    "--name": is_name,
    "--namespace": is_namespace,
    "--pod-namespace": is_namespace,
    "--credentials-secret": is_name,
}


def check_name(_context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    """Return the name of an object, or "" for none.

    Raises click.BadParameter for one that the API refuses.
    """
    option = parameter.opts[0]
    if value is not None and not _CHECKS[option](value):
        msg = f"{value!r} is no name in Kubernetes; use lower-case letters, digits and -"
        raise click.BadParameter(msg, param_hint=option)
    return value or ""


@click.command(
    "pull-secret",
    cls=Command,
    short_help="print an image pull secret of Kubernetes",
    examples=(
        (f"--name ecr {HOST} | kubectl apply -f -", "create the secret, or replace its value"),
        (
            f"--name charts --form argocd --repository charts/app {HOST}",
            "a repository of Argo CD, for a Helm chart in ECR",
        ),
    ),
)
@click.argument("named", metavar="REGISTRY...", nargs=-1, required=True, shell_complete=registries)
@click.option(
    "--name", metavar="NAME", required=True, callback=check_name, help="The secret's name."
)
@click.option(
    "--namespace",
    metavar="NAME",
    callback=check_name,
    help="Its namespace; by default, the one that kubectl uses.",
)
@click.option(
    "--form",
    type=click.Choice([form.value for form in Form]),
    default=Form.DOCKER_CONFIG.value,
    help="What reads it: kubelet (the default), Argo CD, or others by two keys.",
)
@click.option(
    "--repository",
    metavar="PATH",
    default="",
    help="With --form argocd, the chart's repository; without, every one of the registry.",
)
@verbose_option
@click.pass_obj
def command(
    context: CommandContext,
    named: Sequence[str],
    *,
    name: str,
    namespace: str,
    form: str,
    repository: str,
) -> None:
    """Print an image pull secret of Kubernetes, with a token for each registry.

    The tokens are those that a pull would use: the same rules, the same cache. They expire within
    twelve hours, and kubectl apply replaces the whole value of a secret, with the logins of others
    in it.

    The forms argocd and username-password hold the login of one registry.
    """
    target = Target(namespace, name, Form(form), repository)
    if repository and target.form is not Form.ARGO_CD:
        msg = f"--repository needs --form {Form.ARGO_CD.value}"
        raise click.UsageError(msg)
    if repository and not is_repository(repository):
        msg = f"{repository!r} is no repository; use its path, such as charts/app"
        raise click.BadParameter(msg, param_hint="--repository")
    keys = [parse_registry(text, context) for text in named]
    with context.console.show_progress("calling AWS"):
        found = tokens.find_logins(context.helper, keys, context.helper.find_token)
    context.console.say_unredacted(to_yaml(secret.make(target, found.all())))
