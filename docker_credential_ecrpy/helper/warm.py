"""A `get` for a host that is new to the cache, from its endpoint's cached token or the rules.

The broker would find that token, too. But the first `docker build` asks for every registry that
Docker knows, and this needs none of the broker's modules. Of settings it needs the rule table that
an earlier `get` left in the cache.
"""

import time

from docker_credential_ecrpy.hot import cache, identity, paths, protocol, registry, watchdog
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.tokens import entry, recent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def answer_in_time(
    request: GetRequest, environ: "Mapping[str, str]", report: "Callable[[int], None]"
) -> "tuple[int, bytes] | None":
    """Return the `answer` to a `get`. report: as in `watchdog.start`; it stays on without one."""
    watchdog.start(protocol.time_limit(environ), report)
    try:
        found = answer(request, environ, time.time_ns())
    except Exception as exc:  # whatever it is, it happens again, and is reported
        if isinstance(exc.__cause__, KeyboardInterrupt):
            raise  # an interrupt while a module loads; see `__main__.in_full`
        return None
    if found:
        watchdog.stop()
    return found


def answer(
    request: GetRequest, environ: "Mapping[str, str]", now: int
) -> "tuple[int, bytes] | None":
    """Return the exit code and output of a `get`, by the fresh token of the registry's endpoint.

    Returns None if there is none, or if settings without a table, or variables, may choose another
    identity for its account. now: nanoseconds since the epoch (UTC).
    """
    line = request.identity
    if not line or identity.account_variables(environ):  # the cache was not searched
        return None
    # The line shows the settings as the cache was searched; they must still be the same.
    if paths.has_settings(environ):
        return _answer_by_table(request, environ, now)
    if request.registry is None or identity.settings_part(environ, identity.MISSING) not in line:
        return None
    return _serve(request, environ, now, (request.registry, "", ""))


def _answer_by_table(
    request: GetRequest, environ: "Mapping[str, str]", now: int
) -> "tuple[int, bytes] | None":
    from docker_credential_ecrpy.helper import rule_table

    settings, directory = identity.settings_part(environ), paths.cache_dir(environ)
    table = rule_table.read(directory, settings, now) if settings in request.identity else None
    if table is None:
        return None
    choice = table.choose(request.server_url)
    if choice is None:
        host = registry.parse_host(request.server_url)
        return None if table.has_fallback or not host else _refuse(host, request, directory, now)
    if choice.identity is None:
        return None
    settings = "" if choice.is_ecr_host else settings
    return _serve(request, environ, now, (choice.registry, choice.identity, settings))


def _refuse(host: str, request: GetRequest, directory: str, now: int) -> tuple[int, bytes]:
    """Return that the host is not ECR's; from now on the hot path knows it without the rules."""
    note = cache.Entry(now, now + entry.TOKEN_LIFE, now + entry.TOKEN_LIFE, b"")
    try:
        entry.write(*cache.elsewhere_place(directory, host, request.identity), note)
    except OSError:
        pass  # the next `get` asks the table again
    return protocol.FAILED, f"{protocol.NOT_FOUND}\n".encode()


def _serve(
    request: GetRequest,
    environ: "Mapping[str, str]",
    now: int,
    chosen: "tuple[registry.Registry, str, str]",
) -> "tuple[int, bytes] | None":
    """Return the endpoint's token.

    chosen: the registry, what a rule appends to the identity, and the settings as in
    `hot.cache.login_place`.
    """
    at, choice, settings = chosen
    line, directory = request.identity, paths.cache_dir(environ)
    endpoint = cache.token_place(directory, at.endpoint, line + choice)
    try:
        found = cache.read(*endpoint, now, environ)
    except cache.Miss:
        return None
    if not found.fresh(now):
        return None
    try:
        place = cache.token_place(directory, at.host, line, settings)
        entry.write(*place, entry.refer(*endpoint, found))
        recent.remember(directory, at.host)
    except OSError:
        pass  # the next `get` finds the endpoint's token again
    return protocol.OK, protocol.reply(request.server_url, found.reply)
