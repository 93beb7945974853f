"""Docker's actions store, erase and list where no settings are needed: few modules, no errors.

`actions.Helper` answers the same from all of its modules, which take five times as long to load.
It does so wherever this module has no answer: with settings, with variables or input that need a
closer look, and for every error.
"""

import os
import time

from docker_credential_ecrpy.hot import cache, identity, paths, protocol, registry, watchdog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def answer(
    action: str, environ: "Mapping[str, str]", report: "Callable[[int], None]"
) -> "tuple[bytes | None, bytes | None]":
    """Return an action's output, or None; and the input that was read for it, or None.

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
    if reply is not None:
        watchdog.stop()
    return reply, data


def _is_plain(environ: "Mapping[str, str]") -> bool:
    """Whether no variables change what the actions mean."""
    is_set = environ.get("AWS_ECR_IGNORE_CREDS_STORAGE") or identity.account_variables(environ)
    return not is_set


def _reply(action: str, data: "bytes | None", environ: "Mapping[str, str]") -> "bytes | None":
    """Return an action's output, or None, as with settings. What it changes may be done again."""
    if paths.has_settings(environ):
        return None
    if action == "list":
        return _list(environ)
    if not data:
        return None
    return _store(data, environ) if action == "store" else _erase(data, environ)


def _list(environ: "Mapping[str, str]") -> bytes:
    from docker_credential_ecrpy.tokens import recent

    directory = paths.cache_dir(environ)
    hosts = filter(registry.parse, recent.list_hosts(directory) if directory else ())
    users = ", ".join(f'"https://{host}": "{recent.USERNAME}"' for host in hosts)
    return f"{{{users}}}\n".encode()


def _store(data: bytes, environ: "Mapping[str, str]") -> "bytes | None":
    from docker_credential_ecrpy.tokens import entry, login, recent, store

    found = login.parse(data)
    directory = paths.cache_dir(environ)
    at = found and registry.parse(found[0].strip())
    if not (found and at and directory) or paths.lacks_home(directory, environ):
        return None
    now = time.time_ns()
    stored = login.login_entry(found[1], found[2], now)
    entry.write(*cache.login_place(directory, at.host), stored)
    recent.try_to_remember(directory, at.host, lambda _: None)
    store.sweep(os.path.join(directory, paths.LOGINS), now)
    return b""


def _erase(data: bytes, environ: "Mapping[str, str]") -> bytes:
    from docker_credential_ecrpy.tokens import store

    started = time.time_ns()
    address = data.decode("latin-1")
    found, directory = registry.parse(address), paths.kept_dir(environ)
    host = found.host if found else registry.parse_host(address)
    if host and directory:
        store.forget(directory, host, found.endpoint if found else "", started)
    return b""
