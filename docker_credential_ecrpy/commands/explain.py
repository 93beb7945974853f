"""Cold layer: `explain`: which rule, identity, endpoint and cache entry a registry leads to."""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from docker_credential_ecrpy import cache, paths, protocol, registry
from docker_credential_ecrpy.errors import HelperError, one_line
from docker_credential_ecrpy.helper import Helper
from docker_credential_ecrpy.rules import Choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.aws_outlook import Outlook

DOCKER_HUB = "index.docker.io"
_OF_HUB = re.compile(
    r"[a-z0-9]+([._/-]+[a-z0-9]+)*(:\w[\w.-]*)?(@[\w+.-]+:[0-9a-fA-F]+)?", re.ASCII
)
_EXAMPLES = """\
examples:
  {name} 123456789012.dkr.ecr.us-east-1.amazonaws.com
  {name} 123456789012.dkr.ecr.us-east-1.amazonaws.com/team/app:1
  {name} --check images.example.com

It reads the settings and the cache, and asks nobody; with --check, AWS is asked
who the identity is.
"""
_HOUR = 3600


@dataclass(frozen=True)
class Aws:
    """What is asked of `aws_outlook`, within the time that there is."""

    outlook: Callable[[Choice], "Outlook"]
    caller: Callable[[Choice], str]


def run(arguments: Sequence[str], name: str, helper: Helper, aws: Aws) -> int:
    """Print what a registry leads to, line by line; return the exit code.

    Raises HelperError where the rest cannot be told; what was printed before is so.
    """
    parser = argparse.ArgumentParser(
        f"{name} explain",
        description="Say which AWS identity is used for a registry, and why.",
        epilog=_EXAMPLES.format(name=f"{name} explain"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("registry", metavar="REGISTRY|IMAGE", help="a registry's host, or an image")
    parser.add_argument("--check", action="store_true", help="ask AWS who the identity is")
    chosen = parser.parse_args(arguments)
    host = host_of(chosen.registry)
    if not host:
        parser.error(f"{one_line(chosen.registry)!r} names no registry and no image")
    for title, text in _explained(host, helper, aws, check=chosen.check):
        protocol.send(f"{title:<10} {text}\n".encode(errors="backslashreplace"))
    return protocol.OK


def host_of(text: str) -> str:
    """Return the host of a registry's address or an image's name, or "" where it has none.

    A name whose first part cannot be a host is Docker Hub's, as it is to Docker.
    https://pkg.go.dev/github.com/distribution/reference
    """
    first, slash, _ = text.partition("/")
    name = first.partition("@")[0].partition(":")[0]
    if "://" in text or "." in name or name == "localhost" or (":" in first and slash):
        host = registry.host_of(text)
        return DOCKER_HUB if host == "docker.io" else host
    return DOCKER_HUB if _OF_HUB.fullmatch(text) else ""


def _explained(host: str, helper: Helper, aws: Aws, *, check: bool) -> Iterator[tuple[str, str]]:
    settings = helper.settings
    choice = helper.choose(host)
    yield "registry", _registry(host, choice)
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
        yield "answer", _elsewhere(helper)
        return
    if choice.chosen_at and choice.chosen_at.line == 0:
        yield "variable", str(choice.chosen_at)
    choice = helper.resolve(choice)
    yield from _cached(choice, helper)
    try:
        outlook = aws.outlook(choice)
    except HelperError as exc:
        if not choice.registry.public:
            raise
        yield "identity", f"none, and pulls work without: {one_line(str(exc))}"
        return
    yield "identity", outlook.source
    yield "region", choice.registry.region
    yield "endpoint", outlook.endpoint
    if check:
        if sys.stderr.isatty():
            protocol.send(b"asking AWS ...\r", protocol.STDERR)
        yield "caller", aws.caller(choice)


def _registry(host: str, choice: Choice | None) -> str:
    if choice is None:
        return f"{host}: not an ECR registry"
    found = choice.registry
    whose = f"account {found.account}" if found.account else "ECR Public"
    if choice.rule and choice.rule.registry:
        return f"{host}: stands for {choice.rule.registry.host}, {whose}"
    return f"{host}: {whose}"


def _elsewhere(helper: Helper) -> str:
    other = helper.other
    if other is None:
        return f'"{protocol.NOT_FOUND}": clients go on without credentials'
    return f"that of {other.path()}, the fallback of {other.place}"


# --- the cache --------------------------------------------------------------------------------


def _cached(choice: Choice, helper: Helper) -> Iterator[tuple[str, str]]:
    directory, host = helper.directory, choice.registry.host
    if not directory:
        yield "cache", "none is kept"
        return
    now = helper.clock()
    places = {
        "a login, which answers until it expires": helper.login_place(directory, choice),
        "a token for this host": cache.token_place(directory, host, helper.ambient),
        "a token of its endpoint, which will serve": cache.token_place(
            directory, choice.registry.endpoint, choice.identity(helper.ambient)
        ),
    }
    for what, (path, subject) in places.items():
        try:
            entry = cache.read(path, subject, now)
        except cache.Miss as exc:
            if os.path.lexists(path):
                yield "cache", f"{path}: not used: {exc}"
            continue
        yield "cache", f"{what}:"
        yield "", path
        yield "", f"kept since {_moment(entry.written, now)}"
        if entry.refresh < entry.expires:
            yield "", f"to be renewed from {_moment(entry.refresh, now)}"
        yield "", f"expires at {_moment(entry.expires, now)}"
        return
    yield "cache", f"nothing for it in {os.path.join(directory, paths.TOKENS)}"


def _moment(when: int, now: int) -> str:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when // cache.SECOND))
    seconds = abs(when - now) // cache.SECOND
    hours, minutes = seconds // _HOUR, seconds % _HOUR // 60
    span = f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{seconds} s"
    return f"{stamp} ({span} ago)" if when <= now else f"{stamp} (in {span})"
