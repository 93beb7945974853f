"""`cache`: what is kept on this machine, and how it is forgotten."""

import ast
import json
import re
from collections.abc import Iterator

import click

from docker_credential_ecrpy.cli.arguments import parse_image
from docker_credential_ecrpy.cli.commands.completion import registries
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, Command
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import lifetime, stamp
from docker_credential_ecrpy.tokens import inventory, recent
from docker_credential_ecrpy.tokens.inventory import CacheRecord

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
# A part of an identity line as `identity.line` and `Choice.identity` write it.
_PART = re.compile(
    rf"(?P<name>[\w-]+|{_QUOTED}|external id|session name)(?:=(?P<value>{_QUOTED})|~\w+|:\S+)"
)
_NO_HOME = "there is no home directory"
_OF_A_ROLE = ("external id", "session name", "duration")


@click.group(
    "cache",
    short_help="list what is kept on this machine, or forget it",
    no_args_is_help=False,
)
def command() -> None:
    """List the tokens and logins that are kept on this machine, or forget them."""


# --- list -------------------------------------------------------------------------------------


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
def list_command(given: CommandContext, *, as_json: bool) -> None:
    """List the tokens and logins that are kept, with whose and how old they are; never the token.

    A token of an endpoint is one that all registries share which it serves. A name that is
    nobody's is one that neither ECR nor the fallback is asked for.
    """
    directory, console = paths.kept_dir(given.environ), given.console
    now = given.helper.clock()
    found = _everything(directory, now)
    if as_json:
        console.say_as_is(json.dumps([_fields(listed) for listed in found], indent=2))
        return
    none = _why_none(given)
    if none:
        before = "; this was, before that:" if found else ""
        console.say(f"none is kept: {none}{before}")
    elif not found:
        console.say(f"nothing is kept in {directory}")
    for number, listed in enumerate(found):
        if number or none:
            console.say()
        for title, text in _block(listed, now):
            console.say(f"{title:<10} {text}")


def _everything(directory: str, now: int) -> list[CacheRecord]:
    try:
        return list(inventory.list_records(directory, now)) if directory else []
    except OSError as exc:
        msg = f"{directory} cannot be read: {exc.strerror or exc}"
        raise HelperError(msg, hint="make it yours to read, or set AWS_ECR_CACHE_DIR") from exc


def _why_none(given: CommandContext) -> str:
    """Return why there is no cache, or "" where there is one."""
    if given.helper.find_directory():
        return ""
    if given.environ.get("AWS_ECR_DISABLE_CACHE"):
        return "AWS_ECR_DISABLE_CACHE is set"
    home = paths.home(given.environ)
    return f"the home directory {one_line(home)} is not there" if home else _NO_HOME


def _block(listed: CacheRecord, now: int) -> Iterator[tuple[str, str]]:
    name = one_line(listed.name)
    if listed.kind == inventory.ELSEWHERE:
        yield "registry", f"{name}: nobody's, neither ECR's nor the fallback's"
    elif _is_endpoint(listed):
        yield "endpoint", f"{name}: for all registries that it serves"
    else:
        yield "registry", name
    if listed.identity:
        yield "identity", _readable(listed.identity)
    title = "login" if listed.kind == inventory.LOGIN else "token"
    yield title if listed.kind != inventory.ELSEWHERE else "kept", one_line(listed.path)
    if listed.problem:
        yield "", f"not used: {one_line(listed.problem)}"
    if listed.entry is not None:
        for text in lifetime(listed.entry, now):
            yield "", text


def _is_endpoint(listed: CacheRecord) -> bool:
    return "@" in listed.name


def _readable(identity: str) -> str:
    """Return what a person can read of an identity line: variables, machine, profile and role.

    The stamps of files and the digests of secrets are left out.
    """
    shown = []
    for part in _PART.finditer(identity):
        name, value = part["name"], part["value"]
        if value is None or name in _OF_A_ROLE:
            continue
        name = ast.literal_eval(name) if name[0] in "'\"" else name
        shown.append(f"{one_line(name)}={value}")
    return ", ".join(shown) or "no variable of AWS's is set"


def _fields(listed: CacheRecord) -> dict[str, object]:
    """Return what --json says of an entry; times are ISO 8601 in UTC, and seconds of the epoch."""
    entry, on_endpoint = listed.entry, _is_endpoint(listed)
    times = {"written": None, "refresh": None, "expires": None}
    if entry:
        times |= {name: getattr(entry, name) for name in times}
    return {
        "kind": listed.kind,
        "registry": None if on_endpoint else listed.name,
        "endpoint": listed.name if on_endpoint else None,
        "identity": listed.identity or None,
        "path": listed.path,
        **{name: None if when is None else stamp(when) for name, when in times.items()},
        **{
            f"{name}_seconds": None if when is None else when // cache.SECOND
            for name, when in times.items()
        },
        "problem": listed.problem or None,
    }


# --- clear ------------------------------------------------------------------------------------


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
def clear_command(given: CommandContext, registry: str | None) -> None:
    """Forget the tokens and logins of a registry, or of all, and that they were asked for.

    With a registry's, the token goes that it shares with others of its endpoint: they ask AWS
    anew, too. A token that was given out already stays good until it expires.
    """
    if registry is not None:
        given.console.say(_cleared(registry, given))
        return
    directory = paths.kept_dir(given.environ)
    if not directory:
        given.console.say(f"nothing is kept: {_NO_HOME}")
        return
    done = inventory.clear_cache(directory)
    counts = (
        _counted(done.tokens, "token"),
        _counted(done.logins, "login"),
        _counted(done.hosts, "known host"),
    )
    if done.tokens or done.logins or done.hosts:
        given.console.say(f"forgotten in {directory}: {', '.join(counts)}")
    elif not done.left:
        given.console.say(f"nothing is kept in {directory}")
    if done.left:
        others = f", and {len(done.left) - 1} more" if len(done.left) > 1 else ""
        msg = f"not all of it can be removed: {one_line(done.left[0])}{others}"
        raise HelperError(msg, hint=f"remove it from {directory} by hand")


def _cleared(text: str, given: CommandContext) -> str:
    """Forget what is kept for a registry, and return what to say of that."""
    host = parse_image(text, "REGISTRY").host
    choice = given.helper.choose(host)
    directory = paths.kept_dir(given.environ)
    was_listed = bool(directory) and host in recent.hosts(directory)
    gone = given.helper.forget(host, choice.registry.endpoint if choice else "")
    if gone:
        return f"forgotten for {host}: {_counted(gone, 'entry', 'entries')}"
    if was_listed:
        return f"forgotten for {host}: that it was asked for; no token was kept"
    return f"nothing is kept for {host}"


def _counted(number: int, what: str, several: str = "") -> str:
    return f"{number} {what if number == 1 else several or what + 's'}"
