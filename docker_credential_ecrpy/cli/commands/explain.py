"""`explain`: the rule, AWS identity, endpoint and cache entry of a registry."""

import os
from collections.abc import Iterator

import click

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.cli import mistakes
from docker_credential_ecrpy.cli.arguments import find_name_error, parse_image
from docker_credential_ecrpy.cli.commands.completion import registries
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, Command, verbose_option
from docker_credential_ecrpy.doctor.fixes import names
from docker_credential_ecrpy.doctor.fixes.profiles import (
    ProfileFix,
    suggest_profile,
)
from docker_credential_ecrpy.doctor.probes import gateway
from docker_credential_ecrpy.errors import HelperError, NoCredentials
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.helper.timeout import read_timeout
from docker_credential_ecrpy.hot import cache, paths, protocol
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.settings.loader import Settings
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import lifetime, stamp
from docker_credential_ecrpy.tokens.lookup import CacheHit, LookupResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.doctor.probes.aws import Preview
    from docker_credential_ecrpy.helper.fallback import Fallback

_NO_HOME = "there is no home directory"


@click.command(
    "explain",
    cls=Command,
    short_help="show the rule, identity, endpoint and cache entry of a registry",
    examples=(
        (HOST, "show what a pull from there uses; makes no network call"),
        ("--check images.example.com/team/app:1", "also ask AWS STS for the identity's ARN"),
        (f"--json {HOST}", "print the same for a program"),
    ),
)
@click.argument("registry", metavar="REGISTRY|IMAGE", shell_complete=registries)
@click.option("--check", is_flag=True, help="Ask AWS STS for the ARN of the identity.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@verbose_option
@click.pass_obj
def command(context: CommandContext, registry: str, *, check: bool, as_json: bool) -> None:
    """Show the rule, identity, endpoint and cache entry of a registry.

    Says which AWS identity a registry gets its token with, and why. Reads the settings and the
    cache, and makes no network call without --check. Exits with 1 if a pull would fail for what is
    found here, such as an AWS profile that does not exist.
    """
    image = parse_image(registry, "REGISTRY|IMAGE")
    found = _explain(image.host, context, check=check)
    if (wrong := regions.find_wrong_host(image.host)) and wrong.is_sure:
        found.error = HelperError(wrong.reason, hint=wrong.hint)
    name_error = find_name_error(image, context)
    if image.names_registry and not names.is_harmless(image):
        found.error = name_error or found.error
    if as_json:
        context.console.say_document("explain", _to_json(found, context.helper))
    elif found.settings:
        for title, text in _describe(found, found.settings, context.helper):
            context.console.say(f"{title:<10} {text}")
    if found.error:
        raise found.error
    if name_error:  # the image may be Docker Hub's
        context.console.note(f"note: {name_error}")


@dataclass
class _Explanation:
    """What is known of a registry, as far as the first error.

    settings: None if they, or variables, are invalid. choice: None for a registry that is not ECR.
    preview: None if there is no identity; `reason` says why, where ECR Public works without one.
    caller: the ARN, or "". other: AWS profiles of the registry's account, if the identity is of
    another account, or of one that no file names.
    """

    host: str
    settings: Settings | None = None
    choice: Choice | None = None
    fallback: "Fallback | None" = None
    cached: LookupResult | None = None
    preview: "Preview | None" = None
    reason: str = ""
    caller: str = ""
    other: ProfileFix | None = None
    error: HelperError | None = None

    @property
    def variable(self) -> str:
        """The environment variable that chooses the identity, or ""."""
        place = self.choice.chosen_at if self.choice else None
        return str(place) if place and place.line == 0 else ""


def _explain(host: str, context: CommandContext, *, check: bool) -> _Explanation:
    """Return what is known of a registry.

    Raises click.BadParameter for a host that only looks like ECR's.
    """
    found = _Explanation(host)
    try:
        _search(found, context, check=check)
    except HelperError as exc:
        found.error = exc
    return found


def _search(found: _Explanation, context: CommandContext, *, check: bool) -> None:
    """Fill in what is known of a registry, and log each step. Raises as `_explain`, HelperError."""
    helper = context.helper
    helper.log(f"settings: {paths.config_file(helper.environ) or _NO_HOME}")
    settings = helper.load_settings()
    count = len(settings.rules)
    helper.log(f"settings: {count} rule{'s' * (count != 1)}")
    choice = helper.choose(found.host)
    found.settings, found.choice = settings, choice
    helper.log(f"rule: {_describe_rule(choice, settings)}")
    if choice is None:
        mistakes.refuse_near_ecr(found.host)
        fallback = helper.find_fallback()
        helper.log(f"fallback: {fallback.program if fallback else 'none'}")
        if fallback:
            fallback.path()
        found.fallback = fallback
        return
    if found.variable:
        helper.log(f"variable: {found.variable}")
    found.choice = choice = helper.resolve(choice)
    found.cached = helper.find_cached(choice) if helper.find_directory() else None
    for line in _describe_search(found.cached):
        helper.log(f"cache: {line}")
    _preview(found, choice, context, check=check)


def _describe_search(cached: LookupResult | None) -> Iterator[str]:
    """Yield the result of the lookup in each place of the cache."""
    if cached is None:
        yield "off"
        return
    for miss in cached.misses:
        yield f"no {miss.place.kind.name.lower()} entry for {miss.place.name}: {miss.reason}"
    if cached.first:
        yield f"{cached.first.kind.value}: {cached.first.path}"


def _preview(found: _Explanation, choice: Choice, context: CommandContext, *, check: bool) -> None:
    """Find the identity, and with `check` its ARN. Raises HelperError."""
    helper = context.helper
    try:
        found.preview = gateway.preview(choice, read_timeout(helper.environ), helper.log)
    except HelperError as exc:
        if not choice.registry.public:
            other = _suggest(found, choice, "", context) if isinstance(exc, NoCredentials) else None
            if other is None:
                raise
            hint = f"{other.fix}; run: {other.command}"
            raise HelperError(exc.message, hint=hint, command=other.command) from exc
        found.reason = one_line(str(exc))
        return
    found.other = _suggest(found, choice, found.preview.account, context)
    if check:
        with context.console.show_progress("calling AWS STS"):
            caller = gateway.identify_caller(choice, read_timeout(helper.environ), helper.log)
        found.caller = caller.arn
        found.other = _suggest(found, choice, caller.account, context)


def _suggest(
    found: _Explanation, choice: Choice, account: str, context: CommandContext
) -> ProfileFix | None:
    return suggest_profile(found.host, choice, account, context.environ)


def _describe(found: _Explanation, settings: Settings, helper: Helper) -> Iterator[tuple[str, str]]:
    """Yield titles and texts; a text without a title belongs to the one before."""
    yield "registry", _describe_registry(found)
    yield "rule", _describe_rule(found.choice, settings)
    if found.choice is None:
        if not found.error:
            yield "answer", _describe_fallback(found.fallback)
        return
    if found.variable:
        yield "variable", found.variable
    if found.cached or not helper.find_directory():
        yield from _describe_cache(found.cached, helper)
    if found.reason:
        yield "identity", f"none; public images can be pulled without: {found.reason}"
    if found.preview:
        yield "identity", found.preview.summary
        yield "region", found.choice.registry.region
        yield "endpoint", found.preview.endpoint
    if found.caller:
        yield "caller", found.caller
    if found.other:
        yield "profile", found.other.fix
        yield "", found.other.command


def _describe_registry(found: _Explanation) -> str:
    choice = found.choice
    if choice is None:
        return f"{found.host}: not an ECR registry"
    account = choice.registry.account
    owner = f"account {account}" if account else "ECR Public"
    if choice.rule and choice.rule.registry:
        return f"{found.host}: private name of {choice.rule.registry.host}, {owner}"
    return f"{found.host}: {owner}"


def _describe_rule(choice: Choice | None, settings: Settings) -> str:
    if choice and (rule := choice.rule):
        return f'{rule.place}: match = "{rule.pattern.text}"'
    if settings.rules:
        count = len(settings.rules)
        rules = "the only rule" if count == 1 else f"the {count} rules"
        return f"none: {rules} in {settings.file} {'does' if count == 1 else 'do'} not match"
    if settings.file:
        exists = os.path.exists(settings.file)
        return f"none: {settings.file} {'has no rule' if exists else 'does not exist'}"
    return f"none: {_NO_HOME}"


def _describe_fallback(fallback: "Fallback | None") -> str:
    if fallback is None:
        return f'"{protocol.NOT_FOUND}": clients then pull without credentials'
    return f"from {fallback.path()}, the fallback in {fallback.place}"


def _describe_cache(cached: LookupResult | None, helper: Helper) -> Iterator[tuple[str, str]]:
    if cached is None:
        yield "cache", "off"
        return
    for path, reason in _list_unused(cached):
        yield "cache", f"{path}: not used: {reason}"
    hit = cached.first
    if hit is None:
        yield "cache", f"no entry in {os.path.join(helper.find_directory(), paths.TOKENS)}"
        return
    yield "cache", f"{hit.kind.value}:"
    for text in (hit.path, *lifetime(hit.entry, helper.clock())):
        yield "", text


def _list_unused(cached: LookupResult) -> list[tuple[str, str]]:
    """Return path and reason of each file that exists and is not used."""
    misses = [(miss.place.path, miss.reason) for miss in cached.misses]
    return [(path, reason) for path, reason in misses if os.path.lexists(path)]


def _to_json(found: _Explanation, helper: Helper) -> dict[str, object]:
    """Return the members of the document: docs/schemas/explain.schema.json."""
    choice, fallback = found.choice, found.fallback
    rule = choice.rule if choice else None
    members: dict[str, object] = {"host": found.host, "registry": None, "rule": None}
    if choice:
        behind = rule.registry if rule and rule.registry else choice.registry
        members["registry"] = {
            "host": behind.host,
            "account": behind.account or None,
            "public": behind.public,
        }
    if rule and found.settings:
        place = {"file": found.settings.file, "line": rule.place.line}
        members["rule"] = {**place, "match": rule.pattern.text}
    return {
        **members,
        "variable": found.variable or None,
        "fallback": fallback and {"program": fallback.path(), "place": str(fallback.place)},
        "cache": choice and _cache_to_json(found.cached, helper),
        "identity": found.preview.summary if found.preview else None,
        "reason": found.reason or None,
        "region": choice.registry.region if choice else None,
        "endpoint": found.preview.endpoint if found.preview else None,
        "caller": found.caller or None,
        "profile_fix": found.other and found.other.command,
        "error": found.error and _error_to_json(found.error),
    }


def _error_to_json(error: HelperError) -> dict[str, str | None]:
    return {
        "message": error.message,
        "hint": error.hint or None,
        "command": error.command or None,
    }


def _cache_to_json(cached: LookupResult | None, helper: Helper) -> dict[str, object]:
    unused = _list_unused(cached) if cached else []
    return {
        "directory": helper.find_directory() or None,
        "entry": _hit_to_json(cached.first) if cached and cached.first else None,
        "unused": [{"path": path, "reason": reason} for path, reason in unused],
    }


def _hit_to_json(hit: CacheHit) -> dict[str, object]:
    times = {name: getattr(hit.entry, name) for name in ("written", "refresh", "expires")}
    return {
        "kind": hit.kind.name.lower(),
        "path": hit.path,
        **{name: stamp(when) for name, when in times.items()},
        **{f"{name}_seconds": when // cache.SECOND for name, when in times.items()},
    }
