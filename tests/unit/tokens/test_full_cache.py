"""A full cache: how many files an action looks at, and which are removed."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from docker_credential_ecrpy.files import temporary
from docker_credential_ecrpy.files.directory import Directory
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.tokens import entry as entry_file
from docker_credential_ecrpy.tokens import recent, store
from docker_credential_ecrpy.tokens.folder import MARKER, look_into
from tests.world.entries import NOW, list_files, make_entry, make_folder
from tests.world.hosts import HOST
from tests.world.tokens import ENDPOINT, Clock, MakeBroker, parse_host

pytestmark = pytest.mark.usefixtures("same_descriptors")
OTHERS = 2000
EXAMINED = 64  # by each sweep
_ENTRY = entry_file.pack("another one", make_entry())


@pytest.fixture(name="counts")
def _counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The number of calls that look at a file or a folder."""
    counts: Counter[str] = Counter()

    def count(name: str) -> Callable[..., object]:
        function = getattr(os, name)

        def counted(*args: object, **options: object) -> object:
            counts[name] += 1
            return function(*args, **options)

        return counted

    for name in ("open", "stat", "lstat", "listdir", "scandir", "unlink"):
        monkeypatch.setattr(os, name, count(name))
    return counts


def _name_host(number: int) -> str:
    return f"{300_000_000_000 + number}.dkr.ecr.us-east-1.amazonaws.com"


def _put(folder: Path, number: int, age: int = 0) -> Path:
    """Write a file of another registry, so many seconds old."""
    host, data = _name_host(number), _ENTRY
    if folder.name == paths.REGISTRIES:
        name, data = host, b""
    elif folder.name == paths.LOCKS:
        name, data = f"{ENDPOINT}~{number:03x}", b""
    else:
        name = f"{host}~{number:032x}"
    path = folder / name
    path.write_bytes(data)
    path.chmod(0o600)
    if age:
        os.utime(path, ns=(NOW - age * cache.SECOND,) * 2)
    return path


def _fill(directory: Path, number: int) -> None:
    """Write this many tokens, logins, notes, hosts and locks of as many other registries."""
    for kind in (paths.TOKENS, paths.LOGINS, paths.ELSEWHERE, paths.REGISTRIES, paths.LOCKS):
        folder = make_folder(directory / kind)
        for count in range(number):
            _put(folder, count)


def _write(directory: str, host: str) -> None:
    """Store a token's reference for a host, and list it, as for a second account."""
    token = cache.token_place(directory, ENDPOINT, "me")
    entry = entry_file.refer(*token, make_entry())
    entry_file.write(*cache.token_place(directory, host, "me"), entry)
    recent.remember(directory, host)


def _second_account(directory: str) -> None:
    _write(directory, "2" + HOST[1:])


def _store(directory: str) -> None:
    entry_file.write(*cache.login_place(directory, HOST), make_entry())
    recent.remember(directory, HOST)
    store.sweep(os.path.join(directory, paths.LOGINS), NOW)


def _erase(directory: str) -> None:
    assert store.forget(directory, HOST) == 2


@pytest.mark.parametrize(("act", "more"), [(_erase, 0), (_second_account, 0), (_store, EXAMINED)])
def test_what_an_action_looks_at(
    tmp_path: Path, act: Callable[[str], None], more: int, counts: Counter[str]
) -> None:
    """Beside 2,000 tokens, logins, notes and hosts, it opens the files of its own registry alone.

    A store examines some other logins.
    """
    seen = []
    for others in (0, OTHERS):
        directory = tmp_path / str(others)
        _fill(directory, others)
        entry_file.write(*cache.token_place(str(directory), ENDPOINT, "me"), make_entry())
        _write(str(directory), HOST)
        counts.clear()
        act(str(directory))
        seen.append(Counter(counts))

    empty, full = seen
    assert full - empty == Counter({"open": more - 1} if more else {})  # of its own login
    assert empty["open"] < EXAMINED
    assert empty["listdir"] <= 3


