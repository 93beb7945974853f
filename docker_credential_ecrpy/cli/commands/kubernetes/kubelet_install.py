"""`kubelet install`: install the plugin on a node, or remove it."""

import os
from typing import Any

import click

from docker_credential_ecrpy.cli.commands.kubernetes.kubelet_config import show_diff
from docker_credential_ecrpy.cli.commands.kubernetes.kubelet_options import (
    Node,
    choose_file,
    find_node,
    place_options,
    provider_options,
    read_asked,
)
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import Command
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import Rewrite
from docker_credential_ecrpy.kubernetes.node import install
from docker_credential_ecrpy.kubernetes.node.config.merge import ProviderOptions
from docker_credential_ecrpy.kubernetes.node.flavors import BIN_DIR_FLAG, CONFIG_FLAG, FLAVORS
from docker_credential_ecrpy.kubernetes.node.record import Places
from docker_credential_ecrpy.kubernetes.node.source import find_source
from docker_credential_ecrpy.text.console import Console


@click.command(
    "install",
    cls=Command,
    short_help="install the plugin on this node, as root",
    examples=(
        ("--flavor k3s", "on a node of k3s"),
        ("--flavor eks", "replace ecr-credential-provider, and keep its configuration"),
        ("--flavor kubeadm --env AWS_PROFILE=prod", "with an AWS profile for the plugin"),
        ("--flavor k3s --dry-run", "show what would change"),
        ("--flavor k3s --remove", "restore what was there before"),
    ),
)
@place_options
@provider_options
@click.option("--program", metavar="FILE", default="", help="The standalone program to install.")
@click.option("--remove", is_flag=True, help="Restore the files from before the installation.")
@click.option("--dry-run", is_flag=True, help="Show the changes, and write nothing.")
@click.pass_obj
def command(
    context: CommandContext,
    /,
    *,
    flavor: str | None,
    config: str | None,
    bin_dir: str | None,
    root: str,
    name: str | None,
    program: str,
    remove: bool,
    dry_run: bool,
    **given: Any,
) -> None:
    """Install the plugin on this node, as root.

    The program is written first, then the configuration. The program is a copy of the standalone
    program, or a symlink to an installed package. It has to print its version, and the
    configuration has to pass the kubelet's checks, before either is used. The previous files are
    kept beside them, as .before-ecrpy. What is installed already is not changed.

    The last lines say which flags the kubelet needs, whether it has them, and what restarts it.
    """
    if os.name == "nt":
        msg = "kubelet install is for nodes with Linux"
        raise HelperError(msg, hint="run it there, or print a configuration: kubelet config")
    node = find_node(flavor, config, bin_dir, root, name)
    places = choose_file(node.places)
    if remove:
        _remove(context.console, node, places, dry_run=dry_run)
        return
    asked = read_asked(places.name, given)
    _install(context.console, node, places, asked, program, dry_run=dry_run)


def _install(
    console: Console,
    node: Node,
    places: Places,
    asked: ProviderOptions,
    program: str,
    *,
    dry_run: bool,
) -> None:
    source = find_source(program, node.root)
    plan = install.plan_install(places, source, asked)
    for warning in plan.warnings:
        console.note(f"warning: {warning}")
    if plan.new_program:
        how = "a copy of" if source.is_one_file else "a symlink to"
        console.say(f"program: {places.program}, {how} {source.path}")
    show_diff(console, Rewrite(places.config, plan.before, plan.after, is_json=False))
    if dry_run:
        console.say("nothing was written (--dry-run)" if plan.is_needed else "already installed")
    elif plan.is_needed:
        for line in install.install(plan):
            console.say(line)
    else:
        console.say(f"already installed: {places.program}, {places.config}")
    _say_flags(console, node)
    if plan.before != plan.after:
        _say_restart(console, node)


def _remove(console: Console, node: Node, places: Places, *, dry_run: bool) -> None:
    _, before, after = install.plan_removal(places)
    show_diff(console, Rewrite(places.config, before, after or b"", is_json=False))
    if dry_run:
        console.say("nothing was written (--dry-run)")
        return
    for line in install.remove(places):
        console.say(line)
    if after is None and any(each.config for each in node.flags):
        sources = ", ".join(each.source for each in node.flags if each.config)
        console.note(
            f"warning: the kubelet does not start with --{CONFIG_FLAG} of a file that is gone; "
            f"remove --{CONFIG_FLAG} and --{BIN_DIR_FLAG} before its restart: {sources}"
        )
    _say_restart(console, node)


def _say_flags(console: Console, node: Node) -> None:
    """Say which flags the kubelet needs, and where they are set."""
    usual = FLAVORS.get(node.flavor)
    config, bin_dir = (
        path if node.root == "/" else path.removeprefix(node.root)
        for path in (node.places.config, node.places.bin_dir)
    )
    wanted = f"--{CONFIG_FLAG}={config} --{BIN_DIR_FLAG}={bin_dir}"
    for each in node.flags:
        if (each.config.rstrip("/"), each.bin_dir.rstrip("/")) == (config, bin_dir.rstrip("/")):
            console.say(f"kubelet flags: set by {each.source}")
            return
    for each in node.flags:
        if each.config or each.bin_dir:
            console.note(f"warning: {each.source} sets other paths; the kubelet needs {wanted}")
            return
    if usual and usual.by_default and (config, bin_dir) == (usual.config, usual.bin_dir):
        console.say(f"kubelet flags: {node.flavor} sets them if both paths exist when it starts")
        return
    where = usual.flags_at if usual else "the kubelet's flags"
    console.say(f"kubelet flags: not set; add to {where}:")
    console.say_as_is(f"  {wanted}")


def _say_restart(console: Console, node: Node) -> None:
    usual = FLAVORS.get(node.flavor)
    command = usual.restart if usual else "restart the kubelet"
    console.say(f"the kubelet reads its configuration when it starts: {command}")
