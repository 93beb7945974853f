"""Calls to AWS that `get` needs, each with a deadline.

botocore takes 0.1 s to load, so the modules that import it are imported when a call is made.
"""

import gc

from docker_credential_ecrpy.settings import rules
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.tokens.token import Token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker_credential_ecrpy.aws.deadline import Watch
    from docker_credential_ecrpy.aws.local_credentials import LocalCredentials
    from docker_credential_ecrpy.aws.profiles import ProfileSummary


def fetch(choice: Choice, seconds: float, log: Log) -> Token:
    """Return a new token for the registry of `choice`, within `seconds`. Raises HelperError."""
    from docker_credential_ecrpy.aws.sdk import lazy_modules

    lazy_modules.defer()
    from docker_credential_ecrpy.aws import deadline  # loads subprocess

    def call(watch: "Watch") -> Token:
        # The SDK's objects stay in use: searching them for garbage, also at exit, would take a
        # tenth of the time of a first `get`.
        collecting = gc.isenabled()
        gc.disable()
        try:
            from docker_credential_ecrpy.aws import ecr
        finally:
            gc.freeze()
            if collecting:
                gc.enable()

        return ecr.fetch(choice, watch, log)

    return deadline.within(seconds, call)


def resolve(choice: Choice) -> Choice:
    """Return the choice with a profile instead of "auto". Raises HelperError."""
    if choice.profile != rules.AUTO:
        return choice
    from docker_credential_ecrpy.aws.sdk import lazy_modules

    lazy_modules.defer()
    from docker_credential_ecrpy.aws import profiles

    return choice.with_profile(profiles.profile_for_account(choice))


def list_profiles(environ: "Mapping[str, str]") -> "list[ProfileSummary]":
    """Return every AWS profile, without a network call. Raises HelperError."""
    from docker_credential_ecrpy.aws import profiles

    return profiles.list_profiles(environ)


def describe_unknown_profile(name: str) -> str:
    """Return that an AWS profile does not exist, with the files that were read."""
    from docker_credential_ecrpy.aws import profiles

    files = profiles.name_config_files(profiles.make_botocore_session())
    return profiles.describe_unknown(name, files)


def describe_proxy(url: str) -> str:
    """Return the proxy in use for a URL, as an error names it; without one, its variable."""
    from docker_credential_ecrpy.aws.sdk.transport import proxies

    return proxies.describe(url)


def find_local_credentials(environ: "Mapping[str, str]") -> "LocalCredentials":
    """Return which identities may have credentials, without a network call. Raises HelperError."""
    from docker_credential_ecrpy.aws import local_credentials

    return local_credentials.find_local_credentials(environ)
