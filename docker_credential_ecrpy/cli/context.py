"""The process around a command."""

from collections.abc import Callable, Mapping
from functools import cached_property

from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text.console import Console


@dataclass(frozen=True)
class CommandContext:
    """The process around a command: its name, its environment, and the helper.

    name: of the program, as the user called it. turn_on_log: makes the helper log to standard
    error, as AWS_ECR_DEBUG=1 does.
    """

    name: str
    environ: Mapping[str, str]
    helper: Helper
    turn_on_log: Callable[[], None]

    @cached_property
    def console(self) -> Console:
        """The console that the command writes to."""
        return Console(self.environ)
