"""`pull-secrets`: keep image pull secrets of Kubernetes fresh, in a pod of the cluster."""

from collections.abc import Mapping
from typing import Any

import click

from docker_credential_ecrpy.cli.arguments import expand_account, parse_image
from docker_credential_ecrpy.cli.commands.completion import registries
from docker_credential_ecrpy.cli.commands.kubernetes.pull_secret import check_name
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import CommandGroup, verbose_option
from docker_credential_ecrpy.docker.config import bare_host
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import protocol, watchdog
from docker_credential_ecrpy.hot.identity import digest_text
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.kubernetes.pull_secrets.content.record import BY_OPTIONS
from docker_credential_ecrpy.kubernetes.pull_secrets.form import Form
from docker_credential_ecrpy.kubernetes.pull_secrets.names import WANTED, Refusal
from docker_credential_ecrpy.kubernetes.pull_secrets.namespaces import (
    Selection,
    check_pattern,
    is_glob,
)
from docker_credential_ecrpy.kubernetes.pull_secrets.spec import (
    PullSecret,
    check,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.kubernetes.controller.api.client import Cluster

_OWNER_LENGTH = 8  # digits of a digest
_EXTRA = "docker-credential-ecrpy[kubernetes]"


@click.group(
    "pull-secrets",
    cls=CommandGroup,
    short_help="keep image pull secrets of Kubernetes fresh",
    examples=(
        ("--name ecr --once 123456789012@us-east-1", "in the pod's namespace, as a CronJob"),
        (
            '--name ecr --once --namespace "team-*" 123456789012@us-east-1',
            "in several namespaces",
        ),
        ("--resources", "as the cluster's ECRPullSecrets and ClusterECRPullSecrets say"),
    ),
)
@click.argument("named", metavar="[REGISTRY...]", nargs=-1, shell_complete=registries)
@click.option("--name", metavar="NAME", callback=check_name, help="The Secret.")
@click.option(
    "--namespace",
    "namespaces",
    metavar="NAME",
    multiple=True,
    help="A namespace or a glob, more than once; by default, the pod's own.",
)
@click.option(
    "--exclude", metavar="NAME", multiple=True, help="A namespace or a glob to leave out."
)
@click.option(
    "--label", "labels", metavar="KEY=VALUE", multiple=True, help="A label that a namespace has."
)
@click.option(
    "--opt-in",
    is_flag=True,
    help=f'Only namespaces with the annotation {WANTED}: "true".',
)
@click.option(
    "--service-account",
    "accounts",
    metavar="NAME",
    multiple=True,
    help="A service account or a glob, whose pods are to use the Secret.",
)
@click.option(
    "--form",
    type=click.Choice([form.value for form in Form]),
    default=Form.DOCKER_CONFIG.value,
    help="As for pull-secret.",
)
@click.option("--repository", metavar="PATH", default="", help="As for pull-secret.")
@click.option(
    "--resources",
    is_flag=True,
    help="Follow the custom resources of the cluster, or of one --namespace.",
)
@click.option(
    "--rules",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False),
    help="With --resources: files of rules, the only AWS identities of ECRPullSecrets.",
)
@click.option("--once", is_flag=True, help="Refresh what is due, and end.")
@click.option("--remove", is_flag=True, help="Take the logins out again, and end.")
@click.option("--dry-run", is_flag=True, help="Print what would change; fetch no token.")
@click.option("--cache", is_flag=True, help="Keep tokens in the cache directory, as get does.")
@click.option("--kubeconfig", metavar="FILE", default="", help="Outside of a pod, kubectl's file.")
@click.option("--context", "kube_context", metavar="NAME", default="", help="One of its contexts.")
@click.option(
    "--listen",
    metavar="ADDRESS:PORT",
    default=":8080",
    show_default=True,
    help="For /healthz, /readyz and /metrics.",
)
@verbose_option
@click.pass_obj
def command(
    context: CommandContext,
    /,
    *,
    resources: bool,
    rules: str | None,
    once: bool,
    remove: bool,
    dry_run: bool,
    cache: bool,
    kubeconfig: str,
    kube_context: str,
    listen: str,
    **given: Any,
) -> int:
    """Keep image pull secrets of Kubernetes fresh, in a pod of the cluster.

    The logins are merged into the Secret: what others have in it stays, and so does its UID.
    Nothing is written where nothing is due, and a failed refresh leaves the old login.

    It runs until it is ended. With --once, --remove and --dry-run it ends by itself, with the exit
    code 1 if a Secret or a registry failed.
    """
    watchdog.stop()  # the number of namespaces has no limit
    if not cache:  # a token is in the Secret, and nowhere else
        context = replace(context, helper=context.helper.without_cache())
    selection = read_selection(given)
    if resources:
        check_followed(selection, given, ends=once or remove or dry_run)
        cluster = _connect(context, kubeconfig, kube_context)
        from docker_credential_ecrpy.cli.commands.kubernetes import pull_secrets_run

        namespace = (*selection.include, "")[0]
        pull_secrets_run.follow(context, cluster, namespace, listen, rules or "")
        return protocol.OK
    check_named(given, rules, "AWS_ECR_CONFIG")
    wanted = read_wanted(context, selection, given)
    cluster = _connect(context, kubeconfig, kube_context)
    from docker_credential_ecrpy.cli.commands.kubernetes import pull_secrets_run

    # A list of names needs no right to read namespaces.
    has_condition = selection.exclude or selection.labels or selection.opt_in
    is_list = not (has_condition or any(map(is_glob, selection.include)))
    homes = dict.fromkeys(selection.include or (cluster.namespace,)) if is_list else ()
    several = [
        replace(wanted, uid=f"{home}/{wanted.name}", namespace=home, namespaces=None)
        for home in homes
    ] or [wanted]
    several = [replace(each, owner=_name_owner(each)) for each in several]
    if once or remove or dry_run:
        return pull_secrets_run.run_once(
            context, cluster, several, is_removal=remove, is_dry=dry_run
        )
    pull_secrets_run.keep_fresh(context, cluster, several, listen)
    return protocol.OK


