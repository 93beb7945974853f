"""Bare `configure`: the question on a terminal, and the commands to type where there is none."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

import click

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.cli.arguments import profile_option
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.docker.config import shown_key
from docker_credential_ecrpy.docker.discover import ConfigureRequest, DockerFacts, Hosts, Offer
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry, watchdog
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.text.sanitize import one_line

_ALL = "all"
_QUIT = "q"
_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?", re.ASCII)


def ask_registries(
    context: CommandContext, facts: DockerFacts, request: ConfigureRequest
) -> ConfigureRequest | None:
    """Return the request with the registries that the user chooses; None to stop.

    Enter chooses the registries in Docker's file. Raises click.Abort at end of input.
    """
    file = one_line(facts.config.file)
    context.console.note("registries to configure:")
    widest = max(len(offer.host) for offer in facts.offers)
    for number, offer in enumerate(facts.offers, 1):
        context.console.note(f"{number:3}  {offer.host:<{widest}}  {_describe(offer, file)}")
    in_file = sum(not offer.profile for offer in facts.offers)  # these come first
    by_default = _ALL if in_file == len(facts.offers) else f"1-{in_file}" if in_file > 1 else "1"
    while True:
        with watchdog.Paused():
            answer = click.prompt(
                f"which ones? numbers such as 1,3-5; {_ALL}; {_QUIT} to stop",
                default=by_default if in_file else _QUIT,
                err=True,
            )
        if answer.strip().lower() in (_QUIT, "quit", "no", "n"):
            return None
        try:
            hosts = _choose(answer, facts.offers, request.identity[1])
        except ValueError as exc:
            context.console.note(str(exc))
            continue
        return replace(request, hosts=hosts)


def _describe(offer: Offer, file: str) -> str:
    if offer.profile:
        return f"AWS profile {one_line(offer.profile)!r}"
    key = shown_key(offer.key)
    return f"in {file}" if key == offer.host else f"in {file} as {key}"


def _choose(answer: str, offers: Sequence[Offer], role_arn: str) -> Hosts:
    """Return the registries that an answer names. Raises ValueError, with the text to show."""
    hosts: Hosts = {}
    for number in _read_numbers(answer, len(offers)):
        offer = offers[number - 1]
        identity = offer.profile, role_arn
        if hosts.setdefault(offer.host, identity) != identity:
            msg = f"{offer.host} is chosen twice, with two identities; choose one of them"
            raise ValueError(msg)
    if not hosts:
        msg = f"type a number, 1 to {len(offers)}"
        raise ValueError(msg)
    return hosts


def _read_numbers(answer: str, count: int) -> Iterator[int]:
    """Yield the numbers in an answer: numbers and ranges of 1 to `count`, or all of them.

    Raises ValueError, with the text to show.
    """
    if answer.strip().lower() == _ALL:
        yield from range(1, count + 1)
        return
    for word in re.findall(r"[^\s,]+", answer):
        match = _RANGE.fullmatch(word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= count:
            msg = f"{one_line(word)!r} is not a number in the list; type 1 to {count}"
            raise ValueError(msg)
        yield from range(first, last + 1)


def list_commands(facts: DockerFacts, command: str) -> str:
    """Return the error without a terminal to choose on: a command for each registry that is found.

    command: what was typed.
    """
    found = facts.offers or [Offer(host) for host in facts.found or ()]
    named = [profile_option(at.profile) if at.profile else _shorten(at.host) for at in found]
    lines = [f"  {command} {name}" for name in named if name]
    text = "no registry is named, and there is no terminal to choose on; run one of:"
    return "\n".join((text, *dict.fromkeys(lines)))


def _shorten(host: str) -> str:
    """Return `<account>@<region>` for the host that it stands for, and any other host unchanged."""
    with suppress(HelperError):  # the region is unknown
        found = registry.parse(host)
        if found and found.account and regions.make_host(found.account, found.region) == host:
            return f"{found.account}@{found.region}"
    return host


def explain_nothing_found(facts: DockerFacts, command: str) -> str:
    """Return the error where nothing says which registry to configure; command: what was typed."""
    file = one_line(facts.config.file)
    where = f"no ECR registry in {file}" if facts.config.data is not None else f"no {file}"
    text = f"{where}, and no AWS profile with an account and a region"
    return f"found {text}; run: {command} <account>@<region>"
