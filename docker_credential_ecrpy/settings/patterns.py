"""The hosts that a rule's `match` covers: one host, an account's, or a glob's.

A pattern is a sequence of steps: the characters allowed in one place, or a star. So is each form of
ECR's host names. A step costs time in proportion to the host's length.
"""

import re
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from docker_credential_ecrpy.hot import registry

_LETTERS = string.ascii_lowercase + string.digits
_LABEL = frozenset(_LETTERS + "-")
_ANY = _LABEL | {"."}
_WILD = frozenset("*?[")
_PIECES = re.compile(r"\[((?:!.|[^!])[^\]]*)\]|.", re.DOTALL)  # a set, or one character
_STAR = frozenset("*")  # the step that matches any characters, or none
_one: Callable[[str], frozenset[str]] = cache(frozenset)  # one object for each character
_REGION_END = frozenset(_LETTERS)  # any number of a label's characters may precede this one


class BadPattern(ValueError):
    """The text is not a pattern; the message says why."""


@dataclass(frozen=True)
class Pattern:
    """A rule's `match`: an account id, a host, or a glob over hosts.

    In a glob `*` matches any characters, dots too, `?` matches one, and `[...]` one of a set.
    """

    text: str
    steps: tuple[frozenset[str], ...]
    is_account: bool = False

    @property
    def is_glob(self) -> bool:
        """Whether it has any wildcard."""
        return not _WILD.isdisjoint(self.text)

    @property
    def ends_in_domain(self) -> bool:
        """Whether it ends in a fixed domain of two labels or more, as *.a.example does."""
        return "." in self._fixed[-1].partition(".")[2]

    @property
    def examples(self) -> list[str]:
        """Host names with "*" for unknown text: a pattern that `matches` all covers all hosts."""
        return list(_private_hosts(self.text)) if self.is_account else ["*".join(self._fixed)]

    @cached_property
    def _fixed(self) -> list[str]:
        """The texts between the wildcards."""
        return "".join(min(step) if len(step) == 1 else "*" for step in self.steps).split("*")

    def matches(self, host: str) -> bool:
        """Whether it covers `host`, a name in lower case; only stars match a "*" in that."""
        return all(map(host.__contains__, self._fixed)) and _meet(self.steps, host)

    def can_match_ecr(self) -> bool:
        """Whether it covers any ECR host, in any account and region."""
        return any(_meet(self.steps, form) for form in _ecr_forms())


def parse(text: str) -> Pattern:
    """Return the pattern in `text`. Raises BadPattern."""
    lowered = text.lower()
    if registry.is_account(lowered):
        return Pattern(lowered, tuple(_parse_steps(f"{lowered}.*")), is_account=True)
    host = registry.parse_host(lowered)
    if _WILD.isdisjoint(lowered) and (host != lowered or not host or host.isdigit()):
        msg = f'write the host name alone, without scheme, port and path: "{host}"'
        if not host:
            msg = "it is neither an account id of 12 digits, nor a host name, nor a glob over hosts"
        elif host.isdigit():
            msg = f"an account id has 12 digits, and this one has {len(host)}"
        raise BadPattern(msg)
    return Pattern(lowered, tuple(_parse_steps(lowered)))


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


@cache
def _ecr_forms() -> Sequence[Sequence[frozenset[str]]]:
    """Return the forms of ECR's hosts: the characters allowed in each place."""
    account = [frozenset(string.digits)] * registry.ACCOUNT_DIGITS
    region = (frozenset(_LETTERS), _REGION_END)
    forms = [list(map(_one, host)) for host in sorted(registry.PUBLIC_HOSTS)]
    for host in _private_hosts(""):
        kind, _, suffix = host.partition("*")
        forms.append([*account, *map(_one, kind), *region, *map(_one, suffix)])
    return forms


def _meet(steps: Sequence[frozenset[str]], form: Sequence[str | frozenset[str]]) -> bool:
    """Whether steps match any text of a form. A host is a form with one character in each place."""
    places = {0}  # lengths of the form's start that the steps so far may match
    for step in steps:
        if step == _STAR:
            places = set(range(min(places, default=len(form) + 1), len(form) + 1))
            continue
        open_places = [at for at in places if at < len(form)]
        places = {at + 1 for at in open_places if not step.isdisjoint(form[at])}
        if not step.isdisjoint(_LABEL):
            places.update(at for at in open_places if form[at] is _REGION_END)
    return len(form) in places
