"""The static program's second step: everything but a `get` that needs no AWS.

The modules that are not frozen come from the pack, through `Pack`. binary/launcher.c runs this.
Until `prepare`, the interpreter has no more than in the first step, see start.py.
"""

import marshal
import os
import sys
from _frozen_importlib import ModuleSpec

import rest
from start import request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

VIEW: memoryview = sys._pack  # type: ignore[attr-defined]  # of the whole pack; the launcher sets it
INDEX: memoryview = sys._index  # type: ignore[attr-defined]  # of the tables
MEMO: memoryview = sys._memo  # type: ignore[attr-defined]  # of what memo.py reads
# Where modules seem to be: below the program's file, where no file can be.
try:
    HOME = os.path.abspath(sys.executable)
except OSError:  # a relative path, and the working directory was removed
    HOME = os.path.normpath(f"/{sys.executable}")
PACKAGE = "/__init__.py"  # the end of a package's path


# Name -> relative path, offset, size, whether it is compressed.
modules: "dict[str, tuple[str, int, int, bool]]" = {}
contents: "dict[str, tuple[int, int]]" = {}  # a file's relative path -> offset, size
given: "dict[str, dict[str, object]]" = {}  # a module -> names that it has at first


class Pack:
    """The importer of the modules in the pack, and their loader."""

    files: "frozenset[str]" = frozenset()
    """The paths that `get_data` knows."""

    @staticmethod
    def open() -> None:
        """Read the tables."""
        found = marshal.loads(INDEX)  # noqa: S302 - the build made it
        modules.update(found[0])
        contents.update(found[1])
        Pack.files = frozenset([f"{HOME}/{path}" for path in contents])

    @staticmethod
    def find_spec(name: str, _path: object = None, _target: object = None) -> "ModuleSpec | None":
        """Return the spec of a module in the pack; None for others."""
        if not modules:
            Pack.open()
        if name not in modules:
            return None
        file = f"{HOME}/{modules[name][0]}"
        spec = ModuleSpec(name, Pack, origin=file)  # type: ignore[arg-type]  # a class does
        spec.has_location = True
        spec.cached = ""  # or it is computed
        if file.endswith(PACKAGE):
            spec.submodule_search_locations = [file.removesuffix(PACKAGE)]
        return spec

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        """Let the interpreter create it."""

    @staticmethod
    def exec_module(module: "ModuleType") -> None:
        """Run the module's code."""
        _, start, size, is_compressed = modules[module.__name__]
        code: memoryview | bytes = VIEW[start : start + size]
        if is_compressed:
            import zlib  # noqa: PLC0415 - for commands of users alone

            code = zlib.decompress(code)
        names = module.__dict__
        names.update(given.get(module.__name__, {}))
        exec(marshal.loads(code), names)  # noqa: S102, S302 - what an importer does

    @staticmethod
    def get_data(path: str) -> bytes:
        """Return the content of one of `files`. Raises FileNotFoundError for other paths."""
        try:
            start, size = contents[os.path.relpath(path, HOME)]
        except KeyError:
            raise FileNotFoundError(path) from None
        return VIEW[start : start + size].tobytes()


def prepare() -> None:
    """Finish the interpreter's start, and let all modules come from the pack; once."""
    if sys.meta_path[0] is Pack:
        return
    sys._finish_start()  # type: ignore[attr-defined]  # the launcher sets it
    sys.executable = HOME
    rest.close_stderr()
    if not modules:
        Pack.open()
    sys.meta_path.remove(Pack)
    sys.meta_path.insert(0, Pack)
    for name, module in list(sys.modules.items()):
        path = modules.get(name, ("",))[0]
        if path.endswith(PACKAGE):
            module.__path__ = [f"{HOME}/{path}".removesuffix(PACKAGE)]  # frozen packages have none

    import memo  # noqa: PLC0415 - from the pack

    given.update(memo.NAMES)
    memo.use(VIEW, MEMO)


sys.stdin = sys.stdout = None  # until `prepare`
sys.frozen = True  # type: ignore[attr-defined]  # as PyInstaller sets it
sys.meta_path.append(Pack)  # after the frozen modules, which are enough for most
rest.end(rest.run(request, prepare))
