"""Modules as they are loaded on other systems."""

import importlib.util
import os
from collections.abc import Mapping
from types import ModuleType

import pytest

OPEN_FLAGS = {
    name: 1 << 40 + at
    for at, name in enumerate(("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"))
}
"""The flags of `os.open` that some systems lack, each with a bit of its own."""


def load_on_system_with(
    flags: Mapping[str, int], module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """Return a module as loaded on a system with only these of `OPEN_FLAGS`."""
    for name in OPEN_FLAGS:
        monkeypatch.delattr(os, name, raising=False)
    for name, value in flags.items():
        monkeypatch.setattr(os, name, value, raising=False)
    spec = importlib.util.spec_from_file_location("elsewhere", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    elsewhere = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(elsewhere)
    return elsewhere
