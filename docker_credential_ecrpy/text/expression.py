"""Regular expressions that are compiled when they are first used.

To compile one takes 0.1 ms and more, and few of them are used where nothing is wrong.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Pattern


def expression(text: str, flags: int = 0) -> "Pattern[str]":
    """Return what `re.compile` returns, later."""
    return _Expression(text, flags)  # type: ignore[return-value]  # it has the same methods


class _Expression:
    def __init__(self, text: str, flags: int) -> None:
        self._source = text, flags

    def __getattr__(self, name: str) -> object:
        import re

        found: object = getattr(re.compile(*self._source), name)
        setattr(self, name, found)
        return found
