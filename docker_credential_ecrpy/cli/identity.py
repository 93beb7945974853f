"""Whether the AWS identity that a command names can work, from the AWS files alone."""

from contextlib import suppress

from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.doctor.probes import gateway
from docker_credential_ecrpy.errors import NoCredentials
from docker_credential_ecrpy.helper.timeout import read_timeout
from docker_credential_ecrpy.hot.values import replace
from docker_credential_ecrpy.settings.rules import Place


def refuse_broken_profile(context: CommandContext, host: str, profile: str) -> None:
    """Raise HelperError for a profile that no pull from a registry can use as it is written.

    A profile that is still without credentials is not refused: `configure` warns of it.
    """
    helper = context.helper
    choice = helper.choose(host)
    if choice is None:
        return
    place = Place(f"--profile {profile}")
    named = replace(choice, profile=profile, role=None, chosen_at=place)
    with suppress(NoCredentials):
        gateway.preview(named, read_timeout(context.environ), helper.log)
