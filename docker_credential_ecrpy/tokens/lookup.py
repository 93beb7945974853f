"""Lookup order of the cache's entries for one registry.

A stored login comes first, then the token of the registry's host, then the token of its API
endpoint, which serves every registry there. `hot.cache.answer` is the part of this that a cached
`get` needs; everything else uses this module.
"""

from collections.abc import Iterable, Mapping
from enum import Enum

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.cache import Entry
from docker_credential_ecrpy.hot.registry import Registry
from docker_credential_ecrpy.hot.values import dataclass


class Kind(Enum):
    """The kind of an entry; the value is its text for users."""

    LOGIN = "a stored login, used until it expires"
    HOST = "a token for this host"
    ENDPOINT = "a token of its endpoint, used for this host too"


@dataclass(frozen=True)
class CachePlace:
    """Where an entry may be. name: the host or endpoint. path, subject: as in `hot.cache`."""

    kind: Kind
    name: str
    path: str
    subject: str


@dataclass(frozen=True)
class CacheHit:
    """A valid entry."""

    kind: Kind
    path: str
    entry: Entry


@dataclass(frozen=True)
class CacheMiss:
    """A place without a valid entry, and why."""

    place: CachePlace
    reason: str


@dataclass(frozen=True)
class LookupResult:
    """The valid entries of a registry.

    fresh: the one that answers, or None. due: those that are due for refresh, in the order of the
    places. misses: the places before the fresh one that have no valid entry.
    """

    fresh: CacheHit | None = None
    due: tuple[CacheHit, ...] = ()
    misses: tuple[CacheMiss, ...] = ()

    @property
    def first(self) -> CacheHit | None:
        """The fresh entry, or else the one due for refresh that expires last; None for neither."""
        return self.fresh or max(self.due, key=lambda hit: hit.entry.expires, default=None)


def list_places(
    directory: str, registry: Registry, ambient: str, identity: str, settings: str = ""
) -> tuple[CachePlace, CachePlace, CachePlace]:
    """Return the places of a registry's entries, in lookup order.

    They are its login's, its host's, which is found without reading a rule, and its endpoint's, for
    all registries that share it. ambient: the line of `identity.line`. identity: that of
    `rules.Choice.identity`. settings: as in `hot.cache.login_place`.
    """
    host, endpoint = registry.host, registry.endpoint
    return (
        CachePlace(Kind.LOGIN, host, *cache.login_place(directory, host, settings)),
        CachePlace(Kind.HOST, host, *cache.token_place(directory, host, ambient, settings)),
        CachePlace(Kind.ENDPOINT, endpoint, *cache.token_place(directory, endpoint, identity)),
    )


def find(places: Iterable[CachePlace], now: int, environ: Mapping[str, str]) -> LookupResult:
    """Look up `places` in the order given, at `now` (nanoseconds since the epoch)."""
    due: list[CacheHit] = []
    misses: list[CacheMiss] = []
    for place in places:
        try:
            entry = cache.read(place.path, place.subject, now, environ)
        except cache.Miss as exc:
            misses.append(CacheMiss(place, str(exc)))
            continue
        hit = CacheHit(place.kind, place.path, entry)
        if entry.fresh(now):
            return LookupResult(hit, tuple(due), tuple(misses))
        due.append(hit)
    return LookupResult(None, tuple(due), tuple(misses))
