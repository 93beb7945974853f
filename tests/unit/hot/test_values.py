"""Classes of values behave as the standard library's."""

import dataclasses
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from functools import cached_property
from typing import Any

import pytest

from docker_credential_ecrpy.hot import values

BOTH = pytest.mark.parametrize("library", [values, dataclasses], ids=["ours", "the original"])


def _make(library: Any, **options: bool) -> Any:
    @library.dataclass(**options)
    class Point:
        x: int
        y: int = 2
        secret: str = library.field(default="hidden", repr=False)
        place: object = library.field(default=None, compare=False)
        seen: list[int] = library.field(default_factory=list)

        @property
        def total(self) -> int:
            return self.x + self.y

        @cached_property
        def double(self) -> int:
            return 2 * self.total

    return Point


@BOTH
def test_fields_and_defaults(library: Any) -> None:
    """Values come by position and by name; each object has a default of its own."""
    point = _make(library)
    one, two = point(1), point(1, y=3, secret="s")

    assert (one.x, one.y, one.secret, one.place, one.seen) == (1, 2, "hidden", None, [])
    assert (two.y, two.secret, two.total, two.double) == (3, "s", 4, 8)
    one.seen.append(5)
    assert (two.seen, point(1).seen) == ([], [])
    one.y = 7
    assert (one.total, point.y, point.secret) == (8, 2, "hidden")


@BOTH
@pytest.mark.parametrize(
    ("given", "named"),
    [((), {}), ((), {"y": 1}), ((1, 2, "", None, [], 6), {}), ((1,), {"x": 1}), ((1,), {"z": 1})],
    ids=["nothing", "one missing", "too many", "one twice", "an unknown one"],
)
def test_wrong_fields(library: Any, given: tuple[object, ...], named: dict[str, object]) -> None:
    """They are a TypeError."""
    with pytest.raises(TypeError):
        _make(library)(*given, **named)


def test_the_error_names_the_class_and_its_fields() -> None:
    """Of a mistake in this program, the traceback has the rest."""
    with pytest.raises(TypeError) as caught:
        _make(values)()

    assert str(caught.value) == "Point takes x, y, secret, place, seen"


@BOTH
def test_fields_that_must_be_named(library: Any) -> None:
    """Several of one type are easily swapped."""
    point = _make(library, kw_only=True)

    assert point(x=1).total == 3
    with pytest.raises(TypeError):
        point(1)


class _Odd:
    """It is equal to everything, as some values of libraries are."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@BOTH
def test_a_value_is_not_compared_with_what_is_missing(library: Any) -> None:
    """Some values are equal to everything."""
    assert isinstance(_make(library)(_Odd()).x, _Odd)


@BOTH
def test_text_and_comparison(library: Any) -> None:
    """The text hides what must not be shown; a comparison takes objects of one class."""
    point = _make(library)
    frozen = _make(library, frozen=True)

    assert repr(point(1)).endswith("Point(x=1, y=2, place=None, seen=[])")
    assert point(1, place=3) == point(1, place=4)
    assert point(1, secret="other") != point(1)
    assert point(1) != frozen(1)
    assert point(1) != (1, 2)
    assert point.__hash__ is None


@BOTH
def test_without_comparison(library: Any) -> None:
    """Then each object is equal to itself alone, and may be a key."""
    point = _make(library, eq=False)
    one = point(1)

    assert (one == one, one == point(1), len({one, point(1)})) == (True, False, 2)  # noqa: PLR0124


@BOTH
def test_a_frozen_object(library: Any) -> None:
    """It cannot be changed, and may be a key; its cached properties work."""
    point = _make(library, frozen=True)
    one, other = point(1, seen=()), point(1, seen=())
    changes: list[Callable[[], None]] = [
        lambda: setattr(one, "x", 2),
        lambda: setattr(one, "z", 2),
        lambda: delattr(one, "x"),
    ]
    for change in changes:
        with pytest.raises(AttributeError):
            change()

    assert (one.x, one.double, len({one, other})) == (1, 6, 1)


@BOTH
def test_a_copy_with_changes(library: Any) -> None:
    """The rest is the same; unknown fields are a TypeError."""
    point = _make(library, frozen=True)
    one = point(1, 5, seen=[1])
    two = library.replace(one, x=2)

    assert (two.x, two.y, two.seen is one.seen, one.x) == (2, 5, True, 1)
    with pytest.raises(TypeError):
        library.replace(one, z=1)


@BOTH
def test_inheritance_and_own_methods(library: Any) -> None:
    """Fields of the base come first; methods of the class itself stay; the last step runs."""
    base: Any = _make(library, frozen=True)

    @library.dataclass(frozen=True)
    class More(base):  # type: ignore[misc]  # of Any
        extra: int = 0

        def __post_init__(self) -> None:
            self.__dict__["sum"] = self.x + self.extra

        def __repr__(self) -> str:
            return "more"

    made = More(1, 2, "s", None, [], 4)

    assert (made.extra, made.sum, repr(made)) == (4, 5, "more")
    assert made == More(1, extra=4, secret="s")
    assert made != base(1, 2, "s")


def test_it_loads_nothing() -> None:
    """That is what it is for."""
    found = importlib.util.find_spec(values.__name__)
    assert found
    assert found.origin
    code = f"""import sys
before = set(sys.modules)
exec(open({found.origin!r}).read())
print(*set(sys.modules) - before)"""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True)

    assert done.stdout.split() == []
