"""A `get` for a host that is new to the cache, from its endpoint's cached token or the rules.

If another process is fetching that token, this waits for it. The broker does both, too. But the
first `docker build` asks for every registry that Docker knows, a CI job starts many pulls at once,
and this needs none of the broker's modules. Of settings it needs the rule table that an earlier
`get` left in the cache.
"""

import time

from docker_credential_ecrpy.hot import cache, identity, paths, protocol, registry, watchdog
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.tokens import entry, recent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker_credential_ecrpy.tokens.turn import Turn

    Place = tuple[str, str]
    """The path and subject of an entry, as in `hot.cache`."""
    Answer = tuple[int, bytes]
    """An exit code and what goes to standard output."""


def answer_in_time(
    request: GetRequest, environ: "Mapping[str, str]", report: "Callable[[int], None]"
) -> "tuple[Answer | None, Turn | None]":
    """Return the `answer` to a `get`. report: as in `watchdog.start`; it stays on without one."""
    watchdog.start(protocol.time_limit(environ), report)
    try:
        found, turn = answer(request, environ, time.time_ns())
    except Exception as exc:  # whatever it is, it happens again, and is reported
        if isinstance(exc.__cause__, KeyboardInterrupt):
            raise  # an interrupt while a module loads; see `__main__.in_full`
        return None, None
    if found:
        watchdog.stop()
    return found, turn


def answer(
    request: GetRequest, environ: "Mapping[str, str]", now: int
) -> "tuple[Answer | None, Turn | None]":
    """Return the exit code and output of a `get`, by the fresh token of the registry's endpoint.

    There is none, also if settings without a table, or variables, may choose another identity for
    its account. Then the second value is this process's turn to fetch a token, if it has waited for
    that. now: nanoseconds since the epoch (UTC).
    """
    line = request.identity
    if not line or identity.account_variables(environ):  # the cache was not searched
        return None, None
    # The line shows the settings as the cache was searched; they must still be the same.
    if paths.has_settings(environ):
        return _answer_by_table(request, environ, now)
    if request.registry is None or identity.settings_part(environ, identity.MISSING) not in line:
        return None, None
    return _serve(request, environ, now, (request.registry, "", ""))


def _answer_by_table(
    request: GetRequest, environ: "Mapping[str, str]", now: int
) -> "tuple[Answer | None, Turn | None]":
    from docker_credential_ecrpy.helper import rule_table

    settings, directory = identity.settings_part(environ), paths.cache_dir(environ)
    table = rule_table.read(directory, settings, now) if settings in request.identity else None
    if table is None:
        return None, None
    choice = table.choose(request.server_url)
    if choice is None:
        host = registry.parse_host(request.server_url)
        is_ours = host and request.not_found and not table.has_fallback
        return _refuse(host, request, directory, now) if is_ours else None, None
    if choice.identity is None:
        return None, None
    settings = "" if choice.is_ecr_host else settings
    return _serve(request, environ, now, (choice.registry, choice.identity, settings))


def _refuse(host: str, request: GetRequest, directory: str, now: int) -> "Answer | None":
    """Return that the host is not ECR's. Only for a request that has an answer for this."""
    try:
        entry.note_elsewhere(directory, host, request.identity, now)
    except OSError:
        pass  # the next `get` asks the table again
    return request.not_found


def _serve(
    request: GetRequest,
    environ: "Mapping[str, str]",
    now: int,
    chosen: "tuple[registry.Registry, str, str]",
) -> "tuple[Answer | None, Turn | None]":
    """Return the `answer` by the endpoint's token.

    chosen: the registry, what a rule appends to the identity, and the settings as in
    `hot.cache.login_place`.
    """
    at, choice, settings = chosen
    line, directory = request.identity, paths.cache_dir(environ)
    host = cache.token_place(directory, at.host, line, settings)
    endpoint = cache.token_place(directory, at.endpoint, line + choice)
    found, kept, turn = _read(endpoint, now, environ), None, None
    if found is None and request.due is None:
        turn = _take_turn(at.endpoint, line + choice, environ)
    if turn:
        now = time.time_ns()
        try:
            # Whoever had the turn before may have fetched it for this host, too.
            kept = None if turn.is_held else _read(host, now, environ)
            found = kept or _read(endpoint, now, environ)
        except BaseException:
            turn.close()  # or this process would wait for itself
            raise
    if found is None or not found.fresh(now):
        return None, turn
    if turn:
        turn.close()
    if kept is None:
        try:
            entry.write(*host, entry.refer(*endpoint, found))
            recent.remember(directory, at.host)
        except OSError:
            pass  # the next `get` finds the endpoint's token again
    return (protocol.OK, request.reply(found, now)), None


def _read(place: "Place", now: int, environ: "Mapping[str, str]") -> "cache.Entry | None":
    try:
        return cache.read(*place, now, environ)
    except cache.Miss:
        return None


def _take_turn(endpoint: str, line: str, environ: "Mapping[str, str]") -> "Turn | None":
    """Wait for this process's turn to fetch an endpoint's token; None where that is not possible.

    A lock that was free is kept: the others wait for this process. After a wait it is the next
    one's, while this process loads what it needs to share a failure.
    """
    directory = paths.cache_dir(environ)
    seconds = protocol.parse_timeout(environ.get("AWS_ECR_TIMEOUT", ""))
    usable = protocol.has_streams() and not paths.lacks_home(directory, environ)
    if not (seconds and usable):
        return None
    from docker_credential_ecrpy.tokens.turn import WAIT_SHARE, Turn

    turn = Turn(directory, endpoint, line, time.time_ns())
    try:
        if not turn.take(0) and turn.take(seconds * WAIT_SHARE):
            turn.give_back()
    except BaseException:
        turn.close()
        raise
    return turn
