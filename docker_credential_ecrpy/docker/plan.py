"""What `configure` changes, worked out over values; nothing is written here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
from docker_credential_ecrpy.docker.json_document import REMOVED, JsonDocument, Path
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.replace import Rewrite
from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings import editor
from docker_credential_ecrpy.text import times
from docker_credential_ecrpy.text.sanitize import one_line

BESIDES = 1
"""Registries under credHelpers that the classic builder may ask for without a word of ours."""
_MOST_NAMED = 5  # logins in one sentence


@dataclass(frozen=True)
class ConfigureRequest:
    """What a person asked for.

    hosts: registries, each with the profile and the role that it is to have ("" for neither).
    store: whether all registries are meant, by credsStore.
    fallback: the credential helper for other registries; None where nothing was said of it.
    remove: whether all that is to be taken away.
    """

    hosts: dict[str, tuple[str, str]] = field(default_factory=dict)
    store: bool = False
    fallback: str | None = None
    remove: bool = False


@dataclass
class Plan:
    """Files and what they are to hold, and what a person has to know of that."""

    rewrites: list[Rewrite] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def needed(self) -> list[Rewrite]:
        """The files that change."""
        return [rewrite for rewrite in self.rewrites if rewrite.is_needed]


@dataclass
class Planner:
    """Works out a plan.

    config: the file that gets the helpers. others: files whose logins go before its helpers.
    settings: our own file, as it is. fallback: what it names as such, or "".
    helper: what our program is called in `config`. answering: the names of ours under which Docker
    finds it, and not another program.
    now: nanoseconds since the epoch (UTC).
    earlier: what `config` held before, the last first, for a removal that gives it back.
    elsewhere: registries that other clients' files have this program for.
    default_store: what Docker takes while `config` says nothing of credentials; "" for none.
    """

    config: DockerConfig
    others: Sequence[DockerConfig]
    settings: Rewrite
    fallback: str
    helper: str
    answering: Sequence[str]
    now: int
    earlier: Sequence[bytes] = ()
    elsewhere: Sequence[str] = ()
    default_store: str = ""
    plan: Plan = field(default_factory=Plan)

    def work_out(self, wanted: ConfigureRequest) -> Plan:
        """Return the plan. Raises HelperError where it cannot be done."""
        changes: dict[Path, Any] = {}
        if wanted.remove:
            self._remove(self.config, wanted, changes)
        else:
            self._add(wanted, changes)
        after = self.config.source.apply(changes) if changes else self.config.data or b""
        if wanted.remove and changes:
            after = self._given_back(changes, after)
        self.plan.rewrites.append(Rewrite(self.config.file, self.config.data, after))
        for other in self.others:
            in_other: dict[Path, Any] = {}
            if wanted.remove:
                self._remove(other, replace(wanted, store=False), in_other)
            else:
                self._remove_logins(other, list(wanted.hosts), in_other)
            if in_other:
                changed = other.source.apply(in_other)
                self.plan.rewrites.append(Rewrite(other.file, other.data, changed))
        rules = self._rules(wanted)
        before = self.settings.before
        self.plan.rewrites.append(Rewrite(self.settings.file, before, rules, is_json=False))
        return self.plan

    # --- Docker's file ------------------------------------------------------------------------

    def _add(self, wanted: ConfigureRequest, changes: dict[Path, Any]) -> None:
        for host in wanted.hosts:
            present = self.config.helpers.get(host, "")
            if not self._stays(present):
                if present:
                    self.plan.notes.append(f"{one_line(present)!r} no longer answers for {host}")
                changes[HELPERS, host] = self.helper
            for key in self.config.mistaken_keys(host):
                self.plan.notes.append(
                    f"the key {shown_key(key)!r} goes: Docker looks for the bare host name"
                )
                changes[HELPERS, key] = REMOVED
        hosts = list(wanted.hosts)
        if wanted.store:
            hosts += [
                h for login in self.config.logins if registry.parse(h := bare_host(login.key))
            ]
            self._become_store(wanted, changes)
        self._remove_logins(self.config, hosts, changes)
        self._tell_of_others(wanted, changes)

    def _stays(self, present: str) -> bool:
        """Whether a helper that is there leads to this program already."""
        return present in (self.answering or HELPER_NAMES)

    def _become_store(self, wanted: ConfigureRequest, changes: dict[Path, Any]) -> None:
        store = self.config.store
        if self._stays(store):
            return
        changes[(STORE,)] = self.helper
        fallback = self.fallback if wanted.fallback is None else wanted.fallback
        if store and store != fallback and not is_our_helper(store):
            then = f"{one_line(fallback)!r} does" if fallback else "nothing does"
            self.plan.notes.append(
                f"{one_line(store)!r} no longer answers for registries that are not ECR: {then}"
            )
        others = [login.key for login in self.config.logins if not registry.parse(login.key)]
        if others and not store:  # with a store, they were not used either
            named = ", ".join(map(shown_key, others[:_MOST_NAMED]))
            more = len(others) - _MOST_NAMED
            self.plan.warnings.append(
                f"docker no longer uses the logins under {AUTHS} for {named}"
                f"{f' and {more} more' if more > 0 else ''}: log in again there,"
                " with --fallback naming the helper that keeps them"
            )

    def _remove_logins(
        self, config: DockerConfig, hosts: Sequence[str], changes: dict[Path, Any]
    ) -> None:
        logins = {login.key: login for login in config.logins}
        for host in dict.fromkeys(hosts):
            for key in config.login_keys(host):
                changes[AUTHS, key] = REMOVED
                login = logins.get(key)
                when = ""
                if login and login.expires is not None:
                    when = f", whose token {times.expiry(login.expires, self.now)}"
                self.plan.notes.append(
                    f"the login under {AUTHS} for {shown_key(key)} goes{when}: with it clients"
                    " send an old token, and get 403 Forbidden"
                )

    def _tell_of_others(self, wanted: ConfigureRequest, changes: dict[Path, Any]) -> None:
        asked = {path[1]: value for path, value in changes.items() if path[0] == HELPERS}
        helpers = {
            key for key, value in (self.config.helpers | asked).items() if value is not REMOVED
        }
        if wanted.hosts and len(helpers) > BESIDES and self.config.is_dockers:
            self.plan.notes.append(
                f"the classic 'docker build' asks for each of the {len(helpers)} registries under"
                f" {HELPERS} before it begins; BuildKit asks for those that it needs"
            )
        if wanted.hosts and is_our_helper(self.config.store):
            self.plan.notes.append(f"{STORE} is {self.config.store!r} already, for all registries")
        answered = wanted.store and (self.fallback or wanted.fallback is not None)
        if changes and self.default_store and not (self.config.has_any or answered):
            cure = f'"{STORE}": "{self.default_store}" to {one_line(self.config.file)}'
            if wanted.store:
                cure = f"--fallback {self.default_store}"
            self.plan.warnings.append(
                f"docker no longer chooses {self.default_store!r} for other registries by itself:"
                f" to keep it, add {cure}"
            )

    def _remove(
        self, config: DockerConfig, wanted: ConfigureRequest, changes: dict[Path, Any]
    ) -> None:
        for host in wanted.hosts:
            for key in (host, *config.mistaken_keys(host)):
                present = config.helpers.get(key, "")
                if is_our_helper(present):
                    changes[HELPERS, key] = REMOVED
                elif present:
                    self.plan.notes.append(
                        f"{shown_key(key)} stays: its helper is {one_line(present)!r}"
                    )
        members = config.source.members(HELPERS)
        if members and all(changes.get((HELPERS, member.key)) is REMOVED for member in members):
            changes[(HELPERS,)] = REMOVED
        if wanted.store and is_our_helper(config.store):
            changes[(STORE,)] = self.fallback or REMOVED

    def _given_back(self, changes: Mapping[Path, Any], after: bytes) -> bytes:
        """Return what the file held before we came, if it is known, and else `after`.

        That is a backup of which the opposite changes make the very file that is there.
        """
        config = self.config
        undone: dict[Path, Any] = {
            path: config.helpers[path[1]] for path in changes if len(path) > 1
        }
        if (STORE,) in changes:
            undone[(STORE,)] = config.store
        for data in self.earlier:
            try:
                old = DockerConfig(config.file, data, JsonDocument(config.file, data))
                ours = [old.store] if (STORE,) in undone else []
                ours += [old.helpers.get(path[1], "") for path in undone if len(path) > 1]
                if not any(map(is_our_helper, ours)) and old.source.apply(undone) == config.data:
                    return data
            except HelperError:
                continue  # it was broken then
        return after

    # --- our own settings ---------------------------------------------------------------------

    def _rules(self, wanted: ConfigureRequest) -> bytes:
        data, file = self.settings.before or b"", self.settings.file
        given = wanted.fallback or any(any(who) for who in wanted.hosts.values())
        if given and not (file or wanted.remove):
            msg = "there is no home directory for config.toml"
            raise HelperError(msg, hint="set HOME, or AWS_ECR_CONFIG")
        for host, (profile, role_arn) in wanted.hosts.items():
            if wanted.remove:
                # The rule of a private name is what makes it one, and was written by hand.
                if data and registry.parse(host) and host not in self.elsewhere:
                    last = self._is_last(host, wanted)
                    data = editor.forget(data, file, host, account_too=last)
            elif profile or role_arn:
                data = editor.choose(data, file, host, profile=profile, role_arn=role_arn)
        if wanted.remove:
            was_store = wanted.store and is_our_helper(self.config.store)
            if file and (was_store or wanted.fallback is not None):
                data = editor.set_fallback(data, file, "")
        elif wanted.fallback is not None:
            data = editor.set_fallback(data, file, wanted.fallback)
        return data

    def _is_last(self, host: str, wanted: ConfigureRequest) -> bool:
        """Whether no other registry of the same account stays."""
        if is_our_helper(self.config.store) and not wanted.store:
            return False  # all of them do
        found = registry.parse(host)
        stay = [key for key in self.config.helpers if key not in wanted.hosts]
        others = [registry.parse(key) for key in (*stay, *self.elsewhere)]
        return found is not None and all(
            other is None or other.account != found.account for other in others
        )
