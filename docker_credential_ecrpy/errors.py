"""What can go wrong, as one tree.

HelperError           what is wrong, and what to do about it
├── DeadlineExceeded  the time for this call was up
└── WireText          one of the protocol's exact texts, for the client alone
"""


class HelperError(Exception):
    """An error for the user: `message` says what is wrong, `hint` what to do.

    chosen_at: where the AWS identity is chosen, if the message says so already.
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
    """The time for this call was up."""


class WireText(HelperError):
    """One of Docker's exact texts, for standard output alone."""
