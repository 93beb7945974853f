"""`kubelet config`: print a CredentialProviderConfig, or add the provider to one."""

import os
from typing import Any

import click

from docker_credential_ecrpy.cli.commands.kubernetes.kubelet_options import (
    provider_options,
    read_asked,
)
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import Command
from docker_credential_ecrpy.docker import diff
from docker_credential_ecrpy.files.replace import Rewrite, check_replaceable, replace_file
from docker_credential_ecrpy.files.user.turn import take_turn
from docker_credential_ecrpy.kubernetes.node.config.merge import ProviderOptions, merge_provider
from docker_credential_ecrpy.kubernetes.node.flavors import FLAVORS
from docker_credential_ecrpy.kubernetes.node.record import read_config
from docker_credential_ecrpy.text.console import Console


@click.command(
    "config",
    cls=Command,
    short_help="print a CredentialProviderConfig for the kubelet, or add the provider to a file",
    examples=(
        ("", "print a CredentialProviderConfig with the patterns of all ECR hosts"),
        ("--flavor eks", "the same as JSON, for the provider's name on nodes of EKS"),
        ("/etc/kubernetes/credentials.yaml", "add the provider to this file, or what it lacks"),
        ("--env AWS_PROFILE=prod --env AWS_CONFIG_FILE=/etc/aws/config", "with an AWS profile"),
        ("--audience sts.amazonaws.com", "with the roles of pods' service accounts"),
    ),
)
@click.argument("file", required=False)
@click.option("--flavor", type=click.Choice(list(FLAVORS)), help="For its form and its name.")
@provider_options
@click.option("--dry-run", is_flag=True, help="Show the change, and write nothing.")
@click.pass_obj
def command(
    context: CommandContext,
    /,
    file: str | None,
    flavor: str | None,
    name: str | None,
    *,
    dry_run: bool,
    **given: Any,
) -> None:
    """Print a CredentialProviderConfig for the kubelet, or add the provider to a file.

    matchImages are the patterns of all hosts that this program answers for. In a file, comments,
    order and other providers keep every byte. A provider of the same name gets the patterns that
    it lacks, and the options that are given. The previous content is kept beside it as .bak.

    A file that the kubelet would refuse is not changed. The kubelet reads its configuration when it
    starts; kubelet install also installs the program, without which it does not start.
    """
    usual = FLAVORS[flavor or "kubeadm"]
    asked = read_asked(name or usual.name, given)
    if file is None:
        if dry_run:
            msg = "--dry-run needs a file"
            raise click.UsageError(msg)
        whole = merge_provider(usual.config, None, asked).decode()
        context.console.say_as_is(whole.rstrip("\n"))
        return
    with take_turn([file]):
        _write(context.console, os.path.abspath(file), asked, dry_run=dry_run)


def _write(console: Console, file: str, asked: ProviderOptions, *, dry_run: bool) -> None:
    before = read_config(file)
    rewrite = Rewrite(file, before, merge_provider(file, before, asked), is_json=False)
    if not rewrite.is_needed:
        console.say(f"already configured: {file}")
        return
    show_diff(console, rewrite)
    if dry_run:
        console.say("nothing was written (--dry-run)")
        return
    check_replaceable(rewrite)
    backup = replace_file(rewrite)
    if before is None:
        os.chmod(file, 0o644)
    console.say(f"written: {file}" + (f"; the previous content: {backup}" if backup else ""))
    console.say("restart the kubelet: it reads its configuration when it starts")


def show_diff(console: Console, rewrite: Rewrite) -> None:
    """Print a change of a file, without the secrets in it."""
    for line in diff.render(rewrite, console.width):
        style = {"+": "good", "-": "bad"}.get(line[:1], "")
        console.say_as_is(line, style if line[:3] not in ("+++", "---") else "strong")
