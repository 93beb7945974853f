"""A `get` for a registry that is new to the cache, from its endpoint's cached token.

The broker would find that token, too. But the first `docker build` asks for every registry that
Docker knows, and this needs none of the broker's modules. Of settings it needs the rule table that
an earlier `get` left in the cache.
"""

import time

from docker_credential_ecrpy.hot import cache, identity, paths, protocol, watchdog
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.tokens import entry, recent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker_credential_ecrpy.hot.registry import Registry


def answer_in_time(
    request: GetRequest, environ: "Mapping[str, str]", report: "Callable[[int], None]"
) -> "bytes | None":
    """Return the `answer` to a `get`. report: as in `watchdog.start`; it stays on without one."""
    watchdog.start(protocol.time_limit(environ), report)
    try:
        reply = answer(request, environ, time.time_ns())
    except Exception as exc:  # whatever it is, it happens again, and is reported
        if isinstance(exc.__cause__, KeyboardInterrupt):
            raise  # an interrupt while a module loads; see `__main__.in_full`
        return None
    if reply:
        watchdog.stop()
    return reply


def answer(request: GetRequest, environ: "Mapping[str, str]", now: int) -> "bytes | None":
    """Return the reply to a `get` from the fresh token of the registry's endpoint.

    Returns None if there is none, or if settings without a table, or variables, may choose another
    identity for its account. now: nanoseconds since the epoch (UTC).
    """
    line, directory = request.identity, paths.cache_dir(environ)
    if not line or identity.account_variables(environ):  # the cache was not searched
        return None
    # The line shows the settings as the cache was searched; they must still be the same.
    if paths.has_settings(environ):
        chosen = _choose_by_table(request.server_url, line, directory, environ, now)
    else:
        is_same = identity.settings_part(environ, identity.MISSING) in line
        chosen = (request.registry, line, "") if request.registry and is_same else None
    if chosen is None:
        return None
    registry, chosen_line, settings = chosen
    endpoint = cache.token_place(directory, registry.endpoint, chosen_line)
    try:
        found = cache.read(*endpoint, now, environ)
    except cache.Miss:
        return None
    if not found.fresh(now):
        return None
    try:
        place = cache.token_place(directory, registry.host, line, settings)
        entry.write(*place, entry.refer(*endpoint, found))
        recent.remember(directory, registry.host)
    except OSError:
        pass  # the next `get` finds the endpoint's token again
    return protocol.reply(request.server_url, found.reply)


def _choose_by_table(
    server_url: str, line: str, directory: str, environ: "Mapping[str, str]", now: int
) -> "tuple[Registry, str, str] | None":
    """Return the registry, the identity for it, and for a private name the settings; or None."""
    from docker_credential_ecrpy.helper import rule_table

    settings = identity.settings_part(environ)
    table = rule_table.read(directory, settings, now) if settings in line else None
    choice = table.choose(server_url) if table else None
    if choice is None or choice.identity is None:
        return None
    return choice.registry, line + choice.identity, "" if choice.is_ecr_host else settings
