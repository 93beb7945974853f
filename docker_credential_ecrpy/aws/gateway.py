"""What is asked of AWS, each call within the time that it has.

The modules that it leads to load boto3, a tenth of a second, and so only once they are asked.
"""

import gc

from docker_credential_ecrpy.settings import rules
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.tokens.token import Token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from docker_credential_ecrpy.aws.deadline import Result, Watch
    from docker_credential_ecrpy.aws.profiles import ProfileSummary
    from docker_credential_ecrpy.doctor.probes.aws import CallerIdentity, EndpointProbe, Preview
    from docker_credential_ecrpy.doctor.probes.pull import PullTrace


class AwsCalls:
    """Every call for so many seconds at most. They raise HelperError, with cause and cure."""

    def __init__(self, log: Log) -> None:
        self.log = log

    def fetch(self, choice: Choice, seconds: float) -> Token:
        """Return a new token for the registry of `choice`."""

        def ask(watch: "Watch") -> Token:
            # All that is loaded stays: to look for garbage in it, also at the end, is a tenth of
            # the time of a first `get`.
            collecting = gc.isenabled()
            gc.disable()
            try:
                from docker_credential_ecrpy.aws import ecr
            finally:
                gc.freeze()
                if collecting:
                    gc.enable()

            return ecr.fetch(choice, watch, self.log)

        return _within(seconds, ask)

    def outlook(self, choice: Choice, seconds: float) -> "Preview":
        """Return what asking AWS would be like; nobody is asked."""

        def look(watch: "Watch") -> "Preview":
            from docker_credential_ecrpy.doctor.probes.aws import (
                preview,
            )

            return preview(choice, watch, self.log)

        return _within(seconds, look)

    def caller(self, choice: Choice, seconds: float) -> "CallerIdentity":
        """Return who AWS knows the identity as."""

        def ask(watch: "Watch") -> "CallerIdentity":
            from docker_credential_ecrpy.doctor.probes.aws import (
                identify_caller,
            )

            return identify_caller(choice, watch, self.log)

        return _within(seconds, ask)

    def reach(self, choice: Choice, seconds: float) -> "EndpointProbe":
        """Return how the API endpoint is reached."""

        def ask(watch: "Watch") -> "EndpointProbe":
            from docker_credential_ecrpy.doctor.probes.aws import (
                probe_endpoint,
            )

            return probe_endpoint(choice, watch, self.log)

        return _within(seconds, ask)

    def visit(
        self,
        choice: Choice,
        host: str,
        image: tuple[str, str],
        login: tuple[str, str] | None,
        seconds: float,
    ) -> "PullTrace":
        """Return what the registry itself answers; `image` is a repository and its reference."""

        def ask(watch: "Watch") -> "PullTrace":
            from docker_credential_ecrpy.doctor.probes import pull

            return pull.trace_pull(choice, host, *image, login, watch, self.log)

        return _within(seconds, ask)

    @staticmethod
    def profiles(environ: "Mapping[str, str]") -> "list[ProfileSummary]":
        """Return every AWS profile; nobody is asked."""
        from docker_credential_ecrpy.aws import profiles

        return profiles.list_profiles(environ)


def resolve(choice: Choice) -> Choice:
    """Return the choice with the profile that it leaves open. Raises HelperError."""
    if choice.profile != rules.AUTO:
        return choice
    from docker_credential_ecrpy.aws import profiles

    return choice.with_profile(profiles.profile_for_account(choice))


def _within(seconds: float, call: "Callable[[Watch], Result]") -> "Result":
    from docker_credential_ecrpy.aws import deadline  # with subprocess: only to ask AWS

    return deadline.within(seconds, call)
