"""The cache's lookup order for a registry."""

import os
from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import cache, registry
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import lookup
from docker_credential_ecrpy.tokens.lookup import (
    CacheHit,
    CacheMiss,
    CachePlace,
    Kind,
    LookupResult,
)
from tests.world.entries import HOUR, NOW, REPLY

HOST = "123456789012.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture(name="places")
def _places(tmp_path: Path) -> list[CachePlace]:
    """The places of a login, the host's token and its endpoint's, in this order."""
    found = registry.parse(HOST)
    assert found is not None
    directory = str(tmp_path)
    return [*lookup.list_places(directory, found, "ambient", "chosen")]


def _keep(place: CachePlace, refresh: int = HOUR, expires: int = 2 * HOUR) -> None:
    entry = cache.Entry(NOW, NOW + refresh, NOW + expires, REPLY)
    entry_file.write(place.path, place.subject, entry)


def test_where_they_are(places: list[CachePlace], tmp_path: Path) -> None:
    """The host's token belongs to the ambient identity, the endpoint's to the chosen one."""
    endpoint = "ecr@us-east-1.amazonaws.com"

    assert [(place.kind, place.name) for place in places] == [
        (Kind.LOGIN, HOST),
        (Kind.HOST, HOST),
        (Kind.ENDPOINT, endpoint),
    ]
    assert [(place.path, place.subject) for place in places] == [
        cache.login_place(str(tmp_path), HOST),
        cache.token_place(str(tmp_path), HOST, "ambient"),
        cache.token_place(str(tmp_path), endpoint, "chosen"),
    ]


def test_a_login_of_a_private_name_has_its_settings_place(tmp_path: Path) -> None:
    """A login stored under other settings is not found."""
    found = registry.parse(HOST)
    assert found is not None
    private = found.override(host="images.test")
    place, *_ = lookup.list_places(str(tmp_path), private, "ambient", "chosen", "'f':1")

    assert (place.path, place.subject) == cache.login_place(str(tmp_path), "images.test", "'f':1")
    assert place.subject == "images.test login 'f':1"


def test_each_kind_has_its_words_for_users() -> None:
    """Each kind has the text that `explain` and `doctor` print."""
    assert [kind.value for kind in Kind] == [
        "a stored login, used until it expires",
        "a token for this host",
        "a token of its endpoint, used for this host too",
    ]


@pytest.mark.parametrize("kept", [(0, 1, 2), (1, 2), (2,), (0, 2), (0,), (1,), ()])
def test_the_first_that_is_fresh_answers(places: list[CachePlace], kept: tuple[int, ...]) -> None:
    """A login comes before the host's token, and that before the endpoint's."""
    for number in kept:
        _keep(places[number])
    found = lookup.find(places, NOW, environ={})
    first = min(kept, default=len(places))

    assert found.misses == tuple(CacheMiss(place, "there is none yet") for place in places[:first])
    assert found.due == ()
    if kept:
        assert found.fresh is not None
        assert (found.fresh.kind, found.fresh.path) == (places[first].kind, places[first].path)
        assert found.fresh.entry.reply == REPLY
    else:
        assert found == LookupResult(misses=found.misses)
    assert found.first is found.fresh


def test_a_fresh_one_comes_before_one_that_is_due(places: list[CachePlace]) -> None:
    """A fresh entry answers, also after one that is due."""
    _keep(places[1], refresh=0)
    _keep(places[2])
    found = lookup.find(places, NOW, environ={})

    assert found.fresh is not None
    assert found.fresh.kind is Kind.ENDPOINT
    assert [hit.kind for hit in found.due] == [Kind.HOST]


@pytest.mark.parametrize(("host", "endpoint"), [(2, 3), (3, 2), (2, 2)])
def test_of_those_that_are_due_the_one_that_lives_longest(
    places: list[CachePlace], host: int, endpoint: int
) -> None:
    """Of the due entries, the one that expires last is first."""
    _keep(places[1], refresh=0, expires=host * HOUR)
    _keep(places[2], refresh=0, expires=endpoint * HOUR)
    found = lookup.find(places, NOW, environ={})

    assert found.fresh is None
    assert [hit.kind for hit in found.due] == [Kind.HOST, Kind.ENDPOINT]
    assert found.first is found.due[1 if endpoint > host else 0]


def test_why_a_place_is_of_no_use(places: list[CachePlace]) -> None:
    """Each miss has its reason, for logs and for `explain`."""
    _keep(places[0], expires=0)
    Path(places[1].path).parent.mkdir(mode=0o700)
    Path(places[1].path).write_bytes(b"damaged")
    os.chmod(places[1].path, 0o600)
    found = lookup.find(places, NOW, environ={})

    assert [miss.reason for miss in found.misses] == [
        "it has expired",
        "it is damaged",
        "there is none yet",
    ]


def test_nothing_is_opened_after_the_fresh_one(
    places: list[CachePlace], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most one file a place is opened, and none after the answer."""
    _keep(places[1])
    opened: list[str] = []
    real = cache.read_any

    def read_any(path: str, now: int | None = None) -> tuple[cache.Entry, str]:
        opened.append(path)
        return real(path, now)

    monkeypatch.setattr(cache, "read_any", read_any)
    lookup.find(iter(places), NOW, environ={})

    assert opened == [place.path for place in places[:2]]


def test_a_hit_shows_no_secret(places: list[CachePlace]) -> None:
    """The repr of a hit, which may be logged, shows no secret."""
    _keep(places[0])

    assert "tok+en" not in repr(lookup.find(places, NOW, environ={}))
    assert "tok+en" not in repr(CacheHit(Kind.LOGIN, "path", cache.Entry(1, 2, 3, REPLY)))


def test_a_lookup_cannot_be_changed(places: list[CachePlace]) -> None:
    """Lookup results are frozen: the helper passes them on to the broker."""
    hit = CacheHit(Kind.HOST, "path", cache.Entry(1, 2, 3, REPLY))

    for value in (places[0], hit, CacheMiss(places[0], "damaged"), LookupResult(hit)):
        for name in vars(value):
            with pytest.raises(AttributeError):
                setattr(value, name, None)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_a_bug_or_ctrl_c_is_not_a_miss(
    places: list[CachePlace], kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only `cache.Miss` continues the lookup at the next place."""

    def fail(*_: object) -> cache.Entry:
        raise kind

    monkeypatch.setattr(cache, "read", fail)
    with pytest.raises(kind):
        lookup.find(places, NOW, environ={})
