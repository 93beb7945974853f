"""Classes of values: the `dataclass` of the standard library without the time that it takes.

That one loads `inspect`, and compiles the methods of each class from text, at 0.2 ms a class.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace

    __all__ = ["dataclass", "field", "replace"]
else:
    _NONE = object()

    class field:  # noqa: N801 - the original's name
        """A field's default, and whether the text of an object and comparisons have it."""

        def __init__(self, *, default=_NONE, default_factory=None, repr=True, compare=True):  # noqa: A002
            self.default, self.make = default, default_factory or (lambda: default)
            self.shown, self.compared = repr, compare

    def dataclass(cls=None, /, *, frozen=False, eq=True, kw_only=False):
        """Add the methods of a dataclass to a class, for its annotated fields."""
        if cls is None:
            return lambda cls: dataclass(cls, frozen=frozen, eq=eq, kw_only=kw_only)
        fields = dict(getattr(cls, "_fields", {}))
        for name in cls.__annotations__:
            one = vars(cls).get(name, _NONE)
            fields[name] = one = one if isinstance(one, field) else field(default=one)
            setattr(cls, name, one.default)
        methods = {"_fields": fields, "_is_kw_only": kw_only, "__init__": _init, "__repr__": _repr}
        methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None} if eq else {}
        methods |= {"__setattr__": _refuse, "__delattr__": _refuse} if frozen else {}
        for name in methods.keys() - vars(cls).keys():
            setattr(cls, name, methods[name])
        return cls

    def replace(old, /, **changes):
        """Return a copy of an object with other values in some fields."""
        return type(old)(**{name: getattr(old, name) for name in old._fields} | changes)

    def _init(self, *values, **named):
        fields = self._fields
        given = dict(zip(() if self._is_kw_only else fields, values, strict=False)) | named
        is_wrong = len(given) < len(values) + len(named)
        given |= {name: one.make() for name, one in fields.items() if name not in given}
        if is_wrong or given.keys() != fields.keys() or any(v is _NONE for v in given.values()):
            msg = f"{type(self).__name__} takes {', '.join(fields)}"
            raise TypeError(msg)
        vars(self).update(given)
        if hasattr(self, "__post_init__"):
            self.__post_init__()

    def _repr(self):
        shown = (f"{name}={getattr(self, name)!r}" for name, f in self._fields.items() if f.shown)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def _key(self):
        return tuple(getattr(self, name) for name, one in self._fields.items() if one.compared)

    def _eq(self, other):
        return _key(self) == _key(other) if type(self) is type(other) else NotImplemented

    def _hash(self):
        return hash(_key(self))

    def _refuse(self, name, *_):
        raise AttributeError(type(self).__name__, name)
