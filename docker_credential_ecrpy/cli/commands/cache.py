"""`cache`: list and clear what is kept on this machine."""

import json
from collections.abc import Iterator

import click

from docker_credential_ecrpy.cli.arguments import parse_image
from docker_credential_ecrpy.cli.commands.completion import registries
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, Command
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import cache, identity, paths
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import lifetime, stamp
from docker_credential_ecrpy.tokens import inventory, recent

_NO_HOME = "there is no home directory"
_OF_A_ROLE = ("external id", "session name", "duration")


@click.group(
    "cache", short_help="list what is kept on this machine, or forget it", no_args_is_help=False
)
def command() -> None:
    """List the tokens and logins that are kept on this machine, or forget them."""


@command.command(
    "list",
    cls=Command,
    short_help="list the tokens and logins that are kept",
    examples=(
        ("", "whose they are, for what, and until when"),
        ("--json", "the same for a program, with all of the identity"),
    ),
)
@click.option("--json", "as_json", is_flag=True, help="As a list of JSON objects.")
@click.pass_obj
def list_command(context: CommandContext, *, as_json: bool) -> None:
    """List the tokens and logins that are kept, with whose and how old they are; never the token.

    A token of an endpoint is one that all registries share which it serves. A name that is
    nobody's is one that neither ECR nor the fallback is asked for.
    """
    directory, now = paths.kept_dir(context.environ), context.helper.clock()
    try:
        records = list(inventory.list_records(directory, now)) if directory else []
    except OSError as exc:
        msg = f"{directory} cannot be read: {exc.strerror or exc}"
        raise HelperError(msg, hint="make it yours to read, or set AWS_ECR_CACHE_DIR") from exc
    if as_json:
        fields = [_json_fields(record) for record in records]
        context.console.say_as_is(json.dumps(fields, indent=2))
        return
    blocks = ["\n".join(_describe(record, now)) for record in records]
    none = _why_none(context)
    if none:
        blocks.insert(0, f"none is kept: {none}{'; this was, before that:' if records else ''}")
    context.console.say("\n\n".join(blocks) or f"nothing is kept in {directory}")


def _why_none(context: CommandContext) -> str:
    """Return why there is no cache, or "" where there is one."""
    if context.helper.find_directory():
        return ""
    if context.environ.get("AWS_ECR_DISABLE_CACHE"):
        return "AWS_ECR_DISABLE_CACHE is set"
    home = paths.home(context.environ)
    return f"the home directory {one_line(home)} is not there" if home else _NO_HOME


def _describe(record: inventory.CacheRecord, now: int) -> Iterator[str]:
    name, title = one_line(record.name), record.kind
    if record.kind == inventory.ELSEWHERE:
        title = "kept"
        yield f"registry   {name}: nobody's, neither ECR's nor the fallback's"
    elif _is_endpoint(record):
        yield f"endpoint   {name}: for all registries that it serves"
    else:
        yield f"registry   {name}"
    if record.identity:
        yield f"identity   {_readable(record.identity)}"
    yield f"{title:<10} {one_line(record.path)}"
    notes = [f"not used: {one_line(record.problem)}"] if record.problem else []
    notes += lifetime(record.entry, now) if record.entry else []
    yield from (f"{'':<10} {note}" for note in notes)


def _is_endpoint(record: inventory.CacheRecord) -> bool:
    return "@" in record.name


def _readable(line: str) -> str:
    """Return an identity line without the stamps of files and the digests of secrets."""
    shown = [
        f"{one_line(name)}={value!a}"
        for name, value in identity.parse(line).items()
        if name not in _OF_A_ROLE
    ]
    return ", ".join(shown) or "no variable of AWS's is set"


def _json_fields(record: inventory.CacheRecord) -> dict[str, object]:
    """Return what --json says of a file; times are ISO 8601 in UTC, and seconds of the epoch."""
    on_endpoint = _is_endpoint(record)
    times = {name: getattr(record.entry, name, None) for name in ("written", "refresh", "expires")}
    return {
        "kind": record.kind,
        "registry": None if on_endpoint else record.name,
        "endpoint": record.name if on_endpoint else None,
        "identity": record.identity or None,
        "path": record.path,
        **{name: None if when is None else stamp(when) for name, when in times.items()},
        **{f"{name}_seconds": when and when // cache.SECOND for name, when in times.items()},
        "problem": record.problem or None,
    }


@command.command(
    "clear",
    cls=Command,
    short_help="forget what is kept",
    examples=(
        (HOST, "its tokens and logins; the next pull asks AWS anew"),
        ("", "those of all registries"),
    ),
)
@click.argument("registry", metavar="[REGISTRY]", required=False, shell_complete=registries)
@click.pass_obj
def clear_command(context: CommandContext, registry: str | None) -> None:
    """Forget the tokens and logins of a registry, or of all, and that they were asked for.

    With a registry's, the token goes that it shares with others of its endpoint: they ask AWS
    anew, too. A token that was given out already stays good until it expires.
    """
    directory, console = paths.kept_dir(context.environ), context.console
    if registry is not None:
        console.say(_forget_registry(registry, directory, context))
        return
    if not directory:
        console.say(f"nothing is kept: {_NO_HOME}")
        return
    done = inventory.clear_cache(directory)
    counts = {"token": done.tokens, "login": done.logins, "known host": done.hosts}
    if any(counts.values()):
        parts = (f"{count} {what if count == 1 else what + 's'}" for what, count in counts.items())
        console.say(f"forgotten in {directory}: {', '.join(parts)}")
    elif not done.left:
        console.say(f"nothing is kept in {directory}")
    if done.left:
        others = f", and {len(done.left) - 1} more" if len(done.left) > 1 else ""
        msg = f"not all of it can be removed: {one_line(done.left[0])}{others}"
        raise HelperError(msg, hint=f"remove it from {directory} by hand")


def _forget_registry(text: str, directory: str, context: CommandContext) -> str:
    """Forget what is kept for a registry, and return what to say of that."""
    host = parse_image(text, "REGISTRY").host
    choice = context.helper.choose(host)
    was_listed = bool(directory) and host in recent.list_hosts(directory)
    gone = context.helper.forget(host, choice.registry.endpoint if choice else "")
    if gone:
        return f"forgotten for {host}: {gone} {'entry' if gone == 1 else 'entries'}"
    if was_listed:
        return f"forgotten for {host}: that it was asked for; no token was kept"
    return f"nothing is kept for {host}"
