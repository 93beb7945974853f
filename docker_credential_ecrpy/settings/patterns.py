"""The hosts that a rule's `match` stands for: one, an account's, or a glob's.

A pattern is a sequence of steps, each a set of characters that is met once or any number of
times. So are the forms of ECR's host names. That answers, exactly and for any glob: is a host
meant; can any registry be meant; is every one that is meant by an earlier pattern already. It
takes time in proportion to the host's length, whatever stars a glob has.
"""

import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from docker_credential_ecrpy.hot import registry

Step = tuple[frozenset[str], bool]
"""The characters that may stand there, and whether any number of them may."""
_States = frozenset[int]
_Search = tuple[_States, _States, tuple[tuple[int, _States], ...]]

_LABEL = frozenset(string.ascii_lowercase + string.digits + "-")
_ANY = _LABEL | {"."}
_DIGIT = frozenset(string.digits)
_ANYTHING: Step = (_ANY, True)
_WILD = frozenset("*?[")
SEARCH_LIMIT = 100_000
"""Steps that the checks of a file may take, a second at most: hundreds of globs take less."""


@dataclass
class Budget:
    """How many steps may still be taken. Without any left, nothing is found fault with."""

    left: int = SEARCH_LIMIT


class BadPattern(ValueError):
    """A text is no pattern; says why."""


@dataclass(frozen=True)
class Pattern:
    """What a rule's `match` means: an account id, a host, or a glob over hosts.

    In a glob `*` stands for any characters, dots too, `?` for one, and `[...]` for one of a set.
    """

    text: str
    steps: tuple[Step, ...]

    @property
    def is_account(self) -> bool:
        """Whether it is an account id, and not a host name or a glob."""
        return registry.is_account(self.text)

    @property
    def is_glob(self) -> bool:
        """Whether it has any wildcard."""
        return not _WILD.isdisjoint(self.text)

    @property
    def ends_in_domain(self) -> bool:
        """Whether its end is fixed, and has a domain of two labels at least, as in *.a.example."""
        return "." in self.end.partition(".")[2]

    @cached_property
    def start(self) -> str:
        """The text that every host begins with which is meant."""
        return _literal(self.steps)

    @cached_property
    def end(self) -> str:
        """The text that every host ends in which is meant."""
        return _literal(self.steps[::-1])[::-1]

    def matches(self, host: str) -> bool:
        """Whether `host`, a name in lower case, is meant."""
        if not (host.startswith(self.start) and host.endswith(self.end)):
            return False
        # What one star takes is only ever thought over while no later one has been met.
        steps, at, here, star, taken = self.steps, 0, 0, -1, 0
        while at < len(host):
            if here < len(steps) and steps[here] is _ANYTHING:
                star, taken, here = here, at, here + 1
            elif here < len(steps) and host[at] in steps[here][0]:
                at, here = at + 1, here + 1
            elif star >= 0:
                taken += 1
                at, here = taken, star + 1
            else:
                return False
        return all(step is _ANYTHING for step in steps[here:])

    def can_match(self, forms: "Sequence[tuple[Step, ...]]", budget: Budget) -> bool:
        """Whether any host of these forms is meant."""
        return self.an_example(forms, budget) is not None

    def an_example(self, forms: "Sequence[tuple[Step, ...]]", budget: Budget) -> "str | None":
        """Return a host of these forms that is meant; "" where the search was given up."""
        found = (_find(self.steps, form, (), budget) for form in forms)
        return next((host for host in found if host is not None), None)

    def is_within(
        self,
        forms: "Sequence[tuple[Step, ...]]",
        others: "Sequence[Pattern]",
        budget: Budget,
    ) -> bool:
        """Whether every host of these forms that is meant, is meant by one of the others too."""
        if budget.left < 0:
            return False
        budget.left -= len(others)
        near = [other.steps for other in others if self._may_share(other)]
        left = (_find(self.steps, form, near, budget) for form in forms)
        return bool(near) and all(host is None for host in left)

    def _may_share(self, other: "Pattern") -> bool:
        starts = sorted((self.start, other.start), key=len)
        ends = sorted((self.end, other.end), key=len)
        return starts[1].startswith(starts[0]) and ends[1].endswith(ends[0])


def parse(text: str) -> Pattern:
    """Return the pattern that `text` writes. Raises BadPattern."""
    lowered = text.lower()
    if registry.is_account(lowered):
        return Pattern(lowered, (*_steps(lowered + "."), _ANYTHING))
    if _WILD.isdisjoint(lowered):
        host = registry.host_of(lowered)
        if not host:
            msg = "it is neither an account id of 12 digits, nor a host name, nor a glob over hosts"
            raise BadPattern(msg)
        if host.isdigit():
            msg = (
                f"an account id has {registry.ACCOUNT_DIGITS} digits, and this one has {len(host)}"
            )
            raise BadPattern(msg)
        if host != lowered:
            msg = f'write the host name alone, without scheme, port and path: "{host}"'
            raise BadPattern(msg)
        return Pattern(host, tuple(_steps(host)))
    return Pattern(lowered, tuple(_steps(lowered)))


