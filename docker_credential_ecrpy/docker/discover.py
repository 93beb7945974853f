"""The registries that are named elsewhere: by AWS profiles, and by Docker's file."""

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.docker.config import AUTHS, DockerConfig, bare_host, is_our_helper
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.text.sanitize import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.aws.profiles import ProfileSummary

Hosts = dict[str, tuple[str, str]]
"""Registries, each with the profile and the role that it is to have, as in `Wanted`."""


def registries_of_profiles(given: CommandContext, *, remove: bool) -> tuple[Hosts, list[str]]:
    """Return the registry of each AWS profile, and why some profiles are left out.

    A profile that the rules lead to already is not named again. remove: whether it does not
    matter which profile it is. Raises HelperError where there is none, or the AWS settings are
    wrong.
    """
    found: dict[str, list[str]] = {}
    warnings: list[str] = []
    for profile in given.aws.profiles(given.environ):
        try:
            found.setdefault(_host(profile), []).append(profile.name)
        except ValueError as exc:
            warnings.append(f"AWS profile {one_line(profile.name)!r} is left out: {exc}")
    if not found:
        for warning in warnings:
            given.console.note(f"warning: {warning}")
        msg = "no AWS profile names an account (sso_account_id or role_arn) and a region"
        raise HelperError(msg, hint="name the registry: configure ACCOUNT@REGION --profile PROFILE")
    hosts: Hosts = {}
    for host, names in found.items():
        if remove or any(_is_chosen(given, host, name) for name in names):
            hosts[host] = ("", "")
        elif len(names) == 1:
            hosts[host] = (names[0], "")
        else:
            warnings.append(
                f"{host} is left out, since {len(names)} profiles are of it:"
                f" {', '.join(map(one_line, names))}; choose one by"
                f" 'configure {host} --profile PROFILE'"
            )
    return hosts, warnings


def _host(profile: "ProfileSummary") -> str:
    """Return the registry of an AWS profile. Raises ValueError where it does not name one."""
    if not (profile.account and profile.region):
        msg = f"it names no {'region' if profile.account else 'account'}"
        raise ValueError(msg)
    try:
        suffix = regions.dns_suffix(profile.region)
    except HelperError as exc:
        raise ValueError(str(exc)) from exc
    return f"{profile.account}.dkr.ecr.{profile.region}.{suffix}"


def _is_chosen(given: CommandContext, host: str, profile: str) -> bool:
    """Whether the rules lead to that profile already, such as one with "auto"."""
    choice = given.helper.choose(host)
    try:
        return choice is not None and given.helper.resolve(choice).profile == profile
    except HelperError:
        return False


def registries_in_config(given: CommandContext, config: DockerConfig, *, remove: bool) -> list[str]:
    """Return the registries that a file has helpers of ours for, and logins unless for `remove`.

    A login that another store keeps has an empty entry. Raises HelperError.
    """
    keys = [key for key, name in config.helpers.items() if is_our_helper(name)]
    if remove:
        return [host for key in keys if (host := bare_host(key))]
    logins = [member.key for member in config.source.members(AUTHS)]
    keys += [key for key in logins if registry.parse(key)]
    hosts = [host for key in keys if (host := bare_host(key))]
    return [host for host in hosts if registry.parse(host) or given.helper.choose(host)]
