"""`cache`: list and clear the cached tokens and logins."""

import time
from collections.abc import Iterator, Sequence

import click

from docker_credential_ecrpy.cli import mistakes
from docker_credential_ecrpy.cli.arguments import parse_image
from docker_credential_ecrpy.cli.commands.completion import registries
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, Command, Group
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import cache, identity, paths
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import lifetime, stamp
from docker_credential_ecrpy.tokens import inventory, recent

_NO_HOME = "there is no home directory"


@click.group(
    "cache",
    cls=Group,
    short_help="list or clear the cached tokens and logins",
    no_args_is_help=False,
    examples=(
        ("list", "the registry, AWS identity, file and lifetime of each"),
        (f"clear {HOST}", "remove those of one registry; the next pull calls AWS again"),
        ("clear", "remove those of all registries"),
    ),
)
def command() -> None:
    """List or clear the cached tokens and logins.

    They are the files of this user in ~/.ecr, or in AWS_ECR_CACHE_DIR.
    """


@command.command(
    "list",
    cls=Command,
    short_help="list the cached tokens and logins",
    examples=(
        ("", "the registry, AWS identity, file and lifetime of each"),
        ("--json", "print the same for a program"),
    ),
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def list_command(context: CommandContext, *, as_json: bool) -> None:
    """List the cached tokens and logins.

    Shows registry, AWS identity and lifetime, never the token. A token of an endpoint serves all
    registries of that endpoint. An entry marked "not ECR" holds no token: it records that a host
    is not ECR, so the next get skips the settings.
    """
    directory, now = paths.kept_dir(context.environ), context.helper.clock()
    try:
        records = list(inventory.list_records(directory, now)) if directory else []
    except OSError as exc:
        msg = f"{directory} cannot be read: {exc.strerror or exc}"
        hint = getattr(exc, "hint", "make it readable, or set AWS_ECR_CACHE_DIR")
        raise HelperError(msg, hint=hint, command=getattr(exc, "command", "")) from exc
    if as_json:
        entries = [_to_json(each, _name_identity(each, records, context)) for each in records]
        members = {"directory": directory or None, "entries": entries}
        context.console.say_document("cache list", members)
        return
    blocks = [
        "\n".join(_describe(record, _name_identity(record, records, context), now))
        for record in records
    ]
    if reason := _explain_no_cache(context):
        old = "; entries from before:" if records else ""
        blocks.insert(0, f"the cache is off: {reason}{old}")
    context.console.say("\n\n".join(blocks) or f"the cache is empty: {directory}")


def _explain_no_cache(context: CommandContext) -> str:
    """Return why there is no cache, or "" where there is one."""
    if context.helper.find_directory():
        return ""
    if context.environ.get("AWS_ECR_DISABLE_CACHE"):
        return "AWS_ECR_DISABLE_CACHE is set"
    home = paths.home(context.environ)
    return f"the home directory {one_line(home)} does not exist" if home else _NO_HOME


def _describe(record: inventory.CacheRecord, summary: str, now: int) -> Iterator[str]:
    name, title = one_line(record.name), record.kind
    if record.kind == inventory.ELSEWHERE:
        title = "note"
        yield f"registry   {name}: not ECR, and without a fallback"
    elif record.is_endpoint:
        yield f"endpoint   {name}: for all registries that it serves"
    else:
        yield f"registry   {name}"
    if summary:
        yield f"identity   {summary}"
    yield f"{title:<10} {one_line(record.path)}"
    notes = [f"not used: {one_line(record.problem)}"] if record.problem else []
    notes += lifetime(record.entry, now) if record.entry else []
    yield from (f"{'':<10} {note}" for note in notes)


def _name_identity(
    record: inventory.CacheRecord, records: Sequence[inventory.CacheRecord], context: CommandContext
) -> str:
    """Return the identity that an entry was fetched with, in words; "" where it has none."""
    if not record.identity or record.kind == inventory.ELSEWHERE:
        return ""
    if record.is_endpoint:
        return summarize_identity(record.identity)
    if line := inventory.find_fetcher(record, records):
        return summarize_identity(line)
    # Without the endpoint's entry, the settings say what they choose, unless they changed since.
    helper = context.helper
    try:
        if record.identity == helper.read_identity() and (choice := helper.choose(record.name)):
            return summarize_identity(helper.resolve(choice).identity(record.identity))
    except HelperError:
        pass  # the settings are invalid now
    return "not known: the settings or the environment have changed since"


def summarize_identity(line: str) -> str:
    """Return the profile, role or access key that an identity line stands for, in words.

    line: that of `rules.Choice.identity`.
    """
    values = identity.parse(line)
    source = _name_source(values)
    role = values.get("role")
    return one_line(f"role {one_line(role)} from {source}" if role else source)


def _name_source(values: dict[str, str]) -> str:
    """Return where the credentials come from: a pod's token, or else in botocore's order."""
    if "web-identity-role" in values:
        return f"service account {values.get('subject') or 'of a pod'}"
    if profile := values.get("profile"):
        return f"profile {profile}"
    if key := values.get("AWS_ACCESS_KEY_ID"):
        return f"access key {key}"
    if profile := values.get("AWS_DEFAULT_PROFILE") or values.get("AWS_PROFILE"):
        return f"profile {profile}"
    if values.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        return f"web identity role {values.get('AWS_ROLE_ARN', '')}".rstrip()
    if any(values.get(f"AWS_CONTAINER_CREDENTIALS_{kind}_URI") for kind in ("RELATIVE", "FULL")):
        return "the container's role"
    return f"the default profile, or the role of machine {values.get('machine', '')}".rstrip()


def _to_json(record: inventory.CacheRecord, summary: str) -> dict[str, object]:
    """Return the JSON of an entry. Times are ISO 8601 in UTC, and seconds since the epoch.

    summary: its identity in words, or "".
    """
    on_endpoint, line = record.is_endpoint, record.identity
    times = {name: getattr(record.entry, name, None) for name in ("written", "refresh", "expires")}
    return {
        "kind": record.kind,
        "registry": None if on_endpoint else record.name,
        "endpoint": record.name if on_endpoint else None,
        "identity": {"summary": summary, "line": line} if summary else None,
        "path": record.path,
        **{name: None if when is None else stamp(when) for name, when in times.items()},
        **{f"{name}_seconds": when and when // cache.SECOND for name, when in times.items()},
        "problem": record.problem or None,
    }


@command.command(
    "clear",
    cls=Command,
    short_help="remove cached tokens and logins",
    examples=(
        (HOST, "remove those of one registry; the next pull calls AWS again"),
        ("", "remove those of all registries"),
    ),
)
@click.argument("registry", metavar="[REGISTRY]", required=False, shell_complete=registries)
@click.pass_obj
def clear_command(context: CommandContext, registry: str | None) -> None:
    """Remove cached tokens and logins, of one registry or of all.

    Afterwards, 'list' no longer shows them. Registries of one endpoint share a token, which is
    removed too: the next pull from any of them calls AWS again. Tokens that Docker already has
    stay valid until they expire.
    """
    directory, console, started = paths.kept_dir(context.environ), context.console, time.time_ns()
    if registry is not None:
        console.say(_clear_registry(registry, directory, context, started))
        return
    if not directory:
        console.say(f"there is no cache: {_NO_HOME}")
        return
    done = inventory.clear_cache(directory, started)
    counts = {"token": done.tokens, "login": done.logins, "known host": done.hosts}
    if any(counts.values()):
        parts = (f"{count} {what if count == 1 else what + 's'}" for what, count in counts.items())
        console.say(f"removed from {directory}: {', '.join(parts)}")
    elif not done.left:
        console.say(f"the cache is empty: {directory}")
    if done.left:
        others = f", and {len(done.left) - 1} more" if len(done.left) > 1 else ""
        msg = f"some entries cannot be removed: {one_line(str(done.left[0]))}{others}"
        hint = getattr(done.left[0], "hint", f"remove them from {directory} by hand")
        raise HelperError(msg, hint=hint, command=getattr(done.left[0], "command", ""))


def _clear_registry(text: str, directory: str, context: CommandContext, started: int) -> str:
    """Remove what is cached for a registry, and return what was removed.

    Raises click.BadParameter where that is nothing, and the host only looks like ECR's.
    """
    host = parse_image(text, "REGISTRY").host
    choice = context.helper.choose(host)
    was_listed = bool(directory) and host in recent.list_hosts(directory)
    removed = context.helper.forget(host, choice.registry.endpoint if choice else "", started)
    if removed:
        return f"removed for {host}: {removed} {'entry' if removed == 1 else 'entries'}"
    if was_listed:
        return f"removed from the known hosts: {host}; no token was cached"
    if choice is None:
        mistakes.refuse_near_ecr(host)
    return f"nothing is cached for {host}"
