"""A cache entry in the form that tests write."""

from docker_credential_ecrpy.hot import cache

NOW = 1_800_000_000 * cache.SECOND
HOUR = 3600 * cache.SECOND
LOGIN = b'"Username":"AWS","Secret":"a login"}\n'
REPLY = b'"Username":"AWS","Secret":"tok+en/=="}\n'


def make_entry(
    written: int = NOW, refresh: int = 6 * HOUR, expires: int = 12 * HOUR
) -> cache.Entry:
    return cache.Entry(written, written + refresh, written + expires, REPLY)
