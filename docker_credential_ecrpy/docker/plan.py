"""Plans what `configure` changes, from facts; reads and writes no files."""

from collections.abc import Iterator
from typing import Any

from docker_credential_ecrpy.docker import config as docker_config
from docker_credential_ecrpy.docker.config import AUTHS, HELPERS, STORE, DockerConfig, is_our_helper
from docker_credential_ecrpy.docker.discover import ConfigureRequest, DockerFacts
from docker_credential_ecrpy.docker.json_document import REMOVED, Path
from docker_credential_ecrpy.docker.message import Message, MessageId
from docker_credential_ecrpy.docker.missing_credentials import find_missing_credentials
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import Rewrite
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.values import dataclass, replace
from docker_credential_ecrpy.settings import editor
from docker_credential_ecrpy.settings.loader import HELPER_PREFIX
from docker_credential_ecrpy.text import times
from docker_credential_ecrpy.text.sanitize import one_line

_MOST_NAMED = 5  # logins in one sentence


@dataclass(frozen=True)
class Plan:
    """The new content of files, Docker's first, and the messages for the user."""

    rewrites: tuple[Rewrite, ...]
    notes: tuple[Message, ...]
    warnings: tuple[Message, ...]

    @property
    def needed(self) -> list[Rewrite]:
        """The files that change."""
        return [rewrite for rewrite in self.rewrites if rewrite.is_needed]


@dataclass(frozen=True)
class _Step:
    """A message for the user and, unless `path` is empty, a change of one of Docker's files."""

    path: Path = ()
    value: Any = None
    note: Message | None = None
    warning: Message | None = None


_Changes = dict[Path, Any]
_Steps = Iterator[_Step]


def make_plan(facts: DockerFacts, request: ConfigureRequest) -> Plan:
    """Return the changes for a request. Raises HelperError where they cannot be made."""
    config, files = facts.config, [facts.config, *facts.others]
    if request.remove:
        steps = [list(_remove_helpers(file, request)) for file in files]
        if request.store and is_our_helper(config.store):
            steps[0].append(_Step((STORE,), facts.fallback or REMOVED))
    else:
        steps = [list(_remove_logins(file, facts, request)) for file in files]
        steps[0] = [*_add_helpers(facts, request), *_become_store(facts, request), *steps[0]]
    changes = [{step.path: step.value for step in those if step.path} for those in steps]
    rewrites = [
        Rewrite(file.file, file.data, file.source.apply(made) if made else file.data or b"")
        for file, made in zip(files, changes, strict=True)
    ]
    if not request.remove:
        steps[0] += _judge_others(facts, request, changes[0])
    elif rewrites[0].is_needed:
        rewrites[0] = _restore(rewrites[0], facts, changes[0])
    rules = _edit_rules(facts, request)
    rewrites.append(Rewrite(facts.settings_file, facts.settings, rules, is_json=False))
    notes = [step.note for those in steps for step in those]
    notes += _explain_kept_rules(facts, request) if request.remove else []
    warnings = [*facts.left_out, *(step.warning for step in steps[0])]
    warnings += _warn(facts, request, DockerConfig.parse(config.file, rewrites[0].after))
    warnings += find_missing_credentials(facts, request, rules)
    return Plan(tuple(rewrites), tuple(filter(None, notes)), tuple(filter(None, warnings)))


def _warn(facts: DockerFacts, request: ConfigureRequest, after: DockerConfig) -> Iterator[Message]:
    """Yield what keeps Docker or this program from working once `after` is written."""
    file = one_line(after.file)
    for problem in after.problems[:_MOST_NAMED]:  # docker stops at the first
        text = f"{file}: {problem}: docker rejects the whole file; fix the entry by hand"
        yield Message(MessageId.ENTRY_REJECTED, text)
    if request.remove:
        return
    if facts.helper_warning:
        yield facts.helper_warning
    if request.fallback and request.fallback not in facts.installed:
        name = HELPER_PREFIX + request.fallback
        text = f"{name} is not on PATH, so other registries get no credentials; install it"
        yield Message(MessageId.FALLBACK_MISSING, text)


