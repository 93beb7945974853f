"""`configure`: set this program as Docker's helper for registries, and its AWS identity."""

import os
from dataclasses import replace

import click

from docker_credential_ecrpy.aws import gateway
from docker_credential_ecrpy.cli.arguments import parse_registry
from docker_credential_ecrpy.cli.commands import completion
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import Command
from docker_credential_ecrpy.docker import diff
from docker_credential_ecrpy.docker.apply import apply_plan
from docker_credential_ecrpy.docker.config import is_our_helper
from docker_credential_ecrpy.docker.discover import ConfigureRequest, DockerFacts, discover
from docker_credential_ecrpy.docker.plan import Plan, make_plan
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.settings import rules
from docker_credential_ecrpy.text.console import Console
from docker_credential_ecrpy.text.sanitize import one_line

PUBLIC = "public.ecr.aws"


@click.command(
    "configure",
    cls=Command,
    short_help="have Docker use this program for registries",
    examples=(
        ("123456789012@us-east-1", "one registry, by account and region"),
        ("123456789012@us-east-1 --profile prod", "and an AWS profile for its account"),
        ("--all-profiles", "the registry of each profile in ~/.aws/config"),
        ("", "the ECR registries that you once logged in to by docker login"),
        ("--creds-store --fallback pass", "all registries; those that are not ECR by pass"),
        ("--remove 123456789012@us-east-1", "take it back"),
    ),
)
@click.argument(
    "registries",
    metavar="[REGISTRY|ACCOUNT@REGION]...",
    nargs=-1,
    shell_complete=completion.registries,
)
@click.option(
    "--profile",
    metavar="PROFILE",
    default="",
    help="The AWS profile to use for them.",
    shell_complete=completion.profiles,
)
@click.option(
    "--role-arn",
    metavar="ARN",
    default="",
    help="A role to assume for them, from the profile or the ambient identity.",
)
@click.option("--all-profiles", is_flag=True, help="The registry of each AWS profile.")
@click.option("--public", is_flag=True, help="ECR Public, which works without, but at lower rates.")
@click.option("--creds-store", is_flag=True, help="All registries: become Docker's credsStore.")
@click.option(
    "--fallback",
    metavar="HELPER",
    help='The credential helper for registries that are not ECR; "" for none.',
)
@click.option("--remove", is_flag=True, help="Take all that away again.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--podman", is_flag=True, help="In podman's auth.json, not Docker's config.json.")
@click.pass_obj
def command(
    context: CommandContext,
    registries: tuple[str, ...],
    profile: str,
    role_arn: str,
    fallback: str | None,
    *,
    all_profiles: bool,
    public: bool,
    creds_store: bool,
    remove: bool,
    dry_run: bool,
    podman: bool,
) -> None:
    """Have Docker use this program for registries, and say which AWS identity it is to be.

    The change is shown as a diff and then made: in Docker's config.json (DOCKER_CONFIG says
    where), and in ~/.ecr/config.toml where a profile, a role or a fallback is given. Old logins
    of these registries under "auths" go, since an expired token there is what 403 Forbidden
    comes from. What was there before is kept beside each file, with .bak at its end. With
    --remove, also the rules for these registries and, after the last of them, their accounts go.
    """
    if all_profiles and (profile or role_arn):
        msg = "--all-profiles chooses the profiles: leave --profile and --role-arn out"
        raise click.UsageError(msg)
    if podman and creds_store:
        msg = "podman knows no credsStore: name the registries in place of --creds-store"
        raise click.UsageError(msg)
    _check_values(role_arn, fallback)
    identity = profile, role_arn
    hosts = dict.fromkeys((parse_registry(text, context) for text in registries), identity)
    if public:
        hosts[PUBLIC] = identity
    request = ConfigureRequest(hosts, creds_store, fallback, remove, identity, all_profiles, podman)
    facts = discover(request, context.helper, gateway.list_profiles)
    request = _offer_fallback(context, facts, _name_registries(context, facts, request))
    plan = make_plan(facts, request)
    carry_out(context.console, plan, dry_run=dry_run)
    if not plan.needed:
        context.console.say("nothing to change: it is so already")
    for warning in plan.warnings:
        context.console.note(f"warning: {warning}")


def carry_out(console: Console, plan: Plan, *, dry_run: bool) -> None:
    """Show the plan, and unless for a dry run, write its files. Raises HelperError."""
    for rewrite in plan.needed:
        for line in diff.render(rewrite, console.width):
            style = {"+": "good", "-": "bad"}.get(line[:1], "")
            console.say_as_is(line, style if line[:3] not in ("+++", "---") else "strong")
    for note in plan.notes:
        console.say(f"note: {note}")
    if dry_run:
        if plan.needed:
            console.say("nothing was written (--dry-run)")
        return
    for rewrite, backup in apply_plan(plan):
        before = f"; what was there before: {backup}" if backup else ""
        console.say(f"written: {rewrite.file}{before}")


def _check_values(role_arn: str, fallback: str | None) -> None:
    """Raise click.BadParameter for invalid values."""
    if role_arn and not rules.ROLE_ARN.fullmatch(role_arn):
        msg = f"{one_line(role_arn)!r} is not such as arn:aws:iam::123456789012:role/puller"
        raise click.BadParameter(msg, param_hint="--role-arn")
    if fallback and is_our_helper(fallback):
        msg = f"{one_line(fallback)!r} is this program: name the one for other registries"
        raise click.BadParameter(msg, param_hint="--fallback")


def _name_registries(
    context: CommandContext, facts: DockerFacts, request: ConfigureRequest
) -> ConfigureRequest:
    """Return the request with the registries of AWS profiles or Docker's file; raise for none."""
    if facts.found is None:
        for warning in facts.left_out:
            context.console.note(f"warning: {warning}")
        msg = "no AWS profile names an account (sso_account_id or role_arn) and a region"
        raise HelperError(msg, hint="name the registry: configure ACCOUNT@REGION --profile PROFILE")
    if request.is_open and not (facts.found or request.remove):
        msg = f"name a registry: {one_line(facts.config.file)} has none of ECR to begin with"
        raise click.UsageError(msg)
    store = request.is_open and is_our_helper(facts.config.store) and request.remove
    return replace(request, hosts=request.hosts | facts.found, store=request.store or store)


def _offer_fallback(
    context: CommandContext, facts: DockerFacts, request: ConfigureRequest
) -> ConfigureRequest:
    """Return the request with the present store as the fallback, if the user agrees."""
    store = facts.config.store
    decided = request.remove or request.fallback is not None or facts.fallback
    if decided or not request.store or not store or is_our_helper(store):
        return request
    msg = f"Docker's credsStore is {one_line(store)!r}, which keeps other registries' passwords"
    if not (os.isatty(protocol.STDIN) and os.isatty(protocol.STDERR)):
        hint = f"add --fallback {one_line(store)} to keep it behind this program"
        raise HelperError(msg, hint=hint)
    context.console.note(msg)
    keep = click.confirm("keep it for registries that are not ECR?", default=True, err=True)
    return replace(request, fallback=store if keep else "")
