"""Modules of the SDK and of Python that its modules import and a `get` does not use.

They write documentation, wait, page, guess types and parse times. botocore, urllib3 and dateutil
import them at their top, where no import can be moved into a function. Their code runs at the first
use: a use that is new costs time, and no more. Modules of this package are never among them.

`importlib.util.LazyLoader` does not fit: its modules load as soon as a second module imports them
or a name from them, and in Python 3.10 and 3.11 two threads may run the code at once.
"""

import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from threading import Lock, RLock
from types import ModuleType
from typing import Any

UNUSED: Mapping[str, tuple[str, ...]] = {
    "botocore.docs": (),
    "botocore.docs.bcdoc.docstringparser": ("DocStringParser",),
    "botocore.docs.method": ("document_model_driven_method",),
    "botocore.docs.waiter": ("document_wait_method",),
    "botocore.monitoring": (),
    "botocore.retries.adaptive": (),
    "botocore.retryhandler": (),
    "botocore.vendored.six": (),
    "botocore.waiter": (),
    "calendar": (),
    "dateutil.parser": ("parse",),
    "dateutil.tz": ("tzlocal", "tzutc"),
    "email._parseaddr": (
        *("AddressList", "_parsedate_tz", "mktime_tz", "parsedate", "parsedate_tz", "quote"),
    ),
    "email.base64mime": (),
    "email.header": (),
    "email.quoprimime": (),
    "getpass": ("getpass",),
    "gzip": ("GzipFile", "compress", "open"),
    "importlib.metadata": ("version",),  # which urllib3 imports for HTTP/2
    "inspect": (),
    "jmespath": (),
    "locale": (),
    "mimetypes": (),
    "random": ("random",),
    "stringprep": (),
    "tempfile": (),
    "traceback": (),
    "urllib.request": ("getproxies", "proxy_bypass"),
    "urllib3.filepost": ("_TYPE_FIELDS", "encode_multipart_formdata"),  # the first is for mypy
}
"""A module -> the names that others import from it and only call. A class from which another is
derived does not fit: a test imports all that may do so."""
# What the import system and tools read of a module that has not run, and that is there already.
_READY = ("__class__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__")
_STATE = "__lazy_state__"  # the name of a module's `_State` in it, until its code has run
_defer_lock = Lock()


class _State:
    """The state of a module that has not run. names: those with stand-ins until then."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        # A thread waits for another that runs the module. One lock for all of them would not do:
        # a thread that imports a module, and one that runs it, might wait for each other.
        self.lock = RLock()
        self.is_running = False


class LazyModule(ModuleType):
    """A module whose code has not run."""

    def __getattribute__(self, name: str) -> Any:
        read = super().__getattribute__
        if name in _READY:
            return read(name)
        state = read("__dict__").get(_STATE)
        if state and name in state.names and not state.is_running:
            return partial(_call, self, name)
        _run(self)
        return read(name)

    def __setattr__(self, name: str, value: object) -> None:
        if getattr(value, "__name__", "") != f"{self.__name__}.{name}":  # no module of a package
            _run(self)  # which makes it a plain module
        ModuleType.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        _run(self)
        ModuleType.__delattr__(self, name)


def defer(modules: Mapping[str, tuple[str, ...]] = UNUSED) -> None:
    """Let modules run at their first use, except for those that are loaded.

    modules: as `UNUSED`. A second call changes nothing more. With a finder of the kind before
    Python 3.4, which has no `find_spec`, all are left to the imports.
    """
    if not all(hasattr(finder, "find_spec") for finder in sys.meta_path):
        return
    with _defer_lock:
        made = [_make(name, names) for name, names in modules.items() if name not in sys.modules]
        for module in filter(None, made):
            parent, _, child = module.__name__.rpartition(".")
            if parent:
                setattr(import_module(parent), child, module)  # as an import does


def _make(name: str, names: tuple[str, ...]) -> ModuleType | None:
    """Return a module that runs at its first use; None if there is none, or it is loaded."""
    spec = _find_spec(name)
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    vars(module)[_STATE] = _State(names)
    module.__class__ = LazyModule
    return module if sys.modules.setdefault(name, module) is module else None


def _find_spec(name: str) -> ModuleSpec | None:
    """Return the spec of a module; None without one. Its packages are not loaded: they load it."""
    package = name.rpartition(".")[0]
    path = None
    if package in sys.modules:
        path = sys.modules[package].__path__
    elif package:
        above = _find_spec(package)
        if above is None:
            return None
        path = above.submodule_search_locations
    return next(filter(None, (finder.find_spec(name, path) for finder in sys.meta_path)), None)


def _run(module: ModuleType) -> None:
    """Run a module's code, unless it has run."""
    names = ModuleType.__getattribute__(module, "__dict__")
    state = names.get(_STATE)
    if state is None:
        return
    with state.lock:
        if state.is_running or _STATE not in names:
            return  # its own code uses it, or another thread was first
        state.is_running = True
        try:
            module.__spec__.loader.exec_module(module)  # type: ignore[union-attr]  # see `_make`
            del names[_STATE]
        finally:
            state.is_running = False
        ModuleType.__setattr__(module, "__class__", ModuleType)


def _call(module: ModuleType, name: str, *args: Any, **options: Any) -> Any:
    """Call what a module defines."""
    _run(module)
    return vars(module)[name](*args, **options)
