"""What the cache holds for one registry, and in which order it answers.

A stored login comes first, then the token of the registry's host, then the token of its API
endpoint, which serves every registry there. `hot.cache.answer` is the part of this that a cached
`get` needs; everything else asks here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from docker_credential_ecrpy.hot import cache
from docker_credential_ecrpy.hot.cache import Entry
from docker_credential_ecrpy.hot.registry import Registry


class Kind(Enum):
    """What an entry is; the value says it to users."""

    LOGIN = "a login, which answers until it expires"
    HOST = "a token for this host"
    ENDPOINT = "a token of its endpoint, which will serve"


@dataclass(frozen=True)
class CachePlace:
    """Where an entry may be. name: the host or endpoint. path, subject: as `hot.cache` has them."""

    kind: Kind
    name: str
    path: str
    subject: str


@dataclass(frozen=True)
class CacheHit:
    """An entry that works."""

    kind: Kind
    path: str
    entry: Entry


@dataclass(frozen=True)
class CacheMiss:
    """A place where nothing can be used, and why."""

    place: CachePlace
    reason: str


@dataclass(frozen=True)
class LookupResult:
    """What the places of a registry hold.

    fresh: what answers, or None. due: what works but is due for renewal, in the order of the
    places. misses: the places before the fresh one that hold nothing to use.
    """

    fresh: CacheHit | None = None
    due: tuple[CacheHit, ...] = ()
    misses: tuple[CacheMiss, ...] = ()

    @property
    def first(self) -> CacheHit | None:
        """The fresh entry, or else the one due for renewal that expires last; None for neither."""
        return self.fresh or max(self.due, key=lambda hit: hit.entry.expires, default=None)


def list_places(
    directory: str, registry: Registry, ambient: str, identity: str, settings: str = ""
) -> tuple[CachePlace, CachePlace, CachePlace]:
    """Return where a registry's entries are, in the order in which they answer.

    That is a login, the token of its host, which is found without any rule, and the token of its
    endpoint, for all registries that share it. ambient: the line of `identity.line`. identity:
    that of `rules.Choice.identity`. settings: as in `hot.cache.login_place`.
    """
    host, endpoint = registry.host, registry.endpoint
    return (
        CachePlace(Kind.LOGIN, host, *cache.login_place(directory, host, settings)),
        CachePlace(Kind.HOST, host, *cache.token_place(directory, host, ambient, settings)),
        CachePlace(Kind.ENDPOINT, endpoint, *cache.token_place(directory, endpoint, identity)),
    )


def find(places: Iterable[CachePlace], now: int) -> LookupResult:
    """Return what `places`, in the order given, hold at `now` (nanoseconds since the epoch)."""
    due: list[CacheHit] = []
    misses: list[CacheMiss] = []
    for place in places:
        try:
            entry = cache.read(place.path, place.subject, now)
        except cache.Miss as exc:
            misses.append(CacheMiss(place, str(exc)))
            continue
        hit = CacheHit(place.kind, place.path, entry)
        if entry.fresh(now):
            return LookupResult(hit, tuple(due), tuple(misses))
        due.append(hit)
    return LookupResult(None, tuple(due), tuple(misses))
