"""What `configure` has to know of this machine, each file and PATH read once."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.docker.config import (
    AUTHS,
    HELPER_NAMES,
    DockerConfig,
    auth_file_paths,
    bare_host,
    config_path,
    default_store,
    is_our_helper,
)
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
"""Registries, each with the AWS profile and the role to use for it ("" for neither)."""
Profiles = Callable[[Mapping[str, str]], "list[ProfileSummary]"]


@dataclass(frozen=True)
class ConfigureRequest:
    """What the user asks for.

    store: whether all registries are meant, by credsStore.
    fallback: the credential helper for other registries; None where nothing was said of it.
    remove: whether all that is to be taken away.
    identity: the AWS profile and the role that are named, also for registries of Docker's file.
    all_profiles: whether the registry of each AWS profile is meant. podman: whether its files are.
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
        """Whether the registries are those of Docker's file, since nothing else is named."""
        named = self.hosts or self.store or self.all_profiles
        return not named and self.fallback is None


@dataclass(frozen=True)
class DockerFacts:
    """What there is on this machine.

    config: the file that gets the helpers. others: files whose logins go before its helpers.
    helper, answering, helper_warning: as `find_program` returns them.
    settings_file, settings: our own; "" for no place for them, None for no file.
    fallback: the credential helper that they name, or "". now: nanoseconds since the epoch (UTC).
    found: the registries that the request leaves to the AWS profiles, or to Docker's file; None
    where no AWS profile names one. left_out: why AWS profiles are left out.
    profile_problem: what is wrong with the AWS profile that is named, or "".
    installed: the credential helpers on PATH, of those that may be the fallback.
    default_store: what Docker takes while `config` says nothing of credentials; "" for none.
    For a removal, backups: what `config` held before, the last first. elsewhere: the registries
    that other clients' files have this program for.
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
    """Return the facts for a request. Raises HelperError for what cannot be read.

    profiles: returns the AWS profiles of an environment; called only where they are meant.
    """
    environ = helper.environ
    files = auth_file_paths(environ) if request.podman else [config_path(environ)]
    config = DockerConfig.load(files[-1])
    others = [DockerConfig.load(file) for file in files[:-1]]
    found: Hosts | None = {}
    left_out: list[str] = []
    if request.all_profiles:
        found, left_out = _find_by_profiles(profiles(environ), helper, remove=request.remove)
    elif request.is_open:
        found = dict.fromkeys(_find_in_config(request, helper, config), request.identity)
    file = paths.config_file(environ)
    if file == os.devnull:  # it says that there are no settings
        file = ""
    settings = read_user_file(file) if file else None
    fallback = helper.load_settings().fallback
    names = {request.fallback or "", config.store}  # of what may be the fallback
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
        [n for n in names if n and not is_our_helper(n) and find_helper(n, environ).paths],
        default_store(environ) if config.is_dockers else "",
        read_backups(config.file) if request.remove else (),
        _find_elsewhere(environ, config) if request.remove else (),
    )


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
    """Return the registry of each AWS profile, None for none at all, and why some are left out.

    A profile that the rules lead to already is not named again. remove: whether it does not
    matter which profile it is. Raises HelperError where the rules make no sense.
    """
    names: dict[str, list[str]] = {}
    left_out: list[str] = []
    for profile in profiles:
        try:
            names.setdefault(_build_host(profile), []).append(profile.name)
        except ValueError as exc:
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
    """Return the registry of an AWS profile. Raises ValueError where it does not name one."""
    if not (profile.account and profile.region):
        msg = f"it names no {'region' if profile.account else 'account'}"
        raise ValueError(msg)
    try:
        suffix = regions.dns_suffix(profile.region)
    except HelperError as exc:
        raise ValueError(str(exc)) from exc
    return f"{profile.account}.dkr.ecr.{profile.region}.{suffix}"


def _is_chosen(helper: Helper, host: str, profile: str) -> bool:
    """Whether the rules lead to that profile already, such as one with "auto"."""
    choice = helper.choose(host)
    try:
        return choice is not None and helper.resolve(choice).profile == profile
    except HelperError:
        return False


def _find_in_config(request: ConfigureRequest, helper: Helper, config: DockerConfig) -> list[str]:
    """Return the registries that a file has helpers of ours for, and logins unless for a removal.

    A login that another store keeps has an empty entry. Raises HelperError.
    """
    keys = [key for key, name in config.helpers.items() if is_our_helper(name)]
    if not request.remove:
        keys += [m.key for m in config.source.members(AUTHS) if registry.parse(m.key)]
    hosts = [host for key in keys if (host := bare_host(key))]
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
    """Return the registries that this program answers for by the files of other clients."""
    found: list[str] = []
    for file in auth_file_paths(environ) if config.is_dockers else [config_path(environ)]:
        try:
            helpers = DockerConfig.load(file).helpers
        except HelperError:
            continue  # its client cannot read it, either
        found += [key for key, helper in helpers.items() if is_our_helper(helper)]
    return found
