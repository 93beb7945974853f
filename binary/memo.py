"""What the build has compiled of the text in modules: regular expressions and generated code.

To compile those of a first `get` takes a seventh of it. An unknown text is compiled as ever.
"""

import _sre  # type: ignore[import-not-found]  # no stub
import marshal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Expression = tuple[int, int, int, int, dict[str, int], tuple[str | None, ...]]
    """Offset and size of the code, and the other arguments of `_sre.compile`."""

expressions: "dict[tuple[str | bytes, int], Expression]" = {}
sources: "dict[str, bytes]" = {}


def _find(text: str) -> "Any":
    """Return the code of a text that is known, or the text."""
    found = sources.get(text)
    return text if found is None else marshal.loads(found)  # noqa: S302 - the build made it


def _compile(text: str, *how: "Any") -> "Any":
    return _find(text) if text in sources else compile(text, *how)


def _eval(text: str, *names: "Any") -> "Any":
    return eval(_find(text), *names)  # noqa: S307 - what the module would do


def _exec(text: str, *names: "Any") -> None:
    exec(_find(text), *names)  # noqa: S102 - same


NAMES: "dict[str, dict[str, object]]" = {
    "collections": {"eval": _eval},
    "dataclasses": {"exec": _exec},
    "typing": {"compile": _compile},
}
"""A module -> functions that it has in place of Python's own."""


def use(view: memoryview, memo: memoryview) -> None:
    """Read the memo, which binary/recorder.py makes, and let `re` use it.

    view: the pack. memo: the part of it with the memo.
    """
    found = marshal.loads(memo)  # noqa: S302 - the build made it
    expressions.update(found[0])
    sources.update(found[1])
    import re  # noqa: PLC0415 - `collections`, which it imports, is to have its `NAMES`

    compiler: Any = re._compiler  # type: ignore[attr-defined]  # no public way
    compile_text = compiler.compile

    def compile_known(text: "Any", flags: int = 0) -> "Any":
        known = expressions.get((text, flags)) if isinstance(text, (str, bytes)) else None
        if known is None:
            return compile_text(text, flags)
        at, size, *others = known
        code = view[at : at + size].cast("I").tolist()
        return _sre.compile(text, others[0], code, *others[1:])

    compiler.compile = compile_known
