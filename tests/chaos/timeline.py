"""The states of something over time, as far as an outsider can know them."""

from dataclasses import dataclass
from typing import Generic, TypeVar

State = TypeVar("State")


@dataclass(frozen=True)
class _Spell(Generic[State]):
    begun: float
    done: float
    state: State


class Timeline(Generic[State]):
    """States that follow each other. While one changes to the next, both are possible.

    Times are seconds since the epoch.
    """

    def __init__(self, first: State) -> None:
        self._spells = [_Spell(0.0, 0.0, first)]

    def change(self, state: State, begun: float, done: float) -> None:
        """Note that the state changed at a moment from `begun` to `done`."""
        self._spells.append(_Spell(begun, done, state))

    @property
    def last(self) -> State:
        """The present state."""
        return self._spells[-1].state

    def during(self, began: float, ended: float) -> list[State]:
        """Return every state that was possible at some moment from `began` to `ended`."""
        ends = [spell.done for spell in self._spells[1:]] + [float("inf")]
        return [
            spell.state
            for spell, end in zip(self._spells, ends, strict=True)
            if spell.begun <= ended and end >= began
        ]
