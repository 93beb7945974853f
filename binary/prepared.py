"""The modules and regular expressions of a first `get`, prepared by the build.

PyInstaller's importer looks for a module in each directory of sys.path, and opens and reads its
archive; here that is one look into a table. Compiling a regular expression in Python takes longer
than all of the helper's own work, and gives the same result each time.
"""

import gc
import marshal
import os
import sys
from _frozen_importlib import ModuleSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Any

# name -> whether it is a package, and its code as bytes, since not every run loads all of it. The
# build replaces the two texts by tables.
MODULES: "dict[str, tuple[bool, bytes]]" = dict("the modules")  # type: ignore[arg-type]
# (pattern, flags) -> the other arguments of `_sre.compile`.
EXPRESSIONS: "dict[tuple[Any, int], Sequence[Any]]" = dict("the expressions")  # type: ignore[arg-type]
HOME: str = sys._MEIPASS  # type: ignore[attr-defined]  # the program's own directory

gc.disable()  # the program ends before collecting garbage pays


class Prepared:
    """The importer of the modules in the table, and their loader."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> "ModuleSpec | None":
        """Return the spec of a module in the table; None for others, which are PyInstaller's."""
        if name not in MODULES:
            return None
        is_package = MODULES[name][0]
        place = os.path.join(HOME, *name.split("."))
        file = os.path.join(place, "__init__.py") if is_package else place + ".py"
        spec = ModuleSpec(name, Prepared, origin=file, is_package=is_package)  # type: ignore[arg-type]  # a class does
        spec.has_location = True  # botocore finds its data beside its modules
        if is_package:
            spec.submodule_search_locations = [place]
        return spec

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        """Let the interpreter create it."""

    @staticmethod
    def exec_module(module: "ModuleType") -> None:
        """Run the module's code."""
        code = marshal.loads(MODULES[module.__name__][1])  # noqa: S302 - the build made it
        exec(code, module.__dict__)  # noqa: S102 - what an importer does


sys.meta_path.insert(0, Prepared)

import re  # noqa: E402 - from the table

COMPILER: "Any" = vars(re).get("_compiler") or vars(re)["sre_compile"]  # the name up to Python 3.10
from_text = COMPILER.compile


def compiled(pattern: "Any", flags: int = 0) -> "Any":
    """Return the expression as the compiler creates it, from the code made by the build."""
    made = EXPRESSIONS.get((pattern, flags))
    return COMPILER._sre.compile(pattern, *made) if made else from_text(pattern, flags)


COMPILER.compile = compiled
