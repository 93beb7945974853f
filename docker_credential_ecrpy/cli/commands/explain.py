"""`explain`: which rule, identity, endpoint and cache entry a registry leads to."""

import os
from collections.abc import Iterator

import click

from docker_credential_ecrpy.cli.arguments import parse_image
from docker_credential_ecrpy.cli.commands.completion import registries
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, Command
from docker_credential_ecrpy.doctor.probes import gateway
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.helper.timeout import read_timeout
from docker_credential_ecrpy.hot import paths, protocol
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import lifetime


@click.command(
    "explain",
    cls=Command,
    short_help="say which rule, identity, endpoint and cache entry a registry has",
    examples=(
        (HOST, "what a pull from there would use"),
        ("--check images.example.com/team/app:1", "and who AWS says that is"),
    ),
)
@click.argument("registry", metavar="REGISTRY|IMAGE", shell_complete=registries)
@click.option("--check", is_flag=True, help="Ask AWS who the identity is.")
@click.pass_obj
def command(context: CommandContext, registry: str, *, check: bool) -> None:
    """Say which AWS identity is used for a registry, and why.

    It reads the settings and the cache, and asks nobody; with --check, AWS is asked who the
    identity is.
    """
    host = parse_image(registry, "REGISTRY|IMAGE").host
    for title, text in _describe(host, context, check=check):
        context.console.say(f"{title:<10} {text}")


def _describe(host: str, context: CommandContext, *, check: bool) -> Iterator[tuple[str, str]]:
    helper, settings = context.helper, context.helper.load_settings()
    choice = helper.choose(host)
    yield "registry", _describe_registry(host, choice)
    if choice and choice.rule:
        rule = choice.rule
        yield "rule", f'{rule.place}: match = "{rule.pattern.text}"'
    elif settings.rules:
        yield "rule", f"none of the {len(settings.rules)} in {settings.file} matches"
    elif settings.file:
        there = os.path.exists(settings.file)
        yield "rule", f"none: {settings.file} {'has none' if there else 'is not there'}"
    else:
        yield "rule", "none: there is no home directory to look in"
    if choice is None:
        yield "answer", _describe_fallback(helper)
        return
    if choice.chosen_at and choice.chosen_at.line == 0:
        yield "variable", str(choice.chosen_at)
    choice = helper.resolve(choice)
    yield from _describe_cache(choice, helper)
    try:
        preview = gateway.preview(choice, read_timeout(helper.environ), helper.log)
    except HelperError as exc:
        if not choice.registry.public:
            raise
        yield "identity", f"none, and pulls work without: {one_line(str(exc))}"
        return
    yield "identity", preview.source
    yield "region", choice.registry.region
    yield "endpoint", preview.endpoint
    if check:
        with context.console.show_progress("asking AWS"):
            caller = gateway.identify_caller(choice, read_timeout(helper.environ), helper.log)
        yield "caller", caller.arn


def _describe_registry(host: str, choice: Choice | None) -> str:
    if choice is None:
        return f"{host}: not an ECR registry"
    found = choice.registry
    whose = f"account {found.account}" if found.account else "ECR Public"
    if choice.rule and choice.rule.registry:
        return f"{host}: stands for {choice.rule.registry.host}, {whose}"
    return f"{host}: {whose}"


def _describe_fallback(helper: Helper) -> str:
    other = helper.find_fallback()
    if other is None:
        return f'"{protocol.NOT_FOUND}": clients go on without credentials'
    return f"that of {other.path()}, the fallback of {other.place}"


def _describe_cache(choice: Choice, helper: Helper) -> Iterator[tuple[str, str]]:
    if not helper.find_directory():
        yield "cache", "none is kept"
        return
    found = helper.find_cached(choice)
    for miss in found.misses:
        if os.path.lexists(miss.place.path):
            yield "cache", f"{miss.place.path}: not used: {miss.reason}"
    hit = found.first
    if hit is None:
        yield "cache", f"nothing for it in {os.path.join(helper.find_directory(), paths.TOKENS)}"
        return
    yield "cache", f"{hit.kind.value}:"
    for text in (hit.path, *lifetime(hit.entry, helper.clock())):
        yield "", text
