"""The error tree.

HelperError           what is wrong, and what to do
├── DeadlineExceeded  a call exceeded its deadline
└── WireText          one of the protocol's exact texts, for the client only
"""


class HelperError(Exception):
    """An error for the user: `message` says what is wrong, `hint` what to do.

    chosen_at: where the AWS identity is chosen, if the message names that place.
    """

    def __init__(
        self, message: str, *, hint: str | None = None, chosen_at: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.chosen_at = chosen_at

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class DeadlineExceeded(HelperError):
    """A call exceeded its deadline."""


class WireText(HelperError):
    """One of the protocol's exact texts, for standard output only."""
