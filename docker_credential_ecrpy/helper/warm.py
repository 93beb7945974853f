"""A `get` for a registry that is new to the cache, from its endpoint's cached token.

If another process is fetching that token, this waits for it. The broker does both, too. But the
first `docker build` asks for every registry that Docker knows, a CI job starts many pulls at once,
and without settings this needs none of the broker's modules.
"""

import time

from docker_credential_ecrpy.hot import cache, identity, paths, protocol, watchdog
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.tokens import entry, recent
from docker_credential_ecrpy.tokens.turn import WAIT_SHARE, Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def answer_in_time(
    request: GetRequest, environ: "Mapping[str, str]", report: "Callable[[int], None]"
) -> "tuple[bytes | None, Turn | None]":
    """Return the `answer` to a `get`. report: as in `watchdog.start`; it stays on without one."""
    watchdog.start(protocol.time_limit(environ), report)
    try:
        reply, turn = answer(request, environ, time.time_ns())
    except Exception as exc:  # whatever it is, it happens again, and is reported
        if isinstance(exc.__cause__, KeyboardInterrupt):
            raise  # an interrupt while a module loads; see `__main__.in_full`
        return None, None
    if reply:
        watchdog.stop()
    return reply, turn


def answer(
    request: GetRequest, environ: "Mapping[str, str]", now: int
) -> "tuple[bytes | None, Turn | None]":
    """Return the reply to a `get` from the fresh token of the registry's endpoint.

    There is none, also if settings or variables may choose another identity for its account. Then
    the second value is this process's turn to fetch a token, if it has waited for that. now:
    nanoseconds since the epoch (UTC).
    """
    registry, line, directory = request.registry, request.identity, paths.cache_dir(environ)
    if registry is None or not line:  # the cache was not searched
        return None, None
    # The line shows whether settings existed when the cache was searched; check them again now.
    no_settings = identity.settings_part(environ, identity.MISSING) in line
    if not no_settings or paths.has_settings(environ) or identity.account_variables(environ):
        return None, None
    endpoint = cache.token_place(directory, registry.endpoint, line)
    found, turn = _read(endpoint, now, environ), None
    if found is None and request.due is None:
        turn = _take_turn(registry.endpoint, line, environ)
        now = time.time_ns()
        found = _read(endpoint, now, environ) if turn else None
    if found is None or not found.fresh(now):
        return None, turn
    if turn:
        turn.close()
    try:
        place = cache.token_place(directory, registry.host, line)
        entry.write(*place, entry.refer(*endpoint, found))
        recent.remember(directory, registry.host)
    except OSError:
        pass  # the next `get` finds the endpoint's token again
    return protocol.reply(request.server_url, found.reply), None


def _read(
    endpoint: "tuple[str, str]", now: int, environ: "Mapping[str, str]"
) -> "cache.Entry | None":
    try:
        return cache.read(*endpoint, now, environ)
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
    turn = Turn(directory, endpoint, line, time.time_ns())
    try:
        if not turn.take(0) and turn.take(seconds * WAIT_SHARE):
            turn.give_back()
    except BaseException:
        turn.close()
        raise
    return turn
