"""`configure`: make this program Docker's helper for registries, and choose its AWS identity."""

import os
from collections.abc import Sequence

import click

from docker_credential_ecrpy.aws import gateway, regions
from docker_credential_ecrpy.cli import offers
from docker_credential_ecrpy.cli.arguments import (
    find_profile,
    parse_registry,
    profile_option,
    refuse_empty,
    repeat_command,
)
from docker_credential_ecrpy.cli.changes import Output, say_next
from docker_credential_ecrpy.cli.commands import completion
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import Command
from docker_credential_ecrpy.cli.identity import refuse_broken_profile
from docker_credential_ecrpy.docker.config import is_our_helper
from docker_credential_ecrpy.docker.discover import (
    ConfigureRequest,
    DockerFacts,
    Hosts,
    discover,
    is_chosen,
    list_edited,
    profile_host,
    read_files,
)
from docker_credential_ecrpy.docker.plan import make_plan
from docker_credential_ecrpy.docker.undo import plan_undo, read_restorable
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import protocol, watchdog
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.settings import loader, rules
from docker_credential_ecrpy.settings.path_variables import check_paths
from docker_credential_ecrpy.text.sanitize import one_line

PUBLIC = "public.ecr.aws"
_ROLE = "arn:aws:iam::123456789012:role/puller"


