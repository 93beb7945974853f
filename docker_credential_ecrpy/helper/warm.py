"""A `get` for a registry that is new to the cache, from its endpoint's cached token.

The broker would find that token, too. But the first `docker build` asks for every registry that
Docker knows, and without settings this needs none of the broker's modules.
"""

import time

from docker_credential_ecrpy.hot import cache, identity, paths, protocol, watchdog
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.tokens import entry, recent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


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

    Returns None if there is none, or if settings or variables may choose another identity for its
    account. now: nanoseconds since the epoch (UTC).
    """
    registry, line, directory = request.registry, request.identity, paths.cache_dir(environ)
    if registry is None or not line:  # the cache was not searched
        return None
    # The line shows whether settings existed when the cache was searched; check them again now.
    no_settings = identity.settings_part(environ, identity.MISSING) in line
    if not no_settings or paths.has_settings(environ) or identity.account_variables(environ):
        return None
    endpoint = cache.token_place(directory, registry.endpoint, line)
    try:
        found = cache.read(*endpoint, now, environ)
    except cache.Miss:
        return None
    if not found.fresh(now):
        return None
    try:
        place = cache.token_place(directory, registry.host, line)
        entry.write(*place, entry.refer(*endpoint, found))
        recent.remember(directory, registry.host)
    except OSError:
        pass  # the next `get` finds the endpoint's token again
    return protocol.reply(request.server_url, found.reply)
