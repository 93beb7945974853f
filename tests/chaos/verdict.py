"""What a look at an episode comes to."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Broken:
    """An invariant that did not hold, and where."""

    invariant: str
    text: str


@dataclass
class Verdict:
    """How often each invariant was looked at, and where it did not hold."""

    checked: Counter[str] = field(default_factory=Counter)
    broken: list[Broken] = field(default_factory=list)

    def hold(self, invariant: str, holds: object, text: str) -> None:
        """Note that an invariant was looked at, and whether it holds."""
        self.checked[invariant] += 1
        if not holds:
            self.broken.append(Broken(invariant, text))
