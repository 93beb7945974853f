"""In the place of the SDK's modules of that name: what is documented, without text.

Nobody asks the frozen program for the help of a method, and its docstrings are left out.
"""


class NoDocstring(str):
    """An empty text, whatever it is to be about."""

    __slots__ = ()

    def __new__(cls, **_about: object) -> "NoDocstring":
        """Take what the real ones do."""
        return super().__new__(cls)


ActionDocstring = ClientMethodDocstring = PaginatorDocstring = WaiterDocstring = NoDocstring
