"""For the build: print what the imports of a first `get` load and compile, as two literals.

The first is a list of modules, the second the EXPRESSIONS of `prepared`. Arguments, both JSON: the
entries of sys.path, and the files that replace modules, by the modules' names.
"""

import importlib.util
import json
import re
import sys
from importlib.machinery import ModuleSpec
from typing import Any

PATH: list[str] = json.loads(sys.argv[1])
REPLACED: dict[str, str] = json.loads(sys.argv[2])
COMPILER: Any = vars(re).get("_compiler") or vars(re)["sre_compile"]  # the name up to Python 3.10
from_text, from_code = COMPILER.compile, COMPILER._sre.compile
asked: list[tuple[Any, int]] = []
made: dict[tuple[Any, int], tuple[Any, ...]] = {}


class Replaced:
    """The importer of modules that replace others."""

    @staticmethod
    def find_spec(name: str, path: Any = None, _target: object = None) -> ModuleSpec | None:
        """Return the spec of the replacement, with the submodules of the original package."""
        if name not in REPLACED:
            return None
        parts = [f"{path[0]}/{name.rpartition('.')[2]}"]
        return importlib.util.spec_from_file_location(
            name, REPLACED[name], submodule_search_locations=parts
        )


def note_text(pattern: Any, flags: int = 0) -> Any:
    """Compile an expression as `re` does, and note its text."""
    asked.append((pattern, int(flags)))
    try:
        return from_text(pattern, flags)
    finally:
        asked.pop()


def note_code(pattern: Any, flags: int, code: list[int], *groups: Any) -> Any:
    """Create the expression of the compiled code, and note the code."""
    made[asked[-1]] = (int(flags), [int(one) for one in code], *groups)
    return from_code(pattern, flags, code, *groups)


COMPILER.compile, COMPILER._sre.compile = note_text, note_code
sys.path += PATH
sys.meta_path.insert(0, Replaced)
for module in ("cli.main", "aws.ecr", "aws.deadline"):
    importlib.import_module(f"docker_credential_ecrpy.{module}")
importlib.import_module("encodings.idna")  # used for every host name
print(ascii([*sys.modules]), ascii(made), sep="\n")  # noqa: T201 - the build reads it
