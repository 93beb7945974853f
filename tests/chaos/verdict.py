"""The verdict on an episode."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Broken:
    """An invariant that did not hold, and where."""

    invariant: str
    text: str


@dataclass
class Verdict:
    """How often each invariant was checked, and where it did not hold."""

    checked: Counter[str] = field(default_factory=Counter)
    broken: list[Broken] = field(default_factory=list)

    def hold(self, invariant: str, holds: object, text: str) -> None:
        """Count a check of an invariant, and note where it does not hold."""
        self.checked[invariant] += 1
        if not holds:
            self.broken.append(Broken(invariant, text))
