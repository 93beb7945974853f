"""How users name a registry or an AWS profile."""

import re
import shlex
from collections.abc import Iterator

import click
from click.core import ParameterSource

from docker_credential_ecrpy.aws import gateway, regions
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.mistakes import not_ecr
from docker_credential_ecrpy.docker.config import DockerConfig, bare_host, config_path
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.doctor.fixes import names
from docker_credential_ecrpy.doctor.machine import list_registries, read_machine
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.sanitize import fits_line, one_line
from docker_credential_ecrpy.text.suggestion import suggest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.aws.profiles import ProfileSummary

_DIGEST = re.compile(r"[a-z0-9+._-]+:[0-9a-fA-F]{32,}", re.ASCII)  # of an image
_MOST_NAMED = 8  # AWS profiles in one sentence

_Pair = tuple[str, str]  # an account and a region


def parse_registry(text: str, context: CommandContext) -> str:
    """Return the host of `<account>@<region>`, a registry's address or an image, with its port.

    Raises click.BadParameter unless it is ECR's or a rule's private name, and HelperError for
    invalid rules.
    """
    image = parse_image(text, "REGISTRY")
    if context.helper.choose(image.host) is not None:
        if error := find_name_error(image, context):
            context.console.note(f"warning: {error}")
        key = bare_host(expand_account(text).strip())
        return key if key.partition(":")[0] == image.host else image.host
    if image.names_registry:
        raise not_ecr(image.host)
    error = find_name_error(image, context) or names.explain_no_registry(image, ())
    raise click.BadParameter(str(error), param_hint="REGISTRY")


def find_name_error(image: Image, context: CommandContext) -> HelperError | None:
    """Return why Docker's pull by this name fails, or is surely not the one that was meant.

    An image without a registry may be meant where Docker runs this program for Docker Hub too.
    """
    if image.names_registry and not image.mistake and image.key in ("", image.host):
        return None
    machine = read_machine(context.helper)
    if image.names_registry:
        return names.explain_name(image, machine)
    hosts = [] if names.runs_for_hub(machine) else list_registries(context.helper, machine)
    return names.explain_no_registry(image, hosts) if hosts else None


def parse_image(text: str, argument: str) -> Image:
    """Return the registry or image that a text names. Raises click.BadParameter for neither.

    argument: what the command's usage calls it.
    """
    image = Image.parse(expand_account(text))
    if not (image.host and image.names_registry) and (meant := _suggest_name(text)):
        msg = f"{one_line(text)!r} names no registry; did you mean {meant}?"
        raise click.BadParameter(msg, param_hint=argument)
    if not image.host and (lower := Image.parse(text.lower())).host:
        first = one_line(text.partition("/")[0])
        msg = f"docker takes {first!r} for a registry; in lower case, it is {lower.name}"
        raise click.BadParameter(msg, param_hint=argument)
    if not image.host:
        or_image = " and no image" if "IMAGE" in argument else ""
        msg = f"{one_line(text)!r} names no registry{or_image}"
        raise click.BadParameter(msg, param_hint=argument)
    secrets.spare(registry.parse_host(image.host))
    return image


def _suggest_name(text: str) -> str:
    """Return the registry, or the image, that a text with an account and a region was meant to be.

    Such as the ARN of a repository. Returns "" for another text.
    """
    host, path = regions.suggest_host(text), text.partition(":repository/")[2]
    return one_line(f"{host}/{path}") if host and path else host


def expand_account(text: str) -> str:
    """Return `<account>@<region>` as the host that it stands for, and any other text unchanged.

    Raises click.BadParameter for an invalid account or region, and for one without the other.
    """
    first = re.split("[/:@]", text.strip(), maxsplit=1)[0]
    rest = text.strip()[len(first) :]
    joined = first.replace("-", "")  # AWS's console shows an account id as 1234-5678-9012
    first = joined if registry.is_account(joined) else first
    account, at, region = f"{first}{rest}".partition("@")
    try:
        if regions.is_region(first) and not at:
            raise _explain_missing(text, "", first, rest)
        if first != account and registry.is_account(first) and not regions.suggest_host(text):
            raise _explain_missing(text, first, "", rest)
        if not account.isdigit() or _DIGEST.fullmatch(region):
            return text
        name = re.split("[/:]", region, maxsplit=1)[0]
        if name != region:
            if not registry.is_account(account):
                return text
            raise _explain_rest(_account_host(account, name), region[len(name) :])
        if registry.is_account(account) and not at:
            raise _explain_missing(text, account, "", "")
        return _account_host(account, region)
    except HelperError as exc:
        raise click.BadParameter(str(exc), param_hint="ACCOUNT@REGION") from exc


def _explain_rest(host: str, rest: str) -> HelperError:
    """Return the error for `<account>@<region>` with a port or a path. rest: these."""
    msg = f"a {'port' if rest.startswith(':') else 'path'} needs the registry's host name"
    return HelperError(msg, hint=f"write {host}{one_line(rest)}")


