"""What can go wrong, as one tree.

HelperError           what is wrong, and what to do about it
├── NoCredentials     no source has AWS credentials
├── FileChanged       another program writes the file at the same time
├── DeadlineExceeded  the time limit of this call is over
└── WireText          one of the protocol's exact texts, for the client only
"""


class HelperError(Exception):
    """An error for the user: `message` says what is wrong, `hint` what to do.

    command: the fix as a command to type, where the hint names one. chosen_at: where the AWS
    identity is chosen, if the message already says so. refused: whether AWS or the source of
    credentials refuses this identity, so that no older token of it may be used either.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        command: str = "",
        chosen_at: str | None = None,
        refused: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.command = command
        self.chosen_at = chosen_at
        self.refused = refused

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}" if self.hint else self.message


class NoCredentials(HelperError):
    """No source has AWS credentials."""


class FileChanged(HelperError):
    """Another program changed a file since it was read; that change is kept."""


class DeadlineExceeded(HelperError):
    """The time limit of this call is over."""


class WireText(HelperError):
    """One of the protocol's exact texts, for standard output only."""