def read_selection(given: Mapping[str, Any]) -> Selection:
    """Return what the options select. given: the options by their names, as for the others.

    Raises click.UsageError.
    """
    try:
        return Selection(
            [check_pattern(each, "--namespace") for each in given["namespaces"]],
            [check_pattern(each, "--exclude") for each in given["exclude"]],
            dict(map(_parse_label, given["labels"])),
            opt_in=given["opt_in"],
        )
    except Refusal as exc:
        raise click.UsageError(str(exc)) from exc


def check_followed(selection: Selection, given: Mapping[str, Any], *, ends: bool) -> None:
    """Raise click.UsageError for options that --resources does not follow.

    ends: whether there is one with which the process ends by itself.
    """
    others = [value for name, value in given.items() if name not in ("namespaces", "form")]
    if ends or any(others) or given["form"] != Form.DOCKER_CONFIG.value:
        msg = "--resources reads the rest from the cluster; leave it out"
        raise click.UsageError(msg)
    if len(selection.include) > 1 or any(map(is_glob, selection.include)):
        msg = "--resources follows one namespace by name, or all of them"
        raise click.UsageError(msg)


def check_named(given: Mapping[str, Any], rules: str | None, instead: str) -> None:
    """Raise click.UsageError where --resources is missing. instead: what else names rules."""
    if rules:
        msg = f"--rules needs --resources; without, {instead} names the rules"
        raise click.UsageError(msg)
    if not (given["named"] and given["name"]):
        msg = "name the registries, and the Secret by --name; or add --resources"
        raise click.UsageError(msg)


def read_wanted(
    context: CommandContext, selection: Selection, given: Mapping[str, Any]
) -> PullSecret:
    """Return what the options ask for. Raises click.UsageError."""
    registries = dict.fromkeys(_parse(text, context) for text in given["named"])
    try:
        return check(
            PullSecret(
                uid=f"*/{given['name']}",
                namespace="",
                name=given["name"],
                registries=tuple(registries),
                form=Form(given["form"]),
                repository=given["repository"],
                accounts=[check_pattern(each, "--service-account") for each in given["accounts"]],
                namespaces=selection,
                owner=BY_OPTIONS,
            )
        )
    except Refusal as exc:
        raise click.UsageError(str(exc)) from exc


def _connect(context: CommandContext, kubeconfig: str, kube_context: str) -> "Cluster":
    """Return the client of the API. Raises HelperError, also without the extra."""
    try:
        from docker_credential_ecrpy.kubernetes.controller.api import client
    except ModuleNotFoundError as exc:
        if exc.name not in ("kubernetes", "prometheus_client"):
            raise
        msg = "the Kubernetes client is not installed, and the standalone programs have none"
        raise HelperError(msg, hint=f"run: pip install '{_EXTRA}'") from exc
    return client.connect(context.environ, client.SERVICE_ACCOUNT, kubeconfig, kube_context)


def _name_owner(wanted: PullSecret) -> str:
    """Return the owner of what options want: others with the same Secret are another one."""
    selection = wanted.namespaces
    texts = [*sorted(wanted.registries), *([repr(selection)] if selection else ())]
    return f"{BY_OPTIONS}/{digest_text(' '.join(texts))[:_OWNER_LENGTH]}"


def _parse(text: str, context: CommandContext) -> str:
    """Return a registry's host and port. Raises click.BadParameter for no registry of ECR."""
    image = parse_image(text, "REGISTRY")
    if context.helper.choose(image.host) is None:
        msg = f"{image.host} is not an ECR registry, and no rule maps it to one"
        raise click.BadParameter(msg, param_hint="REGISTRY")
    return bare_host(expand_account(text).strip())


def _parse_label(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not (key and sign):
        msg = f"{text!r} is no label; write key=value"
        raise click.BadParameter(msg, param_hint="--label")
    return key, value
