"""Replaces the SDK's modules of that name: methods without documentation.

The frozen program shows no help of a method, so its docstrings are left out.
"""


class NoDocstring(str):
    """An empty text with any arguments."""

    __slots__ = ()

    def __new__(cls, **_about: object) -> "NoDocstring":
        """Accept the arguments of the real classes."""
        return super().__new__(cls)


ActionDocstring = ClientMethodDocstring = PaginatorDocstring = WaiterDocstring = NoDocstring
