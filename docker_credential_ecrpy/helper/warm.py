"""The token of a region serves a registry that was not asked for before.

What `Broker` would find for it, too; but the first `docker build` asks for each registry that
Docker knows, and without settings there is nothing to load all that for.
"""

from collections.abc import Mapping

from docker_credential_ecrpy.hot import cache, identity, paths, protocol, registry
from docker_credential_ecrpy.tokens import recent, store


def answer(request: bytes, environ: Mapping[str, str], now: int) -> bytes | None:
    """Return the reply to a `get`, where another registry's token is fresh and serves this one.

    None where there is none, or where settings or variables may choose another identity for its
    account. `now` is in nanoseconds since the epoch (UTC).
    """
    server_url = request.decode("latin-1")
    found = registry.parse(server_url)
    directory = paths.cache_dir(environ)
    if not (found and directory):
        return None
    if paths.has_settings(environ) or identity.chosen(environ):
        return None
    line = identity.line(environ)
    try:
        entry = cache.read(*cache.token_place(directory, found.endpoint, line), now)
    except cache.Miss:
        return None
    if not entry.fresh(now):
        return None
    try:
        store.write(*cache.token_place(directory, found.host, line), entry)
        recent.remember(directory, found.host)
    except OSError:
        pass  # the next one finds it where this one did
    return protocol.reply(server_url, entry.reply)
