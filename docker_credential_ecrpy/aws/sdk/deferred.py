"""Modules that are imported on the way to AWS and not used by a `get`: they load at the first use.

They explain errors, run programs, write documentation, wait and page. Every import statement stays
where it is, for type checkers and PyInstaller; what it finds is the module, whose code has not run
yet. Whatever uses such a module runs its code first: a use that is new costs time, and no more.

`importlib.util.LazyLoader` does not fit: its modules load as soon as a second module imports them
or a name from them, and in Python 3.10 and 3.11 two threads may run the code at once.
"""

import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from threading import RLock
from types import ModuleType
from typing import Any

UNUSED: Mapping[str, tuple[str, ...]] = {
    "botocore.docs.bcdoc.restdoc": ("DocumentStructure",),
    "botocore.docs.method": ("document_model_driven_method",),
    "botocore.docs.paginator": ("document_paginate_method",),
    "botocore.docs.service": ("ServiceDocumenter",),
    "botocore.docs.waiter": ("document_wait_method",),
    "botocore.monitoring": (),
    "botocore.retryhandler": (),
    "botocore.translate": (),
    "botocore.vendored.six": (),
    "botocore.waiter": (),
    "calendar": (),
    "dateutil.parser": ("parse",),
    "docker_credential_ecrpy.aws.errors.connection": ("iterate_causes",),
    "docker_credential_ecrpy.aws.errors.explain": (
        *("explain", "explain_wrong_answer", "explain_wrong_partition"),
    ),
    "docker_credential_ecrpy.aws.errors.sources": ("explain_no_credentials",),
    "docker_credential_ecrpy.aws.faults.config_file": (
        *("explain_parse_error", "find_unreadable_file", "list_sections"),
    ),
    "docker_credential_ecrpy.aws.faults.sections": (),
    "docker_credential_ecrpy.aws.faults.variables": ("explain_variable",),
    "docker_credential_ecrpy.aws.sdk.process": (),
    "docker_credential_ecrpy.files.replace": (),
    "importlib.metadata": ("version",),  # which urllib3 imports for HTTP/2
    "inspect": (),
    "jmespath": (),
    "mimetypes": (),
    "tempfile": (),
    "traceback": (),
    "urllib.request": ("getproxies", "proxy_bypass"),
}
"""A module -> the names that others import from it and only call: nobody tests a class of these."""
# What the import system and tools read of a module that has not run, and that is there already.
_READY = ("__class__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__")


class _State:
    """The state of a module that has not run. calls: stand-ins for what others call in it."""

    def __init__(self, module: ModuleType, names: tuple[str, ...]) -> None:
        self.calls = {name: partial(_call, module, name) for name in names}
        self.lock = RLock()  # a thread waits for another that runs the module
        self.is_running = False


_states: dict[str, _State] = {}


class _Deferred(ModuleType):
    """A module whose code has not run."""

    def __getattribute__(self, name: str) -> Any:
        read = super().__getattribute__
        if name in _READY:
            return read(name)
        state = _states.get(read("__name__"))
        if state and name in state.calls and not state.is_running:
            return state.calls[name]
        _run(self)
        return read(name)

    def __setattr__(self, name: str, value: object) -> None:
        _run(self)  # which makes it a plain module
        ModuleType.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        _run(self)
        ModuleType.__delattr__(self, name)


def defer(modules: Mapping[str, tuple[str, ...]] = UNUSED) -> None:
    """Let modules run at their first use, except for those that are loaded.

    modules: as `UNUSED`. A second call changes nothing more.
    """
    made = [_make(name, calls) for name, calls in modules.items() if name not in sys.modules]
    for module in filter(None, made):
        parent, _, child = module.__name__.rpartition(".")
        if parent:
            setattr(import_module(parent), child, module)  # as an import does


def _make(name: str, calls: tuple[str, ...]) -> ModuleType | None:
    """Return a module that runs at its first use; None where there is none of that name."""
    spec = _find_spec(name)
    if spec is None or spec.loader is None:
        return None
    module = module_from_spec(spec)
    _states[name] = _State(module, calls)
    module.__class__ = _Deferred
    sys.modules[name] = module
    return module


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
    state = _states.get(module.__name__)
    if state is None:
        return
    with state.lock:
        if state.is_running or module.__name__ not in _states:
            return  # its own code uses it, or another thread was first
        state.is_running = True
        try:
            module.__spec__.loader.exec_module(module)  # type: ignore[union-attr]  # see `_make`
            del _states[module.__name__]
        finally:
            state.is_running = False
        ModuleType.__setattr__(module, "__class__", ModuleType)


def _call(module: ModuleType, name: str, *args: Any, **options: Any) -> Any:
    """Call what a module defines."""
    _run(module)
    return vars(module)[name](*args, **options)
