"""The mutants that no test can kill, each with its reason: they behave as the module does.

They are identified by text instead of line number, so that they survive an edit elsewhere; one
whose line no longer exists is reported, and must be removed from the table.
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
    """Mutants of one place that share a reason, with the fields of `Mutant`."""

    module: str
    where: str
    was: str
    now: tuple[str, ...]
    because: str

    def covers(self, module: str, mutant: Mutant) -> bool:
        """Return whether it describes this mutant."""
        place = (self.module, self.where, self.was)
        return place == (module, mutant.where, mutant.was) and mutant.now in self.now


def read() -> list[Equivalent]:
    """Return the entries of equivalents.toml."""
    with open(FILE, "rb") as file:
        rows = tomllib.load(file)["equivalent"]
    return [Equivalent(**{**row, "now": tuple(row["now"])}) for row in rows]
