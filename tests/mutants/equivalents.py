"""The mutants that no test can kill, each with the reason: they do what the module does.

They are known by their text and not by their place, so that they outlive an edit elsewhere; one
whose line is no longer there is told of, and is to be removed here.
"""

import os
import sys
from dataclasses import dataclass

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from tests.mutants.making import Mutant

FILE = os.path.join(os.path.dirname(__file__), "equivalents.toml")


@dataclass(frozen=True)
class Equivalent:
    """Mutants of one place that are explained together, as `Mutant` has them."""

    module: str
    where: str
    was: str
    now: tuple[str, ...]
    because: str

    def covers(self, module: str, mutant: Mutant) -> bool:
        """Whether it speaks of this one."""
        place = (self.module, self.where, self.was)
        return place == (module, mutant.where, mutant.was) and mutant.now in self.now


def read() -> list[Equivalent]:
    """Return what the file beside this one lists."""
    with open(FILE, "rb") as file:
        rows = tomllib.load(file)["equivalent"]
    return [Equivalent(**{**row, "now": tuple(row["now"])}) for row in rows]
