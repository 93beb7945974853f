"""Reads what `configure` needs from this machine."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.docker import config as docker_config
from docker_credential_ecrpy.docker.config import AUTHS, HELPER_NAMES, DockerConfig
from docker_credential_ecrpy.docker.installed_helpers import find_helper, find_problem
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import read_backups, read_user_file
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import paths, registry
from docker_credential_ecrpy.settings.rules import AUTO
from docker_credential_ecrpy.text.sanitize import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.aws.profiles import ProfileSummary

Hosts = dict[str, tuple[str, str]]
"""Registries, each with its AWS profile and role; "" for none."""
Profiles = Callable[[Mapping[str, str]], "list[ProfileSummary]"]
"""Returns the AWS profiles of an environment; called only where needed."""


@dataclass(frozen=True)
class ConfigureRequest:
    """What the user asks for.

    store: become Docker's credsStore, for all registries. fallback: the credential helper for
    other registries; None where the user names none. identity: the AWS profile and role to use,
    also for registries from Docker's file. all_profiles: the registry of each AWS profile.
    podman: edit podman's files.
    """

    hosts: Hosts = field(default_factory=dict)
    store: bool = False
    fallback: str | None = None
    remove: bool = False
    identity: tuple[str, str] = ("", "")
    all_profiles: bool = False
    podman: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nothing is named, so that the registries are those of Docker's file."""
        named = self.hosts or self.store or self.all_profiles
        return not named and self.fallback is None


@dataclass(frozen=True)
class DockerFacts:
    """What `configure` reads on this machine.

    config: the file that gets the helpers. others: files that its client reads before it.
    helper, answering, helper_warning: as `find_program` returns them.
    settings_file, settings: our own; "" for no place for them, None for no file.
    fallback: the helper that they name, or "". now: nanoseconds since the epoch (UTC).
    found: the registries of the AWS profiles or Docker's file, where the request leaves them open;
    None where no AWS profile has one. left_out: why AWS profiles are left out.
    installed: the helpers on PATH, of those that may be the fallback.
    For a removal, backups: earlier contents of `config`, the last first; elsewhere: the
    registries that other clients' files have this program for.
    """

    config: DockerConfig
    helper: str
    answering: Sequence[str]
    helper_warning: str = ""
    others: Sequence[DockerConfig] = ()
    settings_file: str = ""
    settings: bytes | None = None
    fallback: str = ""
    now: int = 0
    found: Hosts | None = field(default_factory=dict)
    left_out: Sequence[str] = ()
    profile_problem: str = ""
    installed: Sequence[str] = ()
    default_store: str = ""
    backups: Sequence[bytes] = ()
    elsewhere: Sequence[str] = ()


def discover(request: ConfigureRequest, helper: Helper, profiles: Profiles) -> DockerFacts:
    """Return the facts for a request. Raises HelperError for what cannot be read."""
    environ = helper.environ
    *first, last = _list_files(environ, podman=request.podman)
    config, *others = map(DockerConfig.load, (last, *first))
    found: Hosts | None = {}
    left_out: list[str] = []
    if request.all_profiles:
        found, left_out = _find_by_profiles(profiles(environ), helper, remove=request.remove)
    elif request.is_open:
        found = dict.fromkeys(_find_in_config(request, helper, config), request.identity)
    file = paths.config_file(environ)
    if file == os.devnull:  # it means no settings
        file = ""
    settings = read_user_file(file) if file else None
    fallback = helper.load_settings().fallback
    names = filter(None, (request.fallback, config.store))
    return DockerFacts(
        config,
        *find_program(environ),
        others,
        file,
        settings,
        fallback.text if fallback else "",
        helper.clock(),
        found,
        left_out,
        _find_profile_problem(request, environ, profiles),
        [name for name in names if find_helper(name, environ).paths],
        docker_config.default_store(environ) if config.is_dockers else "",
        read_backups(config.file) if request.remove else (),
        _find_elsewhere(environ, config) if request.remove else (),
    )


