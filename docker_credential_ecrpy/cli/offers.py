"""Bare `configure`: the question on a terminal, and the commands to type where there is none."""

import re
import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import click

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.docker.config import shown_key
from docker_credential_ecrpy.docker.discover import ConfigureRequest, DockerFacts, Hosts, Offer
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.text.sanitize import one_line

_QUIT = "q"


def ask_registries(
    context: CommandContext, facts: DockerFacts, request: ConfigureRequest
) -> ConfigureRequest | None:
    """Return the request with the registries that the user chooses; None to stop.

    Enter chooses the registries in Docker's file. Raises click.Abort at end of input.
    """
    file = one_line(facts.config.file)
    context.console.note("registries that are not configured yet:")
    widest = max(len(offer.host) for offer in facts.offers)
    for number, offer in enumerate(facts.offers, 1):
        context.console.note(f"{number:3}  {offer.host:<{widest}}  {_describe(offer, file)}")
    by_default = [str(n) for n, offer in enumerate(facts.offers, 1) if not offer.profile]
    while True:
        answer = click.prompt(
            f"which ones? numbers such as 1,3; {_QUIT} to stop",
            default=",".join(by_default) or _QUIT,
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
    for word in re.findall(r"[^\s,]+", answer):
        if not (word.isascii() and word.isdigit() and 1 <= int(word) <= len(offers)):
            msg = f"{one_line(word)!r} is not a number in the list; type 1 to {len(offers)}"
            raise ValueError(msg)
        offer = offers[int(word) - 1]
        identity = offer.profile, role_arn
        if hosts.setdefault(offer.host, identity) != identity:
            msg = f"{offer.host} is chosen twice, with two identities; choose one of them"
            raise ValueError(msg)
    if not hosts:
        msg = f"type a number, 1 to {len(offers)}"
        raise ValueError(msg)
    return hosts


def list_commands(facts: DockerFacts, command: str) -> str:
    """Return the error without a terminal to choose on: a command for each registry that is found.

    command: what was typed.
    """
    found = facts.offers or [Offer(host) for host in facts.found or ()]
    lines = [
        f"  {command} --profile {shlex.quote(one_line(offer.profile))}"
        if offer.profile
        else f"  {command} {_shorten(offer.host)}"
        for offer in found
    ]
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
    return f"name a registry: {file} has no ECR registry; run: {command} <account>@<region>"