def test_what_a_first_get_looks_at(
    tmp_path: Path, broker: MakeBroker, counts: Counter[str]
) -> None:
    """The sweeps after a new token examine some files of each folder, and no lock."""
    _fill(tmp_path / "ecr", recent.LISTED)
    seen = []
    for number in range(2):
        counts.clear()
        broker(identity=f"{number}").obtain(parse_host(), 25)
        seen.append(Counter(counts))

    assert all(found["open"] < 6 * EXAMINED for found in seen)
    assert all(found["listdir"] + found["scandir"] == 5 for found in seen)
    assert seen[1]["stat"] < EXAMINED


def test_what_a_sweep_of_a_very_full_folder_looks_at(tmp_path: Path, counts: Counter[str]) -> None:
    """It lists no folder whole, and removes some hundreds of files; each next sweep as many."""
    kept, surplus = store.MOST_ENTRIES, store.MOST_SURPLUS
    folder = make_folder(tmp_path / paths.TOKENS)
    for number in range(kept + 3 * surplus + 10):
        _put(folder, number, age=1 + number)

    for left in (2 * surplus + 10, surplus + 10, 10, 0):
        counts.clear()
        gone = store.sweep(str(folder), NOW)
        looked = Counter(counts)
        assert len(list_files(folder)) == kept + left
        assert looked["listdir"] == 0
        assert looked["unlink"] == gone
        assert looked["open"] <= surplus + EXAMINED + 10
        assert looked["stat"] <= kept + surplus + 10


