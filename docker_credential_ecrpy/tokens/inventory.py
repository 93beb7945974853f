"""The cache's content, for the user: listed, and cleared."""

import os
from collections.abc import Iterator, Sequence

from docker_credential_ecrpy.files.directory import Directory
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.hot.cache import Entry
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.tokens import store
from docker_credential_ecrpy.tokens.folder import look_into

TOKEN, LOGIN, ELSEWHERE = "token", "login", "not-ecr"
_KINDS = {paths.TOKENS: TOKEN, paths.LOGINS: LOGIN, paths.ELSEWHERE: ELSEWHERE}


@dataclass(frozen=True)
class CacheRecord:
    """One file of the cache, for any identity. Its entry has no reply.

    kind: TOKEN, LOGIN, or ELSEWHERE for a host that neither ECR nor the fallback serves.
    name: the registry's host, or the API endpoint whose registries it serves.
    identity: the AWS identity that fetched it, as in `identity.line`; "" for a login.
    problem: why no identity can use it, or "".
    """

    kind: str
    name: str
    identity: str
    path: str
    entry: Entry | None
    problem: str = ""

    @property
    def is_endpoint(self) -> bool:
        """Whether it serves all registries of an API endpoint."""
        return "@" in self.name

    @property
    def times(self) -> tuple[int, ...]:
        """When it was written, is refreshed and expires, in nanoseconds since the epoch (UTC)."""
        entry = self.entry
        return (entry.written, entry.refresh, entry.expires) if entry else ()


def list_records(directory: str, now: int) -> Iterator[CacheRecord]:
    """Yield every stored token and login, by name; times are nanoseconds since the epoch.

    Raises OSError for an unreadable directory.
    """
    for folder, kind in _KINDS.items():
        at = os.path.join(directory, folder)
        try:
            with look_into(at) as opened:
                names = [name for name in sorted(opened.names()) if _is_listed(opened, name)]
        except (FileNotFoundError, NotADirectoryError):
            continue
        for name in names:
            yield _listed(kind, os.path.join(at, name), name.rpartition("~")[0], now)


def _is_listed(folder: Directory, name: str) -> bool:
    """Whether it is a file with an entry's name; an empty one is a removed login.

    The table of the rules is none for the user: the settings have them.
    """
    try:
        return "~" in name and not _is_rules(name) and folder.stat(name).st_size > 0
    except FileNotFoundError:
        return False


def _is_rules(name: str) -> bool:
    return name.startswith(f"{paths.RULES}~")


def _listed(kind: str, path: str, name: str, now: int) -> CacheRecord:
    try:
        entry, subject = cache.read_any(path, now)
    except cache.Miss as exc:
        return CacheRecord(kind, name, "", path, None, str(exc))
    problem = ""
    if target := cache.referred(entry):
        try:
            entry, _ = cache.read_any(os.path.join(os.path.dirname(path), target), now)
        except cache.Miss:
            problem = "its token was removed"
    problem = problem or entry.dead(now)
    if not problem and kind != ELSEWHERE and not cache.holds_token(entry):
        problem = "it holds no token"
    entry = Entry(entry.written, entry.refresh, entry.expires, b"")
    identity = "" if kind == LOGIN else subject.partition(" ")[2]
    return CacheRecord(kind, name, identity, path, entry, problem)


def find_fetcher(record: CacheRecord, records: Sequence[CacheRecord]) -> str:
    """Return the identity line that a host's token was fetched with; "" where no entry has it.

    A host's own line has no choice of a rule. The endpoint's entry, which is written with the same
    times, has it.
    """
    for other in records:
        is_same = other.is_endpoint and other.times == record.times
        if is_same and other.identity.startswith(record.identity):
            return other.identity
    return ""


@dataclass(frozen=True)
class Cleared:
    """The numbers of removed tokens, logins and hosts; left: an error for each that remains."""

    tokens: int
    logins: int
    hosts: int
    left: tuple[OSError, ...]


def clear_cache(directory: str, started: int | None = None) -> Cleared:
    """Remove every token, login and known host, damaged ones too, as far as that is possible.

    Lock files stay: a process that waits on a removed one and a process that creates it again would
    both hold a lock. started: as in `store.forget`.
    """
    left: list[OSError] = []
    store.clear(os.path.join(directory, paths.ELSEWHERE), left, _is_rules)  # not to be counted
    folders = (paths.TOKENS, paths.LOGINS, paths.REGISTRIES, paths.ELSEWHERE)
    tokens, logins, hosts, elsewhere = (
        store.clear(os.path.join(directory, name), left, lambda _: True, started)
        for name in folders
    )
    reasons = {str(exc): exc for exc in left}  # the folders of one directory have one reason
    return Cleared(tokens, logins, hosts + elsewhere, tuple(reasons.values()))
