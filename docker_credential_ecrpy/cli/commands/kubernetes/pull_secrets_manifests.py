"""`pull-secrets manifests`: print what sets the controller up in a cluster, for `kubectl apply`."""

import os
from typing import Any

import click

from docker_credential_ecrpy.cli.commands.kubernetes import pull_secrets
from docker_credential_ecrpy.cli.commands.kubernetes.pull_secret import check_name
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import Command
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.kubernetes.manifests import bundle
from docker_credential_ecrpy.kubernetes.manifests.document import join
from docker_credential_ecrpy.kubernetes.manifests.options import Options
from docker_credential_ecrpy.kubernetes.manifests.workload import RULES

SHARED = (
    "named",
    "name",
    "namespaces",
    "exclude",
    "labels",
    "opt_in",
    "accounts",
    "form",
    "repository",
    "resources",
    "rules",
    "once",
)
"""The parameters of `pull-secrets` that the manifests pass on; its others are not for a pod."""
_IMAGE = "--image registry.example.com/ecrpy:1"
_LONGEST = 512 * 1024  # bytes of a config.toml; etcd takes 1.5 MiB


def _share_options(command: click.Command) -> click.Command:
    """Add the parameters of `pull-secrets` to a command, before its own."""
    shared = [param for param in pull_secrets.command.params if param.name in SHARED]
    command.params = [*shared, *command.params]
    return command


@_share_options
@click.command(
    "manifests",
    cls=Command,
    short_help="print what sets pull-secrets up in a cluster",
    examples=(
        (
            f"{_IMAGE} --name ecr --namespace shop 123456789012@us-east-1 | kubectl apply -f -",
            "a Deployment for one namespace, and a Role for its Secret alone",
        ),
        (
            f"{_IMAGE} --resources | kubectl apply -f -",
            "custom resources for the whole cluster",
        ),
    ),
)
@click.option("--image", metavar="IMAGE", required=True, help="The image of the controller.")
@click.option(
    "--pod-namespace",
    metavar="NAME",
    callback=check_name,
    help="The namespace of its pods; by default, the one that it serves, or one of its own.",
)
@click.option(
    "--replicas", metavar="N", type=click.IntRange(1, 9), help="By default 1; 2 with --resources."
)
@click.option(
    "--schedule",
    metavar="CRON",
    default=Options.schedule,
    show_default=True,
    help="With --once, when it runs.",
)
@click.option("--role-arn", metavar="ARN", help="The role of its service account, by IRSA.")
@click.option("--pod-identity", is_flag=True, help="EKS Pod Identity gives it its role.")
@click.option(
    "--credentials-secret",
    metavar="NAME",
    callback=check_name,
    help="A Secret whose key `credentials` is a file as ~/.aws/credentials.",
)
@click.option(
    "--config", metavar="FILE", default="", help="A config.toml, which becomes a ConfigMap."
)
@click.pass_obj
def command(
    context: CommandContext,
    /,
    *,
    resources: bool,
    rules: str | None,
    once: bool,
    image: str,
    pod_namespace: str,
    replicas: int | None,
    schedule: str,
    role_arn: str | None,
    pod_identity: bool,
    credentials_secret: str,
    config: str,
    **given: Any,
) -> None:
    """Print what sets pull-secrets up in a cluster, as YAML for kubectl apply.

    That is a Deployment, or with --once a CronJob, with its ServiceAccount and the rights that
    these options need: a Role in each namespace that is named, a ClusterRole where namespaces are
    selected. With --resources, the definitions of the custom resources come first.

    The other options are those of pull-secrets.
    """
    if sum(map(bool, (role_arn, pod_identity, credentials_secret))) > 1:
        msg = "--role-arn, --pod-identity and --credentials-secret exclude each other"
        raise click.UsageError(msg)
    text = _read_config(config) if config else ""
    options = Options(
        image=_check_text(image, "--image"),
        pod_namespace=pod_namespace,
        follows=resources,
        is_once=once,
        schedule=_check_text(schedule, "--schedule"),
        replicas=replicas or 0,
        role=_check_text(role_arn or "", "--role-arn"),
        pod_identity=pod_identity,
        credentials=credentials_secret,
        rules=text,
        rule_files=_read_folder(rules) if rules else {},
    )
    selection = pull_secrets.read_selection(given)
    options = replace(options, namespaces=tuple(dict.fromkeys(selection.include)))
    if resources:
        pull_secrets.check_followed(selection, given, ends=once)
    else:
        pull_secrets.check_named(given, rules, "--config")
        # The rules of the pod say which registries there are, and not those of this machine.
        environ = {**context.helper.environ, "AWS_ECR_CONFIG": config or os.devnull}
        there = replace(context, helper=replace(context.helper, environ=environ))
        wanted = pull_secrets.read_wanted(there, selection, given)
        options = replace(
            options,
            name=wanted.name,
            registries=tuple(dict.fromkeys(given["named"])),
            form=wanted.form,
            repository=wanted.repository,
            accounts=tuple(dict.fromkeys(wanted.accounts)),
            exclude=tuple(selection.exclude),
            labels=selection.labels,
            opt_in=selection.opt_in,
        )
    context.console.say_as_is(join(bundle.make(options)).rstrip("\n"))


def _read_folder(folder: str) -> dict[str, str]:
    """Return the files of rules in a folder by their names. Raises click.BadParameter."""
    names = sorted(name for name in os.listdir(folder) if name.endswith(".toml"))
    if not names or RULES in names:
        msg = f"{folder} has no files such as main.toml, or a {RULES}, which is for --config"
        raise click.BadParameter(msg, param_hint="--rules")
    return {name: _read_config(os.path.join(folder, name), "--rules") for name in names}


def _read_config(path: str, option: str = "--config") -> str:
    """Return the content of a config.toml. Raises click.BadParameter."""
    try:
        with open(path, "rb") as stream:
            data = stream.read(_LONGEST + 1)
    except OSError as exc:
        msg = f"{path}: {exc.strerror}"
        raise click.BadParameter(msg, param_hint=option) from exc
    if len(data) > _LONGEST:
        msg = f"{path} is longer than {_LONGEST // 1024} KiB"
        raise click.BadParameter(msg, param_hint=option)
    try:
        return data.decode()
    except UnicodeError as exc:
        msg = f"{path} is not UTF-8"
        raise click.BadParameter(msg, param_hint=option) from exc


def _check_text(text: str, option: str) -> str:
    """Return a text without spaces at its ends or control characters. Raises click.BadParameter."""
    if text != text.strip() or not text.isprintable():
        msg = f"{text!r} has spaces around it, or control characters"
        raise click.BadParameter(msg, param_hint=option)
    return text