def _steps(text: str) -> Iterator[Step]:
    """Yield the steps of a glob. Raises BadPattern."""
    at = 0
    starred = False
    while at < len(text):
        character = text[at]
        at += 1
        if character == "*":
            if not starred:
                yield _ANYTHING
            starred = True
            continue
        starred = False
        if character == "?":
            yield _ANY, False
        elif character == "[":
            end = text.find("]", at + 2 if text[at : at + 1] == "!" else at + 1)
            if end < 0:
                msg = "a [ has no ] after it"
                raise BadPattern(msg)
            yield _set(text[at:end]), False
            at = end + 1
        elif character in _ANY:
            yield frozenset(character), False
        else:
            msg = f"{character!r} is in no host name: write hosts without scheme, port and path"
            raise BadPattern(msg)


def _set(text: str) -> frozenset[str]:
    inverted = text.startswith("!")
    rest = text[inverted:]
    found: set[str] = set()
    while rest:
        if len(rest) > 2 and rest[1] == "-":  # noqa: PLR2004 - "a-z"
            found |= {c for c in _ANY if rest[0] <= c <= rest[2]}
            rest = rest[3:]
        else:
            found.add(rest[0])
            rest = rest[1:]
    return _ANY - found if inverted else _ANY & found


def _literal(steps: Sequence[Step]) -> str:
    found = ""
    for characters, repeated in steps:
        if repeated or len(characters) != 1:
            break
        found += next(iter(characters))
    return found


def _ecr_forms() -> Iterator[tuple[Step, ...]]:
    account = ((_DIGIT, False),) * registry.ACCOUNT_DIGITS
    letter: Step = (_LABEL - {"-"}, False)
    region = (letter, (_LABEL, True), letter)  # none has a single letter
    for suffixes, kinds in (
        (registry.SUFFIXES, (".dkr.ecr.", ".dkr.ecr-fips.")),
        (registry.DUAL_STACK_SUFFIXES, (".dkr-ecr.", ".dkr-ecr-fips.")),
    ):
        for suffix in sorted(suffixes):
            for kind in kinds:
                yield (*account, *_steps(kind), *region, *_steps(f".{suffix}"))
    for host in sorted(registry.PUBLIC_HOSTS):
        yield tuple(_steps(host))


ECR_FORMS = tuple(_ecr_forms())
"""The hosts that `registry.parse` knows."""
ANY_FORM: tuple[tuple[Step, ...], ...] = ((_ANYTHING,),)
"""All hosts."""


def _begin(steps: Sequence[Step]) -> _States:
    return _with_skipped(steps, {0})


def _with_skipped(steps: Sequence[Step], states: set[int]) -> _States:
    for state in sorted(states):
        at = state
        while at < len(steps) and steps[at][1]:
            at += 1
            states.add(at)
    return frozenset(states)


def _advance(steps: Sequence[Step], states: _States, character: str) -> _States:
    moved = {
        at if steps[at][1] else at + 1
        for at in states
        if at < len(steps) and character in steps[at][0]
    }
    return _with_skipped(steps, moved) if moved else frozenset()


def _find(
    mine: Sequence[Step],
    form: Sequence[Step],
    others: Sequence[Sequence[Step]],
    budget: Budget,
) -> str | None:
    """Return a host of the form that is meant by `mine` and by no other; None for none.

    It is "" where the search was given up. A walk in depth over all beginnings of such hosts that
    differ in what may follow, along what `mine` asks for first.
    """
    alphabet = _representatives((mine, form, *others))

    def next_states(host: str, state: _Search) -> Iterator[tuple[str, _Search]]:
        here, there, alive = state
        asked = {c for at in here if at < len(mine) and not mine[at][1] for c in mine[at][0]}
        for character in sorted(alphabet, key=lambda c: c not in asked):
            here_next = _advance(mine, here, character)
            there_next = here_next and _advance(form, there, character)
            if there_next:
                moved = ((n, _advance(others[n], states, character)) for n, states in alive)
                left = tuple(pair for pair in moved if pair[1])
                yield host + character, (here_next, there_next, left)

    beginnings = tuple((number, _begin(other)) for number, other in enumerate(others))
    start: _Search = (_begin(mine), _begin(form), beginnings)
    path = [iter([("", start)])]
    seen: set[_Search] = set()
    while path:
        step = next(path[-1], None)
        if step is None:
            path.pop()
            continue
        host, state = step
        here, there, alive = state
        if state in seen or any(_takes_all(others[number], states) for number, states in alive):
            continue
        seen.add(state)
        taken = any(len(others[number]) in states for number, states in alive)
        budget.left -= len(here) + len(alive)
        if budget.left < 0:
            return ""
        if len(mine) in here and len(form) in there and not taken:
            return host
        path.append(next_states(host, state))
    return None


def _takes_all(steps: Sequence[Step], states: _States) -> bool:
    return bool(steps) and steps[-1] == _ANYTHING and len(steps) - 1 in states


def _representatives(patterns: Sequence[Sequence[Step]]) -> list[str]:
    """Return one character for each class of those that all the patterns treat alike."""
    sets = {characters for steps in patterns for characters, _ in steps}
    classes = {
        tuple(character in characters for characters in sets): character
        for character in sorted(_ANY)
    }
    return sorted(classes.values())
