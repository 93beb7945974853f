"""Docker's actions store, erase and list without the settings' parser: few modules, no errors.

`actions.Helper` answers the same from all of its modules, which take five times as long to load.
It does so wherever this module has no answer: with settings that have no rule table in the cache,
with a fallback, with variables or input that need a closer look, and for every error.
"""

import os
import time

from docker_credential_ecrpy.hot import cache, identity, paths, protocol, registry, watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker_credential_ecrpy.helper.rule_table import RuleTable


def answer(
    action: str, environ: "Mapping[str, str]", report: "Callable[[int], None]"
) -> "tuple[tuple[int, bytes] | None, bytes | None]":
    """Return an action's exit code and output, or None; and the input that was read, or None.

    report: as in `watchdog.start`; the watchdog stays on where there is no answer. Until it is on,
    no file is looked for.
    """
    if not (_is_plain(environ) and protocol.has_streams()):
        return None, None
    # Some clients leave a terminal as the input of "list".
    data = None if action == "list" else protocol.read_input()
    watchdog.start(protocol.time_limit(environ), report)
    try:
        reply = _reply(action, data, environ)
    except Exception as exc:  # whatever it is, it happens again, and is reported
        if isinstance(exc.__cause__, KeyboardInterrupt):
            raise  # an interrupt while a module loads; see `__main__.in_full`
        return None, data
    if reply is None:
        return None, data
    watchdog.stop()
    return (protocol.OK, reply), data


def _is_plain(environ: "Mapping[str, str]") -> bool:
    """Whether no variables change what the actions mean."""
    is_set = environ.get("AWS_ECR_IGNORE_CREDS_STORAGE") or identity.account_variables(environ)
    return not is_set


def _reply(action: str, data: "bytes | None", environ: "Mapping[str, str]") -> "bytes | None":
    """Return an action's output, or None. What it changes may be done again."""
    if action != "list" and not data:
        return None
    table, settings = None, ""
    if paths.has_settings(environ):
        from docker_credential_ecrpy.helper import rule_table

        directory, settings = paths.cache_dir(environ), identity.settings_part(environ)
        table = rule_table.read(directory, settings, time.time_ns()) if directory else None
        if table is None:
            return None
    choose = _Choose(table, settings)
    if action == "list":
        return _list(choose, environ)
    return (_store if action == "store" else _erase)(choose, data or b"", environ)


class _Choose:
    """Whose login an address is, by the rule table, or without settings.

    settings: `identity.settings_part`; "" without settings.
    """

    def __init__(self, table: "RuleTable | None", settings: str) -> None:
        self.has_fallback = table is not None and table.has_fallback
        self._table, self._settings = table, settings

    def __call__(self, server_url: str) -> "tuple[registry.Registry, str] | None":
        """Return a registry, and for a private name the settings; None for another host."""
        if self._table is None:
            found = registry.parse(server_url)
            return (found, "") if found else None
        choice = self._table.choose(server_url)
        return (choice.registry, "" if choice.is_ecr_host else self._settings) if choice else None


def _list(choose: _Choose, environ: "Mapping[str, str]") -> "bytes | None":
    from docker_credential_ecrpy.tokens import recent

    if choose.has_fallback:
        return None
    directory = paths.cache_dir(environ)
    hosts = filter(choose, recent.list_hosts(directory) if directory else ())
    users = ", ".join(f'"https://{host}": "{recent.USERNAME}"' for host in hosts)
    return f"{{{users}}}\n".encode()


def _store(choose: _Choose, data: bytes, environ: "Mapping[str, str]") -> "bytes | None":
    from docker_credential_ecrpy.tokens import entry, login, recent, store

    found = login.parse(data)
    directory = paths.cache_dir(environ)
    at = found and choose(found[0].strip())
    if not (found and at and directory) or paths.lacks_home(directory, environ):
        return None
    target, settings = at
    now = time.time_ns()
    stored = login.login_entry(found[1], found[2], now)
    entry.write(*cache.login_place(directory, target.host, settings), stored)
    recent.try_to_remember(directory, target.host, lambda _: None)
    store.sweep(os.path.join(directory, paths.LOGINS), now)
    return b""


def _erase(choose: _Choose, data: bytes, environ: "Mapping[str, str]") -> "bytes | None":
    from docker_credential_ecrpy.tokens import store

    started = time.time_ns()
    address = data.decode("latin-1")
    found, directory = choose(address), paths.kept_dir(environ)
    if found is None and choose.has_fallback:
        return None
    host = found[0].host if found else registry.parse_host(address)
    if host and directory:
        store.forget(directory, host, found[0].endpoint if found else "", started)
    return b""
