"""What was so, and when, as far as an outsider can know it."""

from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State")


@dataclass(frozen=True)
class _Spell(Generic[State]):
    begun: float
    done: float
    state: State


class Timeline(Generic[State]):
    """States that follow each other. While one becomes the next, both are possible.

    Times are seconds since the epoch.
    """

    def __init__(self, first: State) -> None:
        self._spells = [_Spell(0.0, 0.0, first)]

    def change(self, state: State, begun: float, done: float) -> None:
        """Note that a state took the place of the last at a moment from `begun` to `done`."""
        self._spells.append(_Spell(begun, done, state))

    @property
    def last(self) -> State:
        """What is so now."""
        return self._spells[-1].state

    def during(self, began: float, ended: float) -> list[State]:
        """Return every state that may have been so at some moment of a time."""
        ends = [spell.done for spell in self._spells[1:]] + [float("inf")]
        return [
            spell.state
            for spell, end in zip(self._spells, ends, strict=True)
            if spell.begun <= ended and end >= began
        ]
