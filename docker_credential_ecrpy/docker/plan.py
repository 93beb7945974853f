"""What `configure` changes, worked out from facts; nothing is read or written here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from docker_credential_ecrpy.docker.config import (
    AUTHS,
    HELPER_NAMES,
    HELPERS,
    STORE,
    DockerConfig,
    bare_host,
    is_our_helper,
    shown_key,
)
from docker_credential_ecrpy.docker.discover import ConfigureRequest, DockerFacts
from docker_credential_ecrpy.docker.json_document import REMOVED, Path
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import Rewrite
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings import editor
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.text import times
from docker_credential_ecrpy.text.sanitize import one_line

_BESIDES = 1  # registries under credHelpers that the classic builder may ask for without a note
_MOST_NAMED = 5  # logins in one sentence


@dataclass(frozen=True)
class Plan:
    """Files and what they are to hold, Docker's first, and what the user has to know of that."""

    rewrites: tuple[Rewrite, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def needed(self) -> list[Rewrite]:
        """The files that change."""
        return [rewrite for rewrite in self.rewrites if rewrite.is_needed]


@dataclass(frozen=True)
class _Step:
    """A change of one of Docker's files, unless `path` is empty; and a word to the user, if any."""

    path: Path = ()
    value: Any = None
    note: str = ""
    warning: str = ""


_Changes = dict[Path, Any]


def make_plan(facts: DockerFacts, request: ConfigureRequest) -> Plan:
    """Return what has to change. Raises HelperError where that cannot be done."""
    config, files = facts.config, [facts.config, *facts.others]
    if request.remove:
        steps = [list(_remove_helpers(file, request)) for file in files]
        if request.store and is_our_helper(config.store):
            steps[0].append(_Step((STORE,), facts.fallback or REMOVED))
    else:
        steps = [list(_remove_logins(file, facts, request)) for file in files]
        steps[0] = [*_add_helpers(facts, request), *_become_store(facts, request), *steps[0]]
        steps[0] += _tell_of_others(facts, request, _changes(steps[0]))
    rewrites = [*map(_rewrite, files, map(_changes, steps))]
    if request.remove and rewrites[0].is_needed:
        rewrites[0] = _restore(rewrites[0], facts, _changes(steps[0]))
    rules = _edit_rules(facts, request)
    rewrites.append(Rewrite(facts.settings_file, facts.settings, rules, is_json=False))
    notes = [step.note for those in steps for step in those if step.note]
    warnings = [*facts.left_out, *(step.warning for step in steps[0] if step.warning)]
    warnings += _warn(facts, request, DockerConfig.parse(config.file, rewrites[0].after))
    return Plan(tuple(rewrites), tuple(notes), tuple(warnings))


def _changes(steps: Iterable[_Step]) -> _Changes:
    return {step.path: step.value for step in steps if step.path}


def _rewrite(config: DockerConfig, changes: _Changes) -> Rewrite:
    after = config.source.apply(changes) if changes else config.data or b""
    return Rewrite(config.file, config.data, after)


def _warn(facts: DockerFacts, request: ConfigureRequest, after: DockerConfig) -> Iterator[str]:
    """Yield what keeps Docker, or this program, from working once `after` is in place."""
    file = one_line(after.file)
    for problem in after.problems:
        yield f"{file}: {problem}: docker reads nothing of the file; mend that by hand"
    if request.remove:
        return
    if facts.helper_warning:
        yield facts.helper_warning
    if request.fallback and request.fallback not in facts.installed:
        name = HELPER_PREFIX + request.fallback
        yield f"{name} is not on PATH, so nothing answers for registries that are not ECR"
    if facts.profile_problem:
        yield facts.profile_problem


# --- Docker's file ----------------------------------------------------------------------------


def _leads_here(facts: DockerFacts, name: str) -> bool:
    """Whether a helper that is there leads to this program already."""
    return name in (facts.answering or HELPER_NAMES)


def _add_helpers(facts: DockerFacts, request: ConfigureRequest) -> Iterator[_Step]:
    for host in request.hosts:
        present = facts.config.helpers.get(host, "")
        if not _leads_here(facts, present):
            note = f"{one_line(present)!r} no longer answers for {host}" if present else ""
            yield _Step((HELPERS, host), facts.helper, note)
        for key in facts.config.mistaken_keys(host):
            note = f"the key {shown_key(key)!r} goes: Docker looks for the bare host name"
            yield _Step((HELPERS, key), REMOVED, note)


def _become_store(facts: DockerFacts, request: ConfigureRequest) -> Iterator[_Step]:
    store = facts.config.store
    if not request.store or _leads_here(facts, store):
        return
    yield _Step((STORE,), facts.helper)
    fallback = facts.fallback if request.fallback is None else request.fallback
    if store and store != fallback and not is_our_helper(store):
        then = f"{one_line(fallback)!r} does" if fallback else "nothing does"
        note = f"{one_line(store)!r} no longer answers for registries that are not ECR: {then}"
        yield _Step(note=note)
    others = [login.key for login in facts.config.logins if not registry.parse(login.key)]
    if others and not store:  # with a store, they were not used either
        named = ", ".join(map(shown_key, others[:_MOST_NAMED]))
        more = len(others) - _MOST_NAMED
        warning = (
            f"docker no longer uses the logins under {AUTHS} for {named}"
            f"{f' and {more} more' if more > 0 else ''}: log in again there,"
            " with --fallback naming the helper that keeps them"
        )
        yield _Step(warning=warning)


def _tell_of_others(
    facts: DockerFacts, request: ConfigureRequest, changes: _Changes
) -> Iterator[_Step]:
    """Yield what the changes mean for other registries."""
    config = facts.config
    asked = {path[1]: value for path, value in changes.items() if path[0] == HELPERS}
    helpers = [key for key, value in (config.helpers | asked).items() if value is not REMOVED]
    if request.hosts and len(helpers) > _BESIDES and config.is_dockers:
        note = (
            f"the classic 'docker build' asks for each of the {len(helpers)} registries under"
            f" {HELPERS} before it begins; BuildKit asks for those that it needs"
        )
        yield _Step(note=note)
    if request.hosts and is_our_helper(config.store):
        yield _Step(note=f"{STORE} is {config.store!r} already, for all registries")
    default = facts.default_store
    answered = request.store and (facts.fallback or request.fallback is not None)
    if changes and default and not (config.has_any or answered):
        cure = f'"{STORE}": "{default}" to {one_line(config.file)}'
        if request.store:
            cure = f"--fallback {default}"
        warning = (
            f"docker no longer chooses {default!r} for other registries by itself:"
            f" to keep it, add {cure}"
        )
        yield _Step(warning=warning)


def _remove_helpers(config: DockerConfig, request: ConfigureRequest) -> Iterator[_Step]:
    gone: set[str] = set()
    for host in request.hosts:
        for key in (host, *config.mistaken_keys(host)):
            present = config.helpers.get(key, "")
            if is_our_helper(present):
                gone.add(key)
                yield _Step((HELPERS, key), REMOVED)
            elif present:
                note = f"{shown_key(key)} stays: its helper is {one_line(present)!r}"
                yield _Step(note=note)
    members = config.source.members(HELPERS)
    if members and gone.issuperset(member.key for member in members):
        yield _Step((HELPERS,), REMOVED)


def _restore(rewrite: Rewrite, facts: DockerFacts, changes: _Changes) -> Rewrite:
    """Return what gives the file back as it was before we came, where that is known.

    That is a backup of which the opposite changes make the very file that is there.
    """
    config = facts.config
    keys = [path[1] for path in changes if len(path) > 1]
    undone: _Changes = {(HELPERS, key): config.helpers[key] for key in keys}
    if (STORE,) in changes:
        undone[(STORE,)] = config.store
    for data in facts.backups:
        try:
            old = DockerConfig.parse(config.file, data)
            ours = [old.helpers.get(key, "") for key in keys]
            ours += [old.store] if (STORE,) in undone else []
            if not any(map(is_our_helper, ours)) and old.source.apply(undone) == config.data:
                return replace(rewrite, after=data)
        except HelperError:
            continue  # it was broken then
    return rewrite


# --- logins -----------------------------------------------------------------------------------


def _remove_logins(
    config: DockerConfig, facts: DockerFacts, request: ConfigureRequest
) -> Iterator[_Step]:
    """Yield the logins of a file that go: those of all of ECR's where Docker's store is meant."""
    hosts = list(request.hosts)
    if request.store and config is facts.config:
        hosts += [h for login in config.logins if registry.parse(h := bare_host(login.key))]
    logins = {login.key: login for login in config.logins}
    for key in (key for host in dict.fromkeys(hosts) for key in config.login_keys(host)):
        login = logins.get(key)
        when = ""
        if login and login.expires is not None:
            when = f", whose token {times.expiry(login.expires, facts.now)}"
        note = (
            f"the login under {AUTHS} for {shown_key(key)} goes{when}: with it clients"
            " send an old token, and get 403 Forbidden"
        )
        yield _Step((AUTHS, key), REMOVED, note)


# --- our own settings -------------------------------------------------------------------------


def _edit_rules(facts: DockerFacts, request: ConfigureRequest) -> bytes:
    """Return what our settings are to hold. Raises HelperError where they cannot."""
    data, file, fallback = facts.settings or b"", facts.settings_file, request.fallback
    if request.remove:
        for host in request.hosts:
            # The rule of a private name is what makes it one, and was written by hand.
            if data and registry.parse(host) and host not in facts.elsewhere:
                account_too = _is_last(host, facts, request)
                data = editor.forget(data, file, host, account_too=account_too)
        was_store = request.store and is_our_helper(facts.config.store)
        is_moot = file and (was_store or fallback is not None)
        return editor.set_fallback(data, file, "") if is_moot else data
    if not file and (fallback or any(any(identity) for identity in request.hosts.values())):
        msg = "there is no home directory for config.toml"
        raise HelperError(msg, hint="set HOME, or AWS_ECR_CONFIG")
    for host, (profile, role_arn) in request.hosts.items():
        if profile or role_arn:
            data = editor.choose(data, file, host, profile=profile, role_arn=role_arn)
    return data if fallback is None else editor.set_fallback(data, file, fallback)


def _is_last(host: str, facts: DockerFacts, request: ConfigureRequest) -> bool:
    """Whether no other registry of the same account stays."""
    if is_our_helper(facts.config.store) and not request.store:
        return False  # all of them do
    found = registry.parse(host)
    stay = [key for key in facts.config.helpers if key not in request.hosts]
    others = [registry.parse(key) for key in (*stay, *facts.elsewhere)]
    return found is not None and all(
        other is None or other.account != found.account for other in others
    )