def _account_host(account: str, region: str) -> str:
    if not registry.is_account(account):
        digits = registry.ACCOUNT_DIGITS
        msg = f"an account id has {digits} digits, and {one_line(account)} has {len(account)}"
        raise HelperError(msg)
    host = regions.make_host(account, region)
    if registry.parse(host) is None:
        msg = f"{one_line(region)!r} is not a region"
        raise HelperError(msg)
    return host


def _explain_missing(text: str, account: str, region: str, rest: str) -> HelperError:
    """Return the error for an account without a region, or the reverse.

    rest: what follows them, such as the path of an image. Where the machine's files name one such
    registry, it has the command to type.
    """
    what = "region" if account else "account"
    path = one_line(rest) if rest.startswith("/") else ""
    hint = "write" if path else f"add the {what}:"
    hint += f" {_write_pair(account, region, path)}"
    click_context = click.get_current_context(silent=True)
    context = click_context.find_object(CommandContext) if click_context else None
    if click_context and context and (pair := _find_pair(account, region, context)):
        command = repeat_command(click_context, text, _write_pair(*pair, path))
        hint += f", such as: {command}" if command else ""
    return HelperError(f"{account or region} names no {what}", hint=hint)


def _write_pair(account: str, region: str, path: str) -> str:
    """Return how to write an account and a region, "" for an unknown one, before a path."""
    account = account or "<account>"
    if not path:
        return f"{account}@{region or '<region>'}"
    host = f"{account}.dkr.ecr.<region>.amazonaws.com"
    return (regions.make_host(account, region) if region else host) + path


def _find_pair(account: str, region: str, context: CommandContext) -> _Pair | None:
    """Return the one registry with this account or region that the machine's files name, if any."""
    for list_pairs in (_list_configured, _list_of_profiles, _list_default):
        try:
            pairs = {(at or account, of) for at, of in list_pairs(context)}
        except HelperError:
            continue  # without an example, the error that it is for is still complete
        found = {at for at in pairs if all(at) and (at[0] == account or at[1] == region)}
        if found:
            return found.pop() if len(found) == 1 else None
    return None


def _list_configured(context: CommandContext) -> Iterator[_Pair]:
    config = DockerConfig.load(config_path(context.environ))
    for key in (*config.helpers, *(login.key for login in config.logins)):
        if (found := registry.parse(key)) and regions.is_region(found.region):
            yield found.account, found.region


def _list_of_profiles(context: CommandContext) -> Iterator[_Pair]:
    for profile in gateway.list_profiles(context.environ):
        if profile.account and regions.is_region(profile.region):
            yield profile.account, profile.region


def _list_default(context: CommandContext) -> Iterator[_Pair]:
    region = regions.default_region(context.environ)
    if regions.is_region(region):
        yield "", region


def repeat_command(context: click.Context, wrong: str = "", right: str = "") -> str:
    """Return the command as the user typed it, with another text in the place of an argument.

    Returns "" for a command that cannot be printed.
    """
    words = [context.command_path]
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params.get(name)
        values = value if isinstance(value, tuple) else (value,)
        if isinstance(parameter, click.Option):
            words.append(parameter.opts[-1])
            values = () if parameter.is_flag else values
        words += [right if each == wrong else shlex.quote(str(each)) for each in values]
    command = " ".join(words)
    return command if fits_line(command) else ""


def find_profile(name: str, context: CommandContext) -> "ProfileSummary":
    """Return an AWS profile. Raises click.BadParameter for none, and HelperError."""
    profiles = gateway.list_profiles(context.environ)
    for profile in profiles:
        if profile.name == name:
            return profile
    names = [profile.name for profile in profiles]
    hint = "name one that exists"
    if near := suggest(name, names):
        hint = f"did you mean {one_line(near)!r}?"
    elif option := profile_option(name):
        hint = f"run: aws configure sso {option}"
    if names and len(names) <= _MOST_NAMED:
        hint += f" (profiles: {', '.join(map(one_line, names))})"
    msg = f"{gateway.describe_unknown_profile(name)}; {hint}"
    raise click.BadParameter(msg, param_hint="--profile")


def profile_option(name: str) -> str:
    """Return `--profile <name>` quoted for a shell, or "" for a name that cannot be printed."""
    return f"--profile {shlex.quote(name)}" if fits_line(name) else ""


def refuse_empty(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """Return the value of an option. Raises click.BadParameter for a given one that is empty.

    A variable of a script may be unset: as if the option were missing, the command would do more.
    """
    source = context.get_parameter_source(parameter.name or "")
    if source is ParameterSource.COMMANDLINE and not value.strip():
        msg = "it is empty; name one, or leave the option out"
        raise click.BadParameter(msg, param_hint=parameter.opts[0])
    return value