def _leads_here(facts: DockerFacts, name: str) -> bool:
    return name in (facts.answering or docker_config.HELPER_NAMES)


def _add_helpers(facts: DockerFacts, request: ConfigureRequest) -> _Steps:
    for host in request.hosts:
        present = facts.config.helpers.get(host, "")
        if not _leads_here(facts, present):
            text = f"the helper {one_line(present)!r} is replaced for {host}"
            note = Message(MessageId.HELPER_REPLACED, text) if present else None
            yield _Step((HELPERS, host), facts.helper, note)
        for key in facts.config.mistaken_keys(host):
            shown = docker_config.shown_key(key)
            text = f"the key {shown!r} is removed: Docker looks up the bare host name"
            yield _Step((HELPERS, key), REMOVED, Message(MessageId.KEY_REMOVED, text))


def _become_store(facts: DockerFacts, request: ConfigureRequest) -> _Steps:
    store = facts.config.store
    if not request.store or _leads_here(facts, store):
        return
    yield _Step((STORE,), facts.helper)
    fallback = facts.fallback if request.fallback is None else request.fallback
    if store and store != fallback and not is_our_helper(store):
        then = f"{one_line(fallback)!r} is used" if fallback else "they have no helper"
        text = f"{STORE} {one_line(store)!r} is replaced for registries that are not ECR: {then}"
        yield _Step(note=Message(MessageId.STORE_REPLACED, text))
    others = [login.key for login in facts.config.logins if not registry.parse(login.key)]
    if others and not store:  # with a store, Docker does not use them already
        named = ", ".join(map(docker_config.shown_key, others[:_MOST_NAMED]))
        more = len(others) - _MOST_NAMED
        text = f"docker no longer uses the logins under {AUTHS} for {named}"
        text += f" and {more} more" if more > 0 else ""
        text += ": name the helper that stores them by --fallback, and log in to them again"
        yield _Step(warning=Message(MessageId.LOGINS_UNUSED, text))


def _judge_others(facts: DockerFacts, request: ConfigureRequest, changes: _Changes) -> _Steps:
    """Yield what the changes mean for other registries."""
    config = facts.config
    added = {path[1]: value for path, value in changes.items() if path[0] == HELPERS}
    count = sum(value is not REMOVED for value in (config.helpers | added).values())
    if added and count > 1 and config.is_dockers:
        text = f"the classic 'docker build' gets a token for each of the {count} registries under"
        text += f" {HELPERS} before it starts; BuildKit gets only those that it needs"
        yield _Step(note=Message(MessageId.CLASSIC_BUILD, text))
    if request.hosts and is_our_helper(config.store):
        text = f"{STORE} is already {config.store!r}, for all registries"
        yield _Step(note=Message(MessageId.STORE_PRESENT, text))
    default = facts.default_store
    answered = request.store and (facts.fallback or request.fallback is not None)
    if changes and default and not (config.has_any or answered):
        cure = f'"{STORE}": "{default}" to {one_line(config.file)}'
        text = f"docker no longer uses its default store {default!r} for other registries:"
        text += f" to keep it, add {f'--fallback {default}' if request.store else cure}"
        yield _Step(warning=Message(MessageId.DEFAULT_STORE_UNUSED, text))


def _remove_helpers(config: DockerConfig, request: ConfigureRequest) -> _Steps:
    gone: set[str] = set()
    for host in request.hosts:
        for key in (host, *config.mistaken_keys(host)):
            present = config.helpers.get(key, "")
            if is_our_helper(present):
                gone.add(key)
                yield _Step((HELPERS, key), REMOVED)
            elif present:
                shown = docker_config.shown_key(key)
                text = f"{shown} is kept: its helper is {one_line(present)!r}"
                yield _Step(note=Message(MessageId.HELPER_KEPT, text))
    members = config.source.members(HELPERS)
    if members and gone.issuperset(member.key for member in members):
        yield _Step((HELPERS,), REMOVED)


