"""The time that `doctor` has, and its share for each registry."""

import time
from collections.abc import Callable
from typing import TypeVar

from docker_credential_ecrpy.errors import DeadlineExceeded, HelperError
from docker_credential_ecrpy.hot.values import dataclass
from docker_credential_ecrpy.text import faults

Fact = TypeVar("Fact")


class NotChecked(DeadlineExceeded):
    """The time was up before this check began."""


@dataclass(frozen=True)
class Deadline:
    """The time by which all calls have to end. until: a value of `time.monotonic()`."""

    until: float

    def left(self) -> float:
        """Return the seconds that are left. Raises NotChecked where there are none."""
        seconds = self.until - time.monotonic()
        if seconds > 0:
            return seconds
        msg = "not checked: the time limit was reached"
        raise NotChecked(msg, hint="set AWS_ECR_TIMEOUT to more seconds")

    def share(self, count: int) -> "Deadline":
        """Return the deadline for the first of `count` registries: an equal part of the time."""
        now = time.monotonic()
        return Deadline(now + (self.until - now) / count)


def attempt(call: Callable[[], Fact]) -> Fact | HelperError:
    """Return what a call returns, or the error that it raises, also an unexpected one."""
    try:
        return call()
    except HelperError as exc:
        return exc
    except BrokenPipeError:
        raise  # the reader of the report left
    except Exception as exc:  # one fact that is missing must not lose the report
        if isinstance(exc.__cause__, KeyboardInterrupt):
            raise  # an interrupt while a module loads
        return faults.explain(exc) or faults.explain_unexpected(exc)
