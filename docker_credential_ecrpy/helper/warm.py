"""A `get` for a registry that is new to the cache, from its endpoint's cached token.

The broker would find that token, too. But the first `docker build` asks for every registry that
Docker knows, and without settings this needs none of the broker's modules.
"""

from collections.abc import Mapping

from docker_credential_ecrpy.hot import cache, identity, paths, protocol
from docker_credential_ecrpy.hot.protocol import GetRequest
from docker_credential_ecrpy.tokens import lookup, recent, store


def answer(request: GetRequest, environ: Mapping[str, str], now: int) -> bytes | None:
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
    _, host, endpoint = lookup.list_places(directory, registry, line, line)
    hit = lookup.find([endpoint], now, environ).fresh
    if hit is None:
        return None
    try:
        reference = cache.refer(endpoint.path, endpoint.subject, hit.entry)
        store.write(host.path, host.subject, reference)
        recent.remember(directory, registry.host)
    except OSError:
        pass  # the next `get` finds the endpoint's token again
    return protocol.reply(request.server_url, hit.entry.reply)
