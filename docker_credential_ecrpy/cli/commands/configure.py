"""`configure`: Docker is told to ask this program, and this program whom to be."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

import click

from docker_credential_ecrpy.cli.arguments import parse_registry
from docker_credential_ecrpy.cli.commands import completion
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import Command
from docker_credential_ecrpy.docker import diff, discover, installed_helpers
from docker_credential_ecrpy.docker.config import (
    HELPER_NAMES,
    DockerConfig,
    auth_file_paths,
    config_path,
    default_store,
    is_our_helper,
)
from docker_credential_ecrpy.docker.installed_helpers import InstalledHelper
from docker_credential_ecrpy.docker.json_document import JsonDocument
from docker_credential_ecrpy.docker.plan import ConfigureRequest, Plan, Planner
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import (
    Rewrite,
    check_replaceable,
    read_backups,
    read_user_file,
    replace_file,
)
from docker_credential_ecrpy.hot import paths, protocol
from docker_credential_ecrpy.settings import rules
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
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
    default=None,
    help='The credential helper for registries that are not ECR; "" for none.',
)
@click.option("--remove", is_flag=True, help="Take all that away again.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--podman", is_flag=True, help="In podman's auth.json, not Docker's config.json.")
@click.pass_obj
def command(
    given: CommandContext,
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
    who = (profile, role_arn)
    config, others = _files(given.environ, podman=podman)
    hosts = dict.fromkeys((parse_registry(text, given) for text in registries), who)
    if public:
        hosts[PUBLIC] = who
    warnings: list[str] = []
    if all_profiles:
        found, warnings = discover.registries_of_profiles(given, remove=remove)
        hosts |= found
    elif not (hosts or creds_store or fallback is not None):
        hosts = _of_config(given, config, who, remove=remove)
        creds_store = remove and is_our_helper(config.store)
    wanted = _offer_fallback(given, config, ConfigureRequest(hosts, creds_store, fallback, remove))
    program = installed_helpers.preferred_helper(given.environ)
    plan = plan_of(given, config, others, wanted, program.name)
    plan.warnings += _unread(config, plan)
    if not remove:
        plan.warnings += _not_found(program, given.environ)
        plan.warnings += _missing(given, wanted, profile)
    written = carry_out(given, plan, dry_run=dry_run)
    if not written and not plan.needed:
        given.console.say("nothing to change: it is so already")
    for warning in warnings + plan.warnings:
        given.console.note(f"warning: {warning}")


def _of_config(
    given: CommandContext, config: DockerConfig, who: tuple[str, str], *, remove: bool
) -> dict[str, tuple[str, str]]:
    """Return the registries that the file itself names. Raises click.UsageError for none."""
    hosts = dict.fromkeys(discover.registries_in_config(given, config, remove=remove), who)
    if not (hosts or remove):
        msg = f"name a registry: {one_line(config.file)} has none of ECR to begin with"
        raise click.UsageError(msg)
    return hosts


def plan_of(
    given: CommandContext,
    config: DockerConfig,
    others: list[DockerConfig],
    wanted: ConfigureRequest,
    helper: str,
) -> Plan:
    """Return what has to change. Raises HelperError where that cannot be done."""
    file = paths.config_file(given.environ)
    if file == os.devnull:  # it says that there are no settings
        file = ""
    settings = Rewrite(file, read_user_file(file) if file else None, b"")
    fallback = given.helper.load_settings().fallback
    planner = Planner(
        config,
        others,
        settings,
        fallback.text if fallback else "",
        helper,
        installed_helpers.answering_names(given.environ),
        given.helper.clock(),
        read_backups(config.file) if wanted.remove else [],
        _elsewhere(given.environ, config) if wanted.remove else [],
        default_store(given.environ) if config.is_dockers else "",
    )
    return planner.work_out(wanted)


def carry_out(given: CommandContext, plan: Plan, *, dry_run: bool) -> bool:
    """Show the plan, and make it so unless it is a dry run; return whether anything was written.

    Raises HelperError, and then what was not yet written is as it was.
    """
    console = given.console
    for rewrite in plan.needed:
        for line in diff.render(rewrite, console.width):
            style = {"+": "good", "-": "bad"}.get(line[:1], "")
            console.say_as_is(line, style if line[:3] not in ("+++", "---") else "strong")
    for note in plan.notes:
        console.say(f"note: {note}")
    if dry_run:
        if plan.needed:
            console.say("nothing was written (--dry-run)")
        return False
    for rewrite, backup in written(plan):
        before = f"; what was there before: {backup}" if backup else ""
        console.say(f"written: {rewrite.file}{before}")
    return bool(plan.needed)


def written(plan: Plan) -> Iterator[tuple[Rewrite, str]]:
    """Write the files of a plan; yield each, and the path of its backup or "", when it is done.

    Raises HelperError, before anything is written where that can be.
    """
    for rewrite in plan.needed:
        check_replaceable(rewrite)
    for rewrite in reversed(plan.needed):  # our rules first: they do nothing alone
        yield rewrite, replace_file(rewrite)


def _check_values(role_arn: str, fallback: str | None) -> None:
    """Raise click.BadParameter for values that can only be a mistake."""
    if role_arn and not rules.ROLE_ARN.fullmatch(role_arn):
        msg = f"{one_line(role_arn)!r} is not such as arn:aws:iam::123456789012:role/puller"
        raise click.BadParameter(msg, param_hint="--role-arn")
    if fallback and is_our_helper(fallback):
        msg = f"{one_line(fallback)!r} is this program: name the one for other registries"
        raise click.BadParameter(msg, param_hint="--fallback")


def _files(environ: Mapping[str, str], *, podman: bool) -> tuple[DockerConfig, list[DockerConfig]]:
    """Return the file to change, and others that clients read before it."""
    if not podman:
        return DockerConfig.load(config_path(environ)), []
    *before, last = auth_file_paths(environ)
    return DockerConfig.load(last), [DockerConfig.load(path) for path in before]


def _elsewhere(environ: Mapping[str, str], config: DockerConfig) -> list[str]:
    """Return the registries that this program answers for by the files of other clients."""
    files = [config_path(environ)]
    if config.is_dockers:
        files = auth_file_paths(environ)
    found: list[str] = []
    for file in files:
        try:
            helpers = DockerConfig.load(file).helpers
        except HelperError:
            continue  # its client cannot read it, either
        found += [key for key, helper in helpers.items() if is_our_helper(helper)]
    return found


def _offer_fallback(
    given: CommandContext, config: DockerConfig, wanted: ConfigureRequest
) -> ConfigureRequest:
    """Return what is wanted once it is plain what becomes of the store that there is."""
    store = config.store
    if wanted.remove or not wanted.store or not store or is_our_helper(store):
        return wanted
    if wanted.fallback is not None or given.helper.load_settings().fallback:
        return wanted
    if not (os.isatty(protocol.STDIN) and os.isatty(protocol.STDERR)):
        msg = f"Docker's credsStore is {one_line(store)!r}, which keeps other registries' passwords"
        raise HelperError(
            msg, hint=f"add --fallback {one_line(store)} to keep it behind this program"
        )
    given.console.note(
        f"Docker's credsStore is {one_line(store)!r}, which keeps other registries' passwords"
    )
    keep = click.confirm("keep it for registries that are not ECR?", default=True, err=True)
    return replace(wanted, fallback=store if keep else "")


def _unread(config: DockerConfig, plan: Plan) -> list[str]:
    """Return what keeps Docker from reading the file even after the plan."""
    after = plan.rewrites[0].after
    problems = DockerConfig(config.file, after, JsonDocument(config.file, after)).problems
    file = one_line(config.file)
    return [f"{file}: {it}: docker reads nothing of the file; mend that by hand" for it in problems]


def _not_found(program: InstalledHelper, environ: Mapping[str, str]) -> list[str]:
    """Return what keeps Docker from running this program, by one or both of its names."""
    problem = installed_helpers.problem(program, environ)
    if problem:
        return [f"{problem.seen}: {problem.command or problem.fix}"]
    other = installed_helpers.find_helper(HELPER_NAMES[0], environ)
    problem = installed_helpers.problem(other, environ) if other.paths else None
    return [f"{problem.seen}, so Docker is told of {program.name!r}"] if problem else []


def _missing(given: CommandContext, wanted: ConfigureRequest, profile: str) -> list[str]:
    """Return what is named and is not there."""
    found: list[str] = []
    if wanted.fallback and not installed_helpers.find_helper(wanted.fallback, given.environ).paths:
        name = HELPER_PREFIX + wanted.fallback
        found.append(f"{name} is not on PATH, so nothing answers for registries that are not ECR")
    if profile and profile != rules.AUTO:
        try:
            names = [known.name for known in given.aws.profiles(given.environ)]
        except HelperError as exc:
            return [*found, str(exc)]
        if profile not in names:
            found.append(f"AWS profile {one_line(profile)!r} is not in the AWS config file")
    return found