@pytest.mark.parametrize("kind", [paths.TOKENS, paths.REGISTRIES])
def test_how_much_of_a_folder_is_read(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep reads 400 names more than a folder's limit, and `list` 500 names."""
    folder = make_folder(tmp_path / kind)
    read: list[int] = []
    first_names = Directory.first_names

    def count(folder: Directory, most: int) -> list[str]:
        read.append(most)
        return first_names(folder, most)

    monkeypatch.setattr(Directory, "first_names", count)
    monkeypatch.setattr(Directory, "names", None)
    if kind == paths.TOKENS:
        store.sweep(str(folder), NOW)
        assert read == [2400]
    else:
        store.sweep_hosts(str(folder), recent.is_old, recent.LISTED)
        recent.list_hosts(str(tmp_path))
        assert read == [600, 500]


def test_the_most_recent_of_a_very_full_folder_stay(tmp_path: Path) -> None:
    """Whichever files the file system names first, no sweep removes one of the most recent."""
    folder = make_folder(tmp_path / paths.TOKENS)
    number = store.MOST_ENTRIES + 2 * store.MOST_SURPLUS
    ages = random.Random(7).sample(range(1, number + 1), number)
    recent_names = {
        path.name
        for path, age in [(_put(folder, count, age), age) for count, age in enumerate(ages)]
        if age <= store.MOST_ENTRIES
    }

    for second in range(2):
        assert recent_names <= _left(folder)
        store.sweep(str(folder), NOW + second * cache.SECOND)
    assert _left(folder) == recent_names


def test_files_that_vanish_during_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that another process removes meanwhile do not end a sweep, and count as gone."""
    monkeypatch.setattr(store, "MOST_ENTRIES", 10)
    folder = make_folder(tmp_path / paths.TOKENS)
    written = [_put(folder, number, age=1 + number) for number in range(30)]
    gone = {path.name for path in written[:3]}
    look = Directory.stat

    def look_late(opened: Directory, name: str) -> os.stat_result:
        if name in gone:
            (folder / name).unlink()
        return look(opened, name)

    monkeypatch.setattr(Directory, "stat", look_late)

    assert store.sweep(str(folder), NOW) == 17
    assert _left(folder) == {path.name for path in written[3:13]}


def test_all_but_the_limit_vanish_during_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another sweep was faster, nothing more is removed."""
    monkeypatch.setattr(store, "MOST_ENTRIES", 10)
    folder = make_folder(tmp_path / paths.TOKENS)
    written = [_put(folder, number, age=1 + number) for number in range(12)]
    look = Directory.stat

    def look_late(opened: Directory, name: str) -> os.stat_result:
        for path in written[10:]:
            path.unlink(missing_ok=True)
        return look(opened, name)

    monkeypatch.setattr(Directory, "stat", look_late)

    assert store.sweep(str(folder), NOW) == 0
    assert len(list_files(folder)) == 10


def test_temporary_files_are_no_tokens(tmp_path: Path) -> None:
    """They do not count among the most recent, and those of a living process stay."""
    folder = make_folder(tmp_path / paths.TOKENS)
    for number in range(store.MOST_ENTRIES):
        _put(folder, number, age=1 + number)
    (folder / temporary.make_name()).touch()

    assert store.sweep(str(folder), NOW) == 0
    assert len(list_files(folder)) == store.MOST_ENTRIES + 1


def test_what_was_just_written_counts(tmp_path: Path, clock: Clock, broker: MakeBroker) -> None:
    """After a call of AWS, the cache holds the 2,000 most recent tokens, the new ones included."""
    folder = make_folder(tmp_path / "ecr" / paths.TOKENS)
    hour_ago = time.time() - 3600
    data = entry_file.pack("another one", make_entry(clock()))
    for number in range(store.MOST_ENTRIES):
        path = _put(folder, number)
        path.write_bytes(data)
        os.utime(path, (hour_ago - number, hour_ago - number))
    broker().obtain(parse_host(), 25)

    new = {name for name in _left(folder) if name.startswith((f"{HOST}~", f"{ENDPOINT}~"))}
    others = store.MOST_ENTRIES - len(new)
    assert new
    assert _left(folder) - new == {f"{_name_host(n)}~{n:032x}" for n in range(others)}


def _left(folder: Path) -> set[str]:
    return {path.name for path in list_files(folder)}


@pytest.mark.parametrize("kind", [paths.TOKENS, paths.ELSEWHERE])
def test_the_oldest_of_too_many_are_removed(tmp_path: Path, kind: str) -> None:
    """A sweep leaves the most recent 2,000 tokens or notes, and removes those before them."""
    folder = make_folder(tmp_path / kind)
    written = [
        _put(folder, number, age=1 + number)
        for number in range(store.MOST_ENTRIES + store.MOST_SURPLUS)
    ]

    assert store.sweep(str(folder), NOW) == store.MOST_SURPLUS
    assert _left(folder) == {path.name for path in written[: store.MOST_ENTRIES]}
    assert store.sweep(str(folder), NOW) == 0


def test_no_login_is_removed_before_it_expires(tmp_path: Path) -> None:
    """A login cannot be fetched again: however many there are, a sweep leaves all that are live."""
    folder = make_folder(tmp_path / paths.LOGINS)
    for number in range(store.MOST_ENTRIES + 10):
        _put(folder, number, age=1 + number)

    assert store.sweep(str(folder), NOW) == 0
    assert len(list_files(folder)) == store.MOST_ENTRIES + 10


@pytest.mark.parametrize(("kind", "left"), [(paths.TOKENS, 2), (paths.LOGINS, 4)])
def test_the_most_entries_are_not_the_most_logins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, left: int
) -> None:
    """Of tokens the most recent stay; of logins all."""
    assert store.MOST_ENTRIES == OTHERS
    monkeypatch.setattr(store, "MOST_ENTRIES", 2)
    folder = make_folder(tmp_path / kind)
    written = [_put(folder, number, age=1 + number) for number in range(4)]

    assert store.sweep(str(folder), NOW) == 4 - left
    assert _left(folder) == {path.name for path in written[:left]}