@click.command(
    "configure",
    cls=Command,
    short_help="make Docker use this program for ECR registries",
    examples=(
        ("123456789012@us-east-1", "one registry, by account and region"),
        ("123456789012@us-east-1 --profile prod", "the same, with an AWS profile"),
        ("--profile prod", "the registry of that AWS profile"),
        ("--all-profiles", "the registry of each profile in ~/.aws/config"),
        ("", "in a terminal: choose from the registries in Docker's file and the AWS profiles"),
        ("--creds-store --fallback pass", "all registries; pass keeps those that are not ECR"),
        ("--remove 123456789012@us-east-1", "remove a registry"),
        ("--undo", "restore the files from before the last change"),
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
    callback=refuse_empty,
    help="The AWS profile to use; without a registry, the profile's own registry.",
    shell_complete=completion.profiles,
)
@click.option(
    "--role-arn",
    metavar="ARN",
    default="",
    callback=refuse_empty,
    help="An IAM role to assume, with the profile's or the ambient credentials.",
)
@click.option("--all-profiles", is_flag=True, help="The registry of each AWS profile.")
@click.option("--public", is_flag=True, help="ECR Public: a login raises its rate limits.")
@click.option("--creds-store", is_flag=True, help="All registries: become Docker's credsStore.")
@click.option(
    "--fallback",
    metavar="HELPER",
    help='The helper for registries that are not ECR; "" for none.',
)
@click.option("--podman", is_flag=True, help="Edit podman's auth.json, not Docker's config.json.")
@click.option("--remove", is_flag=True, help="Remove the registries, or without any, all of them.")
@click.option("--undo", is_flag=True, help="Restore the newest backup of the changed files.")
@click.option("--dry-run", is_flag=True, help="Show the changes, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the changes as one JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="Print warnings and errors only.")
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
    podman: bool,
    remove: bool,
    undo: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make Docker use this program for ECR registries, with the AWS identity to use.

    The changes are shown as a diff, then written: to Docker's config.json (in DOCKER_CONFIG, or
    ~/.docker), and for a profile, a role or a fallback, to ~/.ecr/config.toml. Old logins of these
    registries under "auths" are removed: Docker sends even expired ones, and gets 403 Forbidden.

    The previous content of each file is kept beside it, in up to three .bak files. --undo restores
    the newest; a second --undo takes the first one back. --remove also removes the rules of the
    registries and, with the last registry of an account, the rule of the account.
    """
    action = "undo" if undo else "remove" if remove else "configure"
    output = Output(context.console, action, dry_run=dry_run, as_json=as_json, quiet=quiet)
    identity = profile, role_arn
    request = ConfigureRequest({}, creds_store, fallback, remove, identity, all_profiles, podman)
    named = (*registries, PUBLIC) if public else registries
    if undo:
        if named or request != ConfigureRequest(podman=podman):
            msg = "--undo takes no registry, and only --dry-run, --podman, --json and --quiet"
            raise click.UsageError(msg)
        output.report(
            lambda: plan_undo(read_restorable(context.environ, podman=podman)),
            list_edited(context.environ, podman=podman),
            "nothing to undo: the files are as in their backups",
        )
        return
    for wrong in check_paths(context.environ):
        raise wrong
    if os.path.isfile(directory := context.environ.get("DOCKER_CONFIG", "")):
        msg = f"DOCKER_CONFIG is the file {one_line(directory)}"
        raise HelperError(
            msg, hint=f"set it to its directory, {one_line(os.path.dirname(directory))}"
        )
    _check_options(request)
    _configure(context, replace(request, hosts=_read_hosts(context, request, named)), output)


def _read_hosts(context: CommandContext, request: ConfigureRequest, named: Sequence[str]) -> Hosts:
    """Return the registries that are named, or else that of the named profile.

    Raises click.UsageError and HelperError.
    """
    if request.remove:
        return _read_hosts_to_remove(context, request, named)
    hosts = dict.fromkeys((parse_registry(text, context) for text in named), request.identity)
    for host in hosts:
        _check_host(context, host)
    profile = request.identity[0]
    if profile:
        own = _check_profile(context, profile, is_alone=not hosts)
        hosts = hosts or {own: request.identity}
        if profile != rules.AUTO:
            refuse_broken_profile(context, next(iter(hosts)), profile)
    return hosts


def _check_host(context: CommandContext, host: str) -> None:
    """Raise click.BadParameter for an ECR host with a wrong region; warn of one that may be new."""
    wrong = regions.find_wrong_host(host)
    if wrong and wrong.is_sure:
        msg = f"{wrong.reason}; {wrong.hint}"
        raise click.BadParameter(msg, param_hint="REGISTRY")
    if wrong:
        context.console.note(f"warning: {wrong.reason}; unless it is new, {wrong.hint}")


def _read_hosts_to_remove(
    context: CommandContext, request: ConfigureRequest, named: Sequence[str]
) -> Hosts:
    """Return the registries that are named.

    Raises HelperError, and click.UsageError for an unknown profile or for an identity other than
    that of a named registry: the command would remove what was not meant.
    """
    profile, role_arn = request.identity
    hosts = dict.fromkeys((parse_registry(text, context) for text in named), request.identity)
    rule_profiles = [rule.profile for rule in context.helper.load_settings().rules]
    if profile and profile not in rule_profiles:
        find_profile(profile, context)
    for host in hosts:
        choice = context.helper.choose(host)
        if choice is None or not (choice.profile or choice.role):
            continue
        if profile and not is_chosen(context.helper, host, profile):
            msg = f"{host} does not use AWS profile {one_line(profile)!r}; leave --profile out"
            raise click.BadParameter(msg, param_hint="--profile")
        if role_arn and not (choice.role and choice.role.arn == role_arn):
            msg = f"{host} does not use the role {one_line(role_arn)}; leave --role-arn out"
            raise click.BadParameter(msg, param_hint="--role-arn")
    return hosts


def _configure(context: CommandContext, request: ConfigureRequest, output: Output) -> None:
    """Do what a request asks for. Raises HelperError and click.UsageError."""
    profiles, credentials = gateway.list_profiles, gateway.find_local_credentials
    facts = discover(request, context.helper, profiles, credentials)
    may_ask = not output.as_json and os.isatty(protocol.STDIN) and os.isatty(protocol.STDERR)
    try:
        chosen = _name_registries(context, facts, request, may_ask=may_ask)
        if chosen is None:
            context.console.note("nothing was written")
            return
        request = _offer_fallback(context, facts, chosen, may_ask=may_ask)
    except click.Abort:
        context.console.note("\nnothing was written")  # below the question
        raise
    unneeded = "not configured" if request.remove else "already configured"
    output.report(
        lambda: make_plan(read_files(facts, request), request),
        list_edited(context.environ, podman=request.podman),
        f"{unneeded}: nothing to change",
    )
    if not (request.remove or output.dry_run or output.as_json or output.quiet):
        host = next(iter(request.hosts), "<registry>")
        client = "podman" if request.podman else "docker"
        pull = f"{client} pull {host}/<repository>:<tag>"
        say_next(context.console, pull, f"{context.name} doctor <image>")


def _check_options(request: ConfigureRequest) -> None:
    """Raise click.UsageError for invalid values, and for options that exclude each other."""
    role_arn, fallback = request.identity[1], request.fallback
    if role_arn and not rules.ROLE_ARN.fullmatch(role_arn):
        msg = f"{one_line(role_arn)!r} is not the ARN of an IAM role; write it such as {_ROLE}"
        raise click.BadParameter(msg, param_hint="--role-arn")
    if fallback and is_our_helper(fallback):
        msg = f"{one_line(fallback)!r} is this program; name the helper for other registries"
        raise click.BadParameter(msg, param_hint="--fallback")
    if fallback and not loader.is_helper_name(fallback):
        name = fallback.removeprefix(loader.HELPER_PREFIX)
        example = name if loader.is_helper_name(name) else "pass"
        msg = f"{one_line(fallback)!r} is not a credential helper; write its program name without"
        msg += f" {loader.HELPER_PREFIX}, such as --fallback {example}"
        raise click.BadParameter(msg, param_hint="--fallback")
    if request.all_profiles and any(request.identity):
        msg = "--all-profiles chooses the profiles: leave --profile and --role-arn out"
        raise click.UsageError(msg)
    if request.podman and request.store:
        msg = "podman has no credsStore: name the registries, and leave --creds-store out"
        raise click.UsageError(msg)


def _check_profile(context: CommandContext, name: str, *, is_alone: bool) -> str:
    """Return the registry of an AWS profile, if that is all the command names, or else "".

    Raises click.UsageError for no profile of that name, or one without a registry; HelperError.
    """
    typed = f"{context.name} configure"
    option = profile_option(name)
    if name == rules.AUTO:
        if is_alone:
            msg = f"{option} needs a registry; run: {typed} <account>@<region> {option}"
            raise click.UsageError(msg)
        return ""
    profile = find_profile(name, context)
    if not is_alone:
        return ""
    try:
        return profile_host(profile)
    except HelperError as exc:
        known = f"{profile.account or '<account>'}@{profile.region or '<region>'}"
        hint = exc.hint or (f"run: {typed} {known} {option}" if option else "name the registry")
        msg = f"AWS profile {one_line(name)!r} has no registry to use: {exc.message}; {hint}"
        raise click.UsageError(msg) from exc


def _name_registries(
    context: CommandContext, facts: DockerFacts, request: ConfigureRequest, *, may_ask: bool
) -> ConfigureRequest | None:
    """Return the request with its registries, from AWS profiles, Docker's file or the user.

    Returns None where the user stops. Raises click.UsageError for no registry.
    """
    if facts.found is None:
        for warning in facts.left_out:
            context.console.note(f"warning: {warning}")
        msg = "no AWS profile names an account (sso_account_id or role_arn) and a region"
        msg += "; name the registry:"
        msg += f" {context.name} configure <account>@<region> --profile <profile>"
        raise click.UsageError(msg)
    if request.is_open and not request.remove:
        if may_ask and facts.offers:
            return offers.ask_registries(context, facts, request)
        chosen = replace(request, hosts=facts.found)
        typed = repeat_command(click.get_current_context())
        if not facts.found and not facts.offers:
            raise click.UsageError(offers.explain_nothing_found(facts, typed))
        if not may_ask and (facts.offers or make_plan(facts, chosen).needed):
            raise click.UsageError(offers.list_commands(facts, typed))
    takes_store = request.is_open and request.remove and not any(request.identity)
    store = takes_store and is_our_helper(facts.config.store)
    return replace(request, hosts=request.hosts | facts.found, store=request.store or store)


def _offer_fallback(
    context: CommandContext, facts: DockerFacts, request: ConfigureRequest, *, may_ask: bool
) -> ConfigureRequest:
    """Return the request with the present store as the fallback, if the user agrees.

    Raises click.UsageError where the user cannot be asked.
    """
    store = facts.config.store
    decided = request.remove or request.fallback is not None or facts.fallback
    if decided or not request.store or not store or is_our_helper(store):
        return request
    msg = f"credsStore {one_line(store)!r} keeps the passwords of other registries"
    if not may_ask:
        msg += f"; add --fallback {one_line(store)} to keep it behind this program"
        raise click.UsageError(msg)
    context.console.note(msg)
    with watchdog.Paused():
        keep = click.confirm("keep it for registries that are not ECR?", default=True, err=True)
    return replace(request, fallback=store if keep else "")
