"""The Python part of the static program's start, which binary/launcher.c runs.

A `get` that needs no AWS ends here, with modules that are frozen: the interpreter itself finds
them. For everything else, the other modules come from the pack, through `Pack`.
"""

import os
import sys

from docker_credential_ecrpy.__main__ import at_once

code, request = at_once()
if code is not None:
    os._exit(code)  # the answer is written; no buffer to flush, nothing to clean up

import marshal  # noqa: E402 - only from here on
from _frozen_importlib import ModuleSpec  # noqa: E402 - same

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

VIEW: memoryview = sys._pack  # type: ignore[attr-defined]  # of the whole pack; the launcher sets it
INDEX: slice = sys._index  # type: ignore[attr-defined]  # of the tables
MODULES: "dict[str, tuple[bool, int, int]]"  # name -> whether it is a package, offset, size
FILES: "dict[str, tuple[int, int]]"  # relative path -> offset, size
MODULES, FILES = marshal.loads(VIEW[INDEX])  # noqa: S302 - the build made it
# Where modules seem to be: below the program's file, where no file can be.
HOME = os.path.abspath(sys.executable)


class Pack:
    """The importer of the modules in the pack, and their loader."""

    files = frozenset([f"{HOME}/{path}" for path in FILES])
    """The paths that `get_data` knows."""

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> "ModuleSpec | None":
        """Return the spec of a module in the pack; None for others."""
        if name not in MODULES:
            return None
        is_package = MODULES[name][0]
        place = os.path.join(HOME, *name.split("."))
        file = os.path.join(place, "__init__.py") if is_package else place + ".py"
        spec = ModuleSpec(name, Pack, origin=file, is_package=is_package)  # type: ignore[arg-type]  # a class does
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [place]
        return spec

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        """Let the interpreter create it."""

    @staticmethod
    def exec_module(module: "ModuleType") -> None:
        """Run the module's code."""
        _, start, size = MODULES[module.__name__]
        exec(marshal.loads(VIEW[start : start + size]), module.__dict__)  # noqa: S102, S302 - what an importer does

    @staticmethod
    def get_data(path: str) -> bytes:
        """Return the content of one of `files`. Raises FileNotFoundError for other paths."""
        try:
            start, size = FILES[os.path.relpath(path, HOME)]
        except KeyError:
            raise FileNotFoundError(path) from None
        return VIEW[start : start + size].tobytes()


sys.executable = HOME
sys.frozen = True  # type: ignore[attr-defined]  # as PyInstaller sets it
sys.meta_path.insert(0, Pack)
for name, module in list(sys.modules.items()):
    if name in MODULES and MODULES[name][0]:
        module.__path__ = [os.path.join(HOME, *name.split("."))]  # of packages that are frozen

import rest  # noqa: E402 - from the pack

rest.end(rest.run(request))
