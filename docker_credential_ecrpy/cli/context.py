"""What a command has to work with."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.text.console import Console


@dataclass(frozen=True)
class CommandContext:
    """The process around a command: the name it was called by, its environment, and the helper."""

    name: str
    environ: Mapping[str, str]
    helper: Helper

    @cached_property
    def console(self) -> Console:
        """Where its text goes."""
        return Console(self.environ)