def _restore(rewrite: Rewrite, facts: DockerFacts, changes: _Changes) -> Rewrite:
    """Return a rewrite to the backup that `configure` turned into the present file, if any."""
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
            continue  # the backup is broken
    return rewrite


def _remove_logins(config: DockerConfig, facts: DockerFacts, request: ConfigureRequest) -> _Steps:
    """Yield the removal of the logins for the request's hosts, or as a store for all of ECR's."""
    hosts = list(request.hosts)
    if request.store and config is facts.config:
        hosts += [
            h for login in config.logins if registry.parse(h := docker_config.bare_host(login.key))
        ]
    expiries = {login.key: login.expires for login in config.logins}
    for key in (key for host in dict.fromkeys(hosts) for key in config.login_keys(host)):
        text = f"the old login for {docker_config.shown_key(key)} under {AUTHS} is removed: "
        text += _explain_removal(expiries.get(key), facts.now)
        yield _Step((AUTHS, key), REMOVED, Message(MessageId.LOGIN_REMOVED, text))


def _explain_removal(expires: int | None, now: int) -> str:
    """Return why a login is removed. expires: of its token, or None where that is unknown."""
    if expires is None:
        return "some clients send it, and an expired token gets 403 Forbidden"
    then = "" if expires <= now else " then"
    return f"its token {times.expiry(expires, now)}, and a pull with it{then} gets 403 Forbidden"


def _edit_rules(facts: DockerFacts, request: ConfigureRequest) -> bytes:
    """Return the new content of our settings. Raises HelperError where they cannot be edited."""
    data, file, fallback = facts.settings or b"", facts.settings_file, request.fallback
    if request.remove:
        for host in request.hosts:
            # The rule of a private name is written by hand, and makes that name a registry.
            if data and (found := registry.parse(host)) and host not in facts.elsewhere:
                account_too = not _keeps_account(found.account, facts, request)
                data = editor.forget(data, file, host, account_too=account_too)
        was_store = request.store and is_our_helper(facts.config.store)
        is_moot = file and (was_store or fallback is not None)
        data = editor.set_fallback(data, file, "") if is_moot else data
        return data if data == facts.settings else editor.drop_schema(data)
    if not file and (fallback or any(any(identity) for identity in request.hosts.values())):
        msg = "there is no home directory for config.toml"
        raise HelperError(msg, hint="set HOME, or AWS_ECR_CONFIG")
    for host, (profile, role_arn) in request.hosts.items():
        if profile or role_arn:
            data = editor.choose(data, file, host, profile=profile, role_arn=role_arn)
    data = data if fallback is None else editor.set_fallback(data, file, fallback)
    return editor.add_schema(data) if data and not facts.settings else data


def _explain_kept_rules(facts: DockerFacts, request: ConfigureRequest) -> list[Message]:
    """Return a note for each rule that stays because another client's file uses it."""
    data, file = facts.settings or b"", facts.settings_file
    users: dict[str, str] = {}  # what a rule is for -> the file
    for host, user in facts.elsewhere.items():
        other = registry.parse(host)
        for name in request.hosts:
            found = registry.parse(name)
            if not (data and found and other):
                continue
            of_host = editor.forget(data, file, name, account_too=False)
            if host == name and of_host != data:
                users.setdefault(name, user)
            same = found.account and found.account == other.account
            if same and editor.forget(of_host, file, name, account_too=True) != of_host:
                users.setdefault(f"account {found.account}", user)
    return [
        Message(MessageId.RULE_KEPT, f"the rule for {name} stays: {one_line(user)} still uses it")
        for name, user in users.items()
    ]


def _keeps_account(account: str, facts: DockerFacts, request: ConfigureRequest) -> bool:
    """Whether another registry of the account is kept."""
    if is_our_helper(facts.config.store) and not request.store:
        return True
    stay = {*facts.config.helpers} - {*request.hosts} | {*facts.elsewhere}
    return any(other.account == account for other in map(registry.parse, stay) if other)
