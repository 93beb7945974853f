"""The hosts that a rule's `match` covers: one host, an account's, or a glob's.

A pattern is a sequence of steps: the characters allowed in one place, or a star. To compare it
with a host, or with a form of ECR's host names, takes a fraction of a microsecond for each step.
"""

import re
import string
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property, lru_cache

from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.hot.values import dataclass

LONGEST = 1024
"""Characters of a pattern: a host name has at most 253, and a set takes several for one of them."""

_LETTERS = string.ascii_lowercase + string.digits
_LABEL = frozenset(_LETTERS + "-")
_ANY = _LABEL | {"."}
_WILD = frozenset("*?[")
_PIECES = re.compile(r"\[((?:!.|[^!])[^\]]*)\]|.", re.DOTALL)  # a set, or one character
_one: Callable[[str], frozenset[str]] = cache(frozenset)  # one object for each character
_STAR = _one("*")  # the step that matches any characters, or none
_REGION_END = frozenset(_LETTERS)  # any number of a label's characters may precede this one


class BadPattern(ValueError):
    """The text is not a pattern; the message says why."""


@dataclass(frozen=True)
class Pattern:
    """A rule's `match`: an account id, a host, or a glob over hosts.

    In a glob `*` matches any characters, dots too, `?` matches one, and `[...]` one of a set.
    """

    text: str
    is_account: bool = False

    @cached_property
    def steps(self) -> tuple[frozenset[str], ...]:
        """The characters allowed in each place, or a star. Raises BadPattern."""
        return tuple(_parse_steps(self._glob))

    @property
    def is_glob(self) -> bool:
        """Whether it has any wildcard."""
        return not _WILD.isdisjoint(self.text)

    @property
    def start(self) -> str:
        """The text before its first wildcard, with which each host begins that it covers."""
        return self._fixed[0]

    @property
    def longest(self) -> str:
        """The longest text between its wildcards, which each host has that it covers."""
        return max(self._fixed, key=len)

    @property
    def ends_in_domain(self) -> bool:
        """Whether it ends in a fixed domain of two labels or more, as *.a.example does."""
        return "." in self._fixed[-1].partition(".")[2]

    @property
    def examples(self) -> list[str]:
        """Host names with "*" for unknown text: a pattern that `matches` all covers all hosts."""
        return list(_private_hosts(self.text)) if self.is_account else ["*".join(self._fixed)]

    @property
    def _glob(self) -> str:
        return f"{self.text}.*" if self.is_account else self.text

    @cached_property
    def _fixed(self) -> list[str]:
        """The texts between the wildcards."""
        if "[" not in self.text:  # then they are known without the steps
            return self._glob.replace("?", "*").split("*")
        return "".join(min(step) if len(step) == 1 else "*" for step in self.steps).split("*")

    def matches(self, host: str) -> bool:
        """Whether it covers `host`, a name in lower case; only stars match a "*" in that."""
        may_match = host.startswith(self.start) and all(map(host.__contains__, self._fixed))
        return may_match and _host_form(host).meets(self.steps)

    def can_match_ecr(self) -> bool:
        """Whether it covers any ECR host, in any account and region."""
        return any(form.meets(self.steps) for form in _ecr_forms())


def parse(text: str) -> Pattern:
    """Return the pattern in a text; `check` says whether there is one."""
    lowered = text.lower()
    return Pattern(lowered, registry.is_account(lowered))


def check(pattern: Pattern) -> None:
    """Raise BadPattern if the text of a pattern is none."""
    if len(pattern.text) > LONGEST:
        msg = f"it has more than {LONGEST:,} characters"
        raise BadPattern(msg)
    host = registry.parse_host(pattern.text)
    is_host = bool(host) and host == pattern.text and not host.isdigit()
    if not (pattern.is_account or pattern.is_glob or is_host):
        msg = f'write the host name alone, without scheme, port and path: "{host}"'
        if not host:
            msg = "it is neither an account id of 12 digits, nor a host name, nor a glob over hosts"
        elif host.isdigit():
            msg = f"an account id has 12 digits, and this one has {len(host)}"
        raise BadPattern(msg)
    _ = pattern.steps  # raises BadPattern


def _parse_steps(text: str) -> Iterator[frozenset[str]]:
    """Yield the steps of a glob. Raises BadPattern."""
    for found in _PIECES.finditer(text):
        piece, characters = found[0], found[1]
        if characters:
            yield _parse_set(characters)
        elif piece == "?":
            yield _ANY
        elif piece == "*" or piece in _ANY:
            yield _one(piece)
        else:
            msg = f"no host name has {piece!r}: write hosts without scheme, port and path"
            raise BadPattern("a [ has no closing ]" if piece == "[" else msg)


def _parse_set(text: str) -> frozenset[str]:
    inverted = text.startswith("!")
    ranges = re.findall("(.)(?:-(.))?", text[inverted:], re.DOTALL)
    found = {c for c in _ANY if any(first <= c <= (last or first) for first, last in ranges)}
    return _ANY - found if inverted else frozenset(found)


def _private_hosts(account: str) -> Iterator[str]:
    """Yield a host of each form that `registry.parse` knows, with "*" as region."""
    kinds = {"dkr.ecr": registry.SUFFIXES, "dkr-ecr": registry.DUAL_STACK_SUFFIXES}
    for kind, suffixes in kinds.items():
        for suffix in sorted(suffixes):
            yield from (f"{account}.{kind}{fips}.*.{suffix}" for fips in ("", "-fips"))


class _Form:
    """A host, or a form of host names: the characters allowed in each place.

    Sets of places are bits of an integer; bit n stands for the first n places.
    """

    def __init__(self, places: Sequence[str | frozenset[str]]) -> None:
        self._end = 1 << len(places)
        self._region_end = 0
        self._at: dict[str, int] = {}
        self._moves: dict[frozenset[str], tuple[int, int]] = {}
        for number, allowed in enumerate(places):
            self._region_end |= (allowed is _REGION_END) << number
            for character in allowed:
                self._at[character] = self._at.get(character, 0) | 1 << number

    def meets(self, steps: Sequence[frozenset[str]]) -> bool:
        """Whether steps match any text of this form."""
        reached = 1
        for step in steps:
            if step is _STAR:
                reached = -(reached & -reached) & (self._end * 2 - 1)  # all from the lowest one on
                continue
            go, stay = self._moves.get(step) or self._find_moves(step)
            reached = (reached & go) << 1 | reached & stay
            if not reached:
                return False
        return reached & self._end != 0

    def _find_moves(self, step: frozenset[str]) -> tuple[int, int]:
        """Return the places from which a step goes on, and those where it may stay."""
        go = 0
        for character in step:
            go |= self._at.get(character, 0)
        stay = 0 if step.isdisjoint(_LABEL) else self._region_end
        self._moves[step] = go, stay
        return go, stay


@lru_cache(maxsize=1024)
def _host_form(host: str) -> _Form:
    return _Form(host)


@cache
def _ecr_forms() -> Sequence[_Form]:
    """Return the forms of ECR's hosts."""
    account = [frozenset(string.digits)] * registry.ACCOUNT_DIGITS
    region = (frozenset(_LETTERS), _REGION_END)
    forms = [_host_form(host) for host in sorted(registry.PUBLIC_HOSTS)]
    for host in _private_hosts(""):
        kind, _, suffix = host.partition("*")
        forms.append(_Form([*account, *kind, *region, *suffix]))
    return forms
