"""Python's import path, without what `PYTHONPATH` and the current directory add to it.

Otherwise a `token.py` of the user's project would replace the standard library's, or a `brotli.py`
be taken for an optional part of a dependency. Only directories that deliver the program stay.
Only a start with such a path loads this module, and an error while modules load.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping
    from typing import Final

LIBRARY_VARIABLES: "Final" = (
    *("LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES"),
    *("DYLD_FALLBACK_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH"),
)
"""Variables that make the system load other libraries than the interpreter was built with."""
_LIBRARY_USERS = "_ssl", "zlib", "_hashlib"
_DEPENDENCIES = (
    *("boto3", "botocore", "click", "dateutil", "ecdsa", "jmespath", "s3transfer", "tomli"),
    "urllib3",
)
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def prefer_installed(paths: "Iterable[str]") -> None:
    """Remove directories from `sys.path`, except those that deliver this package or a dependency.

    paths: those that others chose, as the parts of `$PYTHONPATH`. Relative ones are removed: the
    current directory may be a stranger's checkout. Those that stay come behind the installed
    packages; if one of them holds this package itself, before them, behind the standard library.
    """
    home, library = os.path.dirname(_PACKAGE), os.path.dirname(os.__file__)
    chosen: dict[str, bool] = {}  # a directory -> whether it may be searched
    for path in paths:
        at = _absolute(path)
        if not _is_in(at, library):
            chosen[at] = chosen.get(at, False) or os.path.isabs(path) or at == home
    others = [path for path in sys.path if _absolute(path) not in chosen]
    place = len(others)
    if home in chosen:
        installed = (number for number, path in enumerate(others) if path.endswith("-packages"))
        place = next(installed, place)
    others[place:place] = [
        path
        for path, allowed in chosen.items()
        if allowed and (path == home or _delivers(path, is_installed=home in chosen))
    ]
    sys.path[:] = others
    _forget(chosen)


def explain(exc: BaseException, environ: "Mapping[str, str]") -> "tuple[str, str] | None":
    """Return what is wrong and what to do if a variable made an import fail; or else None."""
    for variable in LIBRARY_VARIABLES:
        failed = _failed_library(exc) if environ.get(variable) else ""
        if failed:
            fix = f"{variable} names another program's libraries: unset it where docker runs"
            return f"a library cannot be loaded: {failed!a}", fix
    named = [_absolute(path) for path in environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    for file in _sources(exc):
        places = [path for path in (*sys.path, *named) if file.startswith(path + os.sep)]
        if places and max(places, key=len) in named and not _is_in(file, _PACKAGE):
            fix = "PYTHONPATH names another program's modules: unset it where docker runs"
            return f"a module cannot be loaded: {str(exc) or 'it ends'!a} ({file!a})", fix
    return None


def _absolute(path: str) -> str:
    try:
        return os.path.abspath(path)
    except OSError:
        return path  # the current directory does not exist


def _delivers(path: str, *, is_installed: bool) -> bool:
    """Return whether a directory holds a dependency, as a package.

    is_installed: whether this program is installed by way of `PYTHONPATH`. Package managers that do
    so, such as Spack's, have one directory for each package, with the usual name.
    """
    return (is_installed and path.endswith("-packages")) or any(
        os.path.isfile(os.path.join(path, name, "__init__.py")) for name in _DEPENDENCIES
    )


def _is_in(path: str, directory: str) -> bool:
    """Return whether a path is below a directory, or is it, and holds no installed packages."""
    return f"{path}{os.sep}".startswith(f"{directory}{os.sep}") and "-packages" not in path


def _forget(directories: "Container[str]") -> None:
    """Forget modules that replaced the standard library's while the interpreter started."""
    replaced = set()
    for name in sys.stdlib_module_names & sys.modules.keys():
        file = getattr(sys.modules[name], "__file__", None) or ""
        at = os.path.dirname(file)
        if os.path.basename(file).startswith("__init__."):
            at = os.path.dirname(at)
        if at in directories:
            replaced.add(name)
    for name in [name for name in sys.modules if name.partition(".")[0] in replaced]:
        del sys.modules[name]


def _failed_library(exc: BaseException) -> str:
    """Return the loader's message for an extension module that cannot be loaded, or ""."""
    for link in _chain(exc):
        if isinstance(link, ImportError) and (link.path or "").endswith((".so", ".dylib", ".pyd")):
            return str(link)
    for name in _LIBRARY_USERS:  # others catch the error, and fail later
        try:
            __import__(name)
        except ModuleNotFoundError:
            pass  # this interpreter has none
        except ImportError as found:
            return str(found)
    return ""


def _sources(exc: BaseException) -> "Iterator[str]":
    """Return the files of the modules that were loading, or that lack what was imported."""
    for link in _chain(exc):
        trace = link.__traceback__
        while trace:
            code = trace.tb_frame.f_code
            if code.co_name == "<module>":
                yield code.co_filename
            trace = trace.tb_next
        at = getattr(link, "obj", None)
        for file in (getattr(at, "__file__", None), getattr(link, "path", None), _syntax(link)):
            if isinstance(file, str):
                yield file


def _syntax(exc: BaseException) -> "str | None":
    return exc.filename if isinstance(exc, SyntaxError) else None


def _chain(exc: BaseException) -> "Iterator[BaseException]":
    """Return an exception and those that led to it."""
    link: BaseException | None = exc
    for _ in range(10):
        if link is None:
            break
        yield link
        link = link.__cause__ or link.__context__