def test_files_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among files with one timestamp, no more are removed than are too many."""
    monkeypatch.setattr(store, "MOST_ENTRIES", 10)
    folder = make_folder(tmp_path / paths.TOKENS)
    for number in range(15):
        _put(folder, number, age=1)

    assert store.sweep(str(folder), NOW) == 5


def test_a_token_that_is_written_again_during_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that was the oldest when the sweep began, and was written since, stays."""
    monkeypatch.setattr(store, "MOST_ENTRIES", 1)
    folder = make_folder(tmp_path / paths.TOKENS)
    written = [_put(folder, number, age=1 + number) for number in range(3)]
    find = store._find_surplus

    def find_and_write(*args: object) -> object:
        found = find(*args)  # type: ignore[arg-type]  # as it was called
        os.utime(written[2], ns=(NOW, NOW))
        return found

    monkeypatch.setattr(store, "_find_surplus", find_and_write)

    assert store.sweep(str(folder), NOW) == 1
    assert _left(folder) == {written[0].name, written[2].name}


def test_a_sweep_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow disk, a sweep that must remove many stops, and later sweeps go on."""
    monkeypatch.setattr(store, "MOST_ENTRIES", 10)
    folder = make_folder(tmp_path / paths.TOKENS)
    for number in range(300):
        _put(folder, number, age=1 + number)
    ticks = iter(range(10**6))
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks) * store._SWEEP_TIME / 100)

    gone = store.sweep(str(folder), NOW)
    assert 0 < gone <= 100
    while len(list_files(folder)) > 10:
        before = len(list_files(folder))
        store.sweep(str(folder), NOW)
        assert len(list_files(folder)) < before


def test_the_most_recent_hosts_are_listed(tmp_path: Path) -> None:
    """`list` has the hosts with the most recent tokens; the others are removed by a sweep."""
    folder = make_folder(tmp_path / paths.REGISTRIES)
    now = time.time()
    for number in range(recent.LISTED + 44):
        os.utime(_put(folder, number), (now - number, now - number))
    wanted = [_name_host(number) for number in range(recent.LISTED)]

    assert recent.list_hosts(str(tmp_path)) == wanted
    store.sweep_hosts(str(folder), recent.is_old, recent.LISTED)
    assert sorted(_left(folder)) == wanted


def test_a_new_host_is_listed_at_once(tmp_path: Path, clock: Clock, broker: MakeBroker) -> None:
    """With as many hosts as are listed, the next one replaces the oldest."""
    folder = make_folder(tmp_path / "ecr" / paths.REGISTRIES)
    hour_ago = time.time() - 3600
    for number in range(recent.LISTED):
        os.utime(_put(folder, number), (hour_ago - number, hour_ago - number))
    broker().obtain(parse_host(), 25)

    listed = recent.list_hosts(str(tmp_path / "ecr"))
    assert HOST in listed
    assert len(listed) == recent.LISTED
    assert _name_host(recent.LISTED - 1) not in _left(folder)


def test_a_very_full_folder_of_hosts(tmp_path: Path) -> None:
    """`list` has the most recent of the hosts that it reads, and all that it reads are hosts."""
    folder = make_folder(tmp_path / paths.REGISTRIES)
    now = time.time()
    for number in range(recent.MOST_READ + 300):
        os.utime(_put(folder, number), (now - number, now - number))
    with look_into(str(folder)) as opened:
        read = {*opened.first_names(recent.MOST_READ)} - {MARKER}

    assert recent.list_hosts(str(tmp_path)) == sorted(read)[: recent.LISTED]
    while len(list_files(folder)) > recent.LISTED:
        before = len(list_files(folder))
        store.sweep_hosts(str(folder), recent.is_old, recent.LISTED)
        assert before - len(list_files(folder)) == min(before - recent.LISTED, store.MOST_SURPLUS)
    assert recent.list_hosts(str(tmp_path)) == [_name_host(n) for n in range(recent.LISTED)]
