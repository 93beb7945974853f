"""For the build: print what the imports of a first `get` load and compile, as two literals.

The first is a list of modules, the second what `prepared` calls EXPRESSIONS. Arguments: what goes
to sys.path, and the files of the modules that stand in the place of others, by name; both as JSON.
"""

import importlib.util
import json
import re
import sys
from importlib.machinery import ModuleSpec
from typing import Any

PATH: list[str] = json.loads(sys.argv[1])
REPLACED: dict[str, str] = json.loads(sys.argv[2])
COMPILER: Any = vars(re).get("_compiler") or vars(re)["sre_compile"]  # as it was up to 3.10
from_text, from_code = COMPILER.compile, COMPILER._sre.compile
asked: list[tuple[Any, int]] = []
made: dict[tuple[Any, int], tuple[Any, ...]] = {}


class Replaced:
    """The importer of what stands in the place of other modules."""

    @staticmethod
    def find_spec(name: str, path: Any = None, _target: object = None) -> ModuleSpec | None:
        """Return the module that stands there, with the parts of the other, where it has any."""
        if name not in REPLACED:
            return None
        parts = [f"{path[0]}/{name.rpartition('.')[2]}"]
        return importlib.util.spec_from_file_location(
            name, REPLACED[name], submodule_search_locations=parts
        )


def note_text(pattern: Any, flags: int = 0) -> Any:
    """Compile, as `re` asks for it."""
    asked.append((pattern, int(flags)))
    try:
        return from_text(pattern, flags)
    finally:
        asked.pop()


def note_code(pattern: Any, flags: int, code: list[int], *groups: Any) -> Any:
    """Make the expression of the code that the compiler found."""
    made[asked[-1]] = (int(flags), [int(one) for one in code], *groups)
    return from_code(pattern, flags, code, *groups)


COMPILER.compile, COMPILER._sre.compile = note_text, note_code
sys.path += PATH
sys.meta_path.insert(0, Replaced)
for module in ("cli.main", "aws.ecr", "aws.deadline"):
    importlib.import_module(f"docker_credential_ecrpy.{module}")
importlib.import_module("encodings.idna")  # of every host's name
print(ascii([*sys.modules]), ascii(made), sep="\n")  # noqa: T201 - for whoever builds
