"""What a first `get` loads, prepared by the build: modules as code, and regular expressions.

PyInstaller's importer looks for a module in each directory of sys.path, and opens and reads the
archive for it; here it is one look into a table. And a regular expression takes its compiler, in
Python, longer than all that the helper does with it, and gives the same each time.
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

# name -> whether it is a package, and its code as bytes, since not everything loads all of it; the
# build puts both tables in the place of these texts.
MODULES: "dict[str, tuple[bool, bytes]]" = dict("the modules")  # type: ignore[arg-type]
# (pattern, flags) -> what `_sre.compile` takes after the pattern.
EXPRESSIONS: "dict[tuple[Any, int], Sequence[Any]]" = dict("the expressions")  # type: ignore[arg-type]
HOME: str = sys._MEIPASS  # type: ignore[attr-defined]  # where PyInstaller says that we are

gc.disable()  # the program ends before there is garbage that is worth it


class Prepared:
    """The importer of the modules in the table, and their loader."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> "ModuleSpec | None":
        """Return where a module of the table is; None for others, which are PyInstaller's."""
        if name not in MODULES:
            return None
        is_package = MODULES[name][0]
        place = os.path.join(HOME, *name.split("."))
        file = os.path.join(place, "__init__.py") if is_package else place + ".py"
        spec = ModuleSpec(name, Prepared, origin=file, is_package=is_package)  # type: ignore[arg-type]  # a class does
        spec.has_location = True  # botocore's data is beside its modules
        if is_package:
            spec.submodule_search_locations = [place]
        return spec

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        """Leave it to the interpreter."""

    @staticmethod
    def exec_module(module: "ModuleType") -> None:
        """Run its code."""
        code = marshal.loads(MODULES[module.__name__][1])  # noqa: S302 - the build made it
        exec(code, module.__dict__)  # noqa: S102 - what an importer does


sys.meta_path.insert(0, Prepared)

import re  # noqa: E402 - from the table, by the importer

COMPILER: "Any" = vars(re).get("_compiler") or vars(re)["sre_compile"]  # as it was up to 3.10
from_text = COMPILER.compile


def compiled(pattern: "Any", flags: int = 0) -> "Any":
    """Return the expression that the compiler makes, and made when this program was built."""
    made = EXPRESSIONS.get((pattern, flags))
    return COMPILER._sre.compile(pattern, *made) if made else from_text(pattern, flags)


COMPILER.compile = compiled
