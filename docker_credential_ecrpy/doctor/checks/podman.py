"""The checks of `doctor` on the files of podman, buildah and skopeo. They make no network call."""

import fnmatch
import os
import shlex
from collections.abc import Iterator

from docker_credential_ecrpy.aws import regions
from docker_credential_ecrpy.docker.config import HELPER_NAMES, HELPERS, DockerConfig, shown_key
from docker_credential_ecrpy.docker.credential_lookup import (
    PODMANS_FILES,
    CredentialSource,
    SourceKind,
)
from docker_credential_ecrpy.doctor.check import (
    FAIL,
    PASS,
    SKIP,
    WARN,
    Check,
    CheckId,
    check_from_error,
    configure_fix,
    quote,
)
from docker_credential_ecrpy.doctor.facts import Facts
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.programs import search_path
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.sanitize import one_line
from docker_credential_ecrpy.text.times import expiry

_CLIENTS = ("podman", "buildah", "skopeo")


def check_podman(facts: Facts) -> Iterator[Check]:
    """Yield the checks on what podman does for a registry, in the place of docker."""
    broken = [each for each in _files(facts) if isinstance(each, HelperError)]
    if broken:
        yield from (check_from_error(CheckId.PODMAN, error) for error in broken)
        return
    image = facts.image
    if seen := facts.machine.podmans_conf.find_block(image.host, image.repository):
        yield Check(CheckId.PODMAN, FAIL, seen, "remove that line: podman does not pull from it")
    if facts.host and (found := facts.mechanism):
        yield _check_source(found, facts)


def check_podman_too(facts: Facts) -> Iterator[Check]:
    """Yield a check for each problem that podman has where docker has none."""
    for config in facts.machine.podman:
        if isinstance(config, HelperError):
            yield check_from_error(CheckId.PODMAN, config, WARN)
            continue
        keys = config.login_keys(facts.host)
        if keys and config.helpers.get(facts.host) not in HELPER_NAMES:
            login = next((one for one in config.logins if one.key in keys), None)
            key, expires = shown_key(keys[0]), _say_expiry(login.expires if login else None, facts)
            seen = f"{config.file} has an old login for {key}; {expires}"
            fix = "remove it: podman, buildah and skopeo send it"
            yield Check(CheckId.PODMAN, WARN, seen, fix, f"podman logout {shlex.quote(key)}")
    environ, docker = facts.machine.environ, facts.machine.lookup_in_docker(facts.host)
    podman = facts.machine.lookup_in_podman(facts.host)
    client = next((name for name in _CLIENTS if search_path.find(name, environ)), "")
    if not (client and docker and podman) or podman.kind != SourceKind.NOTHING:
        return
    if docker.kind == SourceKind.STORE and docker.is_ours:
        status = WARN if search_path.find("docker", environ) else FAIL
        fix, command, _ = configure_fix(facts.host, has_login=False, podman=True)
        yield Check(CheckId.PODMAN, status, _describe_nothing(facts), fix, command)


def _files(facts: Facts) -> list[DockerConfig | HelperError]:
    return [*facts.machine.podman, facts.machine.config]


def _check_source(found: CredentialSource, facts: Facts) -> Check:
    check_id, host = CheckId.CREDENTIAL_HELPER, facts.host
    if found.is_ours:
        seen = f"{found.file} says {found.name!r} for {host}"
        only = facts.machine.environ.get("REGISTRY_AUTH_FILE", "")
        if only and found.file != only and found.kind == SourceKind.HELPER:
            seen += ", and newer versions of podman read REGISTRY_AUTH_FILE alone"
            return Check(check_id, WARN, seen, *_fix(facts))
        return Check(check_id, PASS, seen)
    status = FAIL
    if found.login:
        check_id = CheckId.OLD_LOGIN
        seen = f"podman sends the login for {shown_key(found.login.key)} in {found.file}; "
        seen += _say_expiry(found.login.expires, facts)
        refusal = facts.find_refusal(found.login)
        status = FAIL if refusal else WARN
        seen += f": HTTP {refusal}" if refusal else ""
    elif found.name:
        seen = f"{found.file} says {quote(found.name)} for {host}, which is another helper"
    else:
        seen = _describe_nothing(facts)
    wrong = regions.find_wrong_host(host)
    if not isinstance(facts.choice, Choice) or (wrong and wrong.is_sure):
        return Check(check_id, SKIP, seen)  # there is nothing to configure
    status = WARN if facts.choice.registry.public else status
    conf = facts.machine.podmans_conf
    if PODMANS_FILES not in conf.helpers:
        names = ", ".join(f'"{one_line(name)}"' for name in (HELPER_NAMES[0], *conf.helpers))
        seen = f"{conf.file} names {quote(found.name)} alone: podman reads no auth.json"
        return Check(check_id, status, seen, f"write there: credential-helpers = [{names}]")
    return Check(check_id, status, seen, *_fix(facts))


def _fix(facts: Facts) -> tuple[str, str, bool]:
    found = facts.mechanism
    return configure_fix(facts.host, has_login=bool(found and found.login), podman=True)


def _say_expiry(expires: int | None, facts: Facts) -> str:
    if expires is None:
        return "it does not say when it expires"
    return f"its token {expiry(expires, facts.now)}"


def _describe_nothing(facts: Facts) -> str:
    """Return why podman runs no helper, and that it pulls anonymously."""
    host, anonymous = facts.host, "podman pulls anonymously"
    for config in _files(facts):
        if isinstance(config, HelperError):
            continue
        if config.store:
            seen = f"podman does not read credsStore, which is {quote(config.store)} in"
            return f"{seen} {config.file}: {anonymous}"
        mistaken = config.mistaken_keys(host)
        mistaken += [at for at in config.helpers if "*" in at and fnmatch.fnmatchcase(host, at)]
        if mistaken:
            key = shown_key(mistaken[0])
            return f"{config.file} has the key {key!r}, and not {host!r}: {anonymous}"
    files = " and ".join(os.fspath(at.file) for at in _files(facts) if isinstance(at, DockerConfig))
    return f"no {HELPERS} for {host} in {files}: {anonymous}"
