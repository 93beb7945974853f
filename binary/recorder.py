"""For the build: the regular expressions, and the code in strings, that modules compile.

    recorder.py ROOT < NAMES    import the modules, and write what they compile, marshalled

ROOT: the directory of the package. NAMES: of modules, one per line.
"""

import collections
import contextlib
import dataclasses
import importlib
import marshal
import re
import sys
import typing
import warnings
from array import array
from collections.abc import Iterable
from typing import Any

Expressions = dict[tuple[str | bytes, int], tuple[Any, ...]]
"""Text and flags -> the other arguments of `_sre.compile`, the code as bytes."""


class _Engine:
    """Stands in for the module `_sre` of `re`'s compiler, and notes what it is to compile."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self.given: tuple[Any, ...] = ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def compile(self, text: Any, flags: int, code: list[int], *others: Any) -> Any:
        self.given = flags, array("I", code).tobytes(), *others
        return self._engine.compile(text, flags, code, *others)


def record(names: Iterable[str]) -> tuple[Expressions, dict[str, bytes]]:
    """Import modules; return their regular expressions, and the code in strings, marshalled."""
    compiler: Any = re._compiler  # type: ignore[attr-defined]  # no public way
    engine = compiler._sre = _Engine(compiler._sre)
    compile_text = compiler.compile
    expressions: Expressions = {}
    sources: dict[str, bytes] = {}

    def compile_noted(text: Any, flags: int = 0) -> Any:
        made = compile_text(text, flags)
        if isinstance(text, (str, bytes)):
            expressions[text, int(flags)] = engine.given
        return made

    def noted(text: str, mode: str) -> str:
        sources[text] = marshal.dumps(
            compile(text, "<string>", mode, dont_inherit=True, optimize=2)
        )
        return text

    compiler.compile = compile_noted
    collections.eval = lambda text, *names: eval(noted(text, "eval"), *names)  # type: ignore[attr-defined]  # noqa: S307 - as there
    dataclasses.exec = lambda text, *names: exec(noted(text, "exec"), *names)  # type: ignore[attr-defined]  # noqa: S102 - as there
    typing.compile = lambda text, *how: compile(noted(text, "eval"), *how)  # type: ignore[attr-defined]  # as there
    re.purge()
    for name in names:
        with contextlib.suppress(Exception):  # of another system
            importlib.import_module(name)
    return expressions, sources


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.path.insert(0, sys.argv[1])
    from docker_credential_ecrpy.text import expression

    expression.expression = re.compile  # type: ignore[assignment]  # at once
    found = record(sys.stdin.read().split())
    sys.stdout.buffer.write(marshal.dumps([sorted(part.items(), key=repr) for part in found]))