def _list_files(environ: Mapping[str, str], *, podman: bool) -> list[str]:
    if podman:
        return docker_config.auth_file_paths(environ)
    return [docker_config.config_path(environ)]


def find_program(environ: Mapping[str, str]) -> tuple[str, list[str], str]:
    """Return what Docker's file is to call this program, by what there is on PATH.

    Then those of our names under which Docker finds it, and not another program; and what keeps
    Docker from running it, or "".
    """
    found = [find_helper(name, environ) for name in HELPER_NAMES]
    ours = [program for program in found if program.is_ours()]
    program = (ours or found)[0]
    warning = ""
    if problem := find_problem(program, environ):
        warning = f"{problem.seen}: {problem.command or problem.fix}"
    elif found[0].paths and (problem := find_problem(found[0], environ)):
        warning = f"{problem.seen}, so Docker is told of {program.name!r}"
    return program.name, [program.name for program in ours], warning


def _find_by_profiles(
    profiles: Sequence["ProfileSummary"], helper: Helper, *, remove: bool
) -> tuple[Hosts | None, list[str]]:
    """Return the registry of each AWS profile (None for none), and why some are left out.

    Registries to remove, or whose rules choose their profile already, get none.
    """
    names: dict[str, list[str]] = {}
    left_out: list[str] = []
    for profile in profiles:
        try:
            names.setdefault(_build_host(profile), []).append(profile.name)
        except HelperError as exc:
            left_out.append(f"AWS profile {one_line(profile.name)!r} is left out: {exc}")
    hosts: Hosts = {}
    for host, those in names.items():
        if remove or any(_is_chosen(helper, host, name) for name in those):
            hosts[host] = ("", "")
        elif len(those) == 1:
            hosts[host] = (those[0], "")
        else:
            left_out.append(
                f"{host} is left out, since {len(those)} profiles are of it:"
                f" {', '.join(map(one_line, those))}; choose one by"
                f" 'configure {host} --profile PROFILE'"
            )
    return hosts if names else None, left_out


def _build_host(profile: "ProfileSummary") -> str:
    """Return the registry of an AWS profile. Raises HelperError where it does not name one."""
    if not (profile.account and profile.region):
        msg = f"it names no {'region' if profile.account else 'account'}"
        raise HelperError(msg)
    suffix = regions.dns_suffix(profile.region)
    return f"{profile.account}.dkr.ecr.{profile.region}.{suffix}"


def _is_chosen(helper: Helper, host: str, profile: str) -> bool:
    """Whether the rules choose that profile already, such as one with "auto"."""
    choice = helper.choose(host)
    try:
        return choice is not None and helper.resolve(choice).profile == profile
    except HelperError:
        return False


def _find_in_config(request: ConfigureRequest, helper: Helper, config: DockerConfig) -> list[str]:
    """Return the registries of our helpers in a file, and unless for a removal, of its logins."""
    keys = config.our_keys
    if not request.remove:  # entries count also when empty: a store has their logins
        keys += [m.key for m in config.source.members(AUTHS) if registry.parse(m.key)]
    hosts = [host for key in keys if (host := docker_config.bare_host(key))]
    return [h for h in hosts if request.remove or registry.parse(h) or helper.choose(h)]


def _find_profile_problem(
    request: ConfigureRequest, environ: Mapping[str, str], profiles: Profiles
) -> str:
    """Return what is wrong with the AWS profile that is named, or ""."""
    name = request.identity[0]
    if request.remove or name in ("", AUTO):
        return ""
    try:
        known = any(profile.name == name for profile in profiles(environ))
    except HelperError as exc:
        return str(exc)
    return "" if known else f"AWS profile {one_line(name)!r} is not in the AWS config file"


def _find_elsewhere(environ: Mapping[str, str], config: DockerConfig) -> list[str]:
    """Return the registries that the files of other clients have this program for."""
    found: list[str] = []
    for file in _list_files(environ, podman=config.is_dockers):
        with suppress(HelperError):  # of a file that its client cannot read, either
            found += DockerConfig.load(file).our_keys
    return found
