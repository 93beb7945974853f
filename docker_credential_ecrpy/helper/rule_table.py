"""The rules of settings without a mistake, in the cache: chooses as `settings.rules` without it.

The table is an entry of the cache. Its subject has the settings' stamp, and the version of this
program, which checked them; the next settings replace it. `rule_compiler` writes it: a line for the
fallback, one for the lengths of the first fields, one for the sets of characters, and one for each
rule, with tabs between its fields:

    fallback=0
    21
    A=-.0123456789abcdefghijklmnopqrstuvwxyz B=ew
    123456789012.dkr.ecr.  B*.amazonaws.com  <registry>  <region>  <choice>

The first two fields are the pattern: its text before the first wildcard, and the rest, with a
letter for each set. `registry` is the one behind a private name. The choice is what
`Choice.identity` appends, or "?" where only the settings and the AWS files have it.
"""

import os

from docker_credential_ecrpy import __version__
from docker_credential_ecrpy.hot import cache, paths, registry
from docker_credential_ecrpy.tokens.folder import look_into, open_ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from docker_credential_ecrpy.hot.registry import Registry

UNKNOWN: "Final" = "?"
"""The choice of a rule where the table does not have it."""
FALLBACK: "Final" = "fallback=1"
NO_FALLBACK: "Final" = "fallback=0"
"""The first line, with and without a fallback."""


class TableChoice:
    """What `rules.Choice` says about a registry, without the places in the settings.

    identity: what the choice appends to the ambient identity, or None if it is `UNKNOWN`.
    is_ecr_host: whether the host is ECR's own name, not a private one.
    """

    __slots__ = ("identity", "is_ecr_host", "registry")

    def __init__(self, registry: "Registry", identity: "str | None", *, is_ecr_host: bool) -> None:
        self.registry = registry
        self.identity = identity
        self.is_ecr_host = is_ecr_host


class RuleTable:
    """A table that `rule_compiler` compiled. Raises ValueError for any other text.

    has_fallback: whether the settings name a credential helper for other registries.
    """

    def __init__(self, text: str) -> None:
        fallback, lengths, sets, rows = text.split("\n", 3)
        if fallback not in (FALLBACK, NO_FALLBACK):
            msg = "this is not a rule table"
            raise ValueError(msg)
        self.has_fallback = fallback == FALLBACK
        self._lengths = [int(length) for length in lengths.split()]
        self._sets = [(one[0], one[2:]) for one in sets.split()]
        self._rows = f"\n{rows}"

    def choose(self, server_url: str) -> "TableChoice | None":
        """Return the choice for the registry that `server_url` names; None if that is not ECR's.

        It is that of `rules.choose` without variables.
        """
        found = registry.parse(server_url)
        host = found.host if found else registry.parse_host(server_url)
        name, region, identity = self._find(host, is_private=found is None)
        target = registry.parse(name) if name else found
        if target is None:
            return None
        target = target.override(host=host, region="" if target.public else region)
        is_known = identity != UNKNOWN
        return TableChoice(target, identity if is_known else None, is_ecr_host=not name)

    def _find(self, host: str, *, is_private: bool) -> "Sequence[str]":
        """Return registry, region and choice of the first rule for a host; empty without one."""
        at: dict[str, int] = {}
        for place in self._list_places(host):
            start, pattern, *fields = self._rows[place : self._rows.index("\n", place)].split("\t")
            if bool(fields[0]) == is_private:
                at = at or self._locate(host)
                if _meets(pattern, at, len(start), len(host)):
                    return fields
        return "", "", ""

    def _list_places(self, host: str) -> "list[int]":
        """Return where the rules begin whose first field is the host's start, in their order."""
        found = []
        for length in self._lengths:
            wanted = f"\n{host[:length]}\t"
            place = self._rows.find(wanted)
            while place >= 0:
                found.append(place + 1)
                place = self._rows.find(wanted, place + 1)
        return sorted(found)

    def _locate(self, host: str) -> "dict[str, int]":
        """Return where a host has a character, or one of a set: bit n stands for place n."""
        at: dict[str, int] = {}
        for number, character in enumerate(host):
            at[character] = at.get(character, 0) | 1 << number
        for letter, characters in self._sets:
            at[letter] = sum(at.get(character, 0) for character in characters)
        return at


def _meets(pattern: str, at: "dict[str, int]", start: int, end: int) -> bool:
    """Whether a pattern covers a host's characters from `start` to `end`, where `at` has them."""
    reached = 1 << start  # as in `patterns`, bit n stands for the first n characters
    for step in pattern:
        if step == "*":
            reached = -(reached & -reached) & ((2 << end) - 1)  # all from the lowest one on
        else:
            reached = (reached & at.get(step, 0)) << 1
            if not reached:
                return False
    return reached >> end & 1 == 1


def place(directory: str, settings: str) -> "tuple[str, str]":
    """Return the path and subject of a table. directory, settings: as in `read`."""
    file = settings.rpartition(":")[0]
    name = f"{paths.RULES}~{cache.fingerprint(file)}"
    return os.path.join(directory, paths.ELSEWHERE, name), f"{paths.RULES} {__version__} {settings}"


def read(directory: str, settings: str, now: int) -> "RuleTable | None":
    """Return the table of settings, or None if there is none, or its folder must not be used.

    directory: the cache's. settings: `identity.settings_part`. now: nanoseconds since the epoch.
    """
    path, subject = place(directory, settings)
    try:
        with look_into(os.path.dirname(path)) as folder:
            opened = open_ours(folder, os.path.basename(path))
            try:
                data = os.read(opened, min(os.fstat(opened).st_size, cache.MAX_ENTRY))
            finally:
                os.close(opened)
        entry, found = cache.parse(data)
        entry = entry.set_back(now)
        is_usable = found == subject and not entry.dead(now)
        return RuleTable(entry.reply.decode()) if is_usable else None
    except (OSError, ValueError, cache.Miss):
        return None
