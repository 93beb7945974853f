"""How far a call to AWS has come, in the words that its errors need."""

import shlex

import botocore.session
from botocore.exceptions import BotoCoreError

from docker_credential_ecrpy.aws.deadline import Watch
from docker_credential_ecrpy.aws.profiles import config_files
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.sanitize import one_line

SERVICES = {
    "ecr": "ECR",
    "ecr-public": "ECR Public",
    "sts": "STS",
    "sso": "IAM Identity Center",
    "sso-oidc": "IAM Identity Center",
    "signin": "signin",
}
"""All that clients are made for, here and by botocore: its name of a service -> a person's."""
_SOURCES = {
    "env": "the environment",
    "shared-credentials-file": "profile {!r} in the credentials file",
    "config-file": "profile {!r} in the config file",
    "custom-process": "credential_process of profile {!r}",
    "assume-role": "the role of profile {!r}",
    "assume-role-with-web-identity": "the web identity role",
    "sso": "the SSO session of profile {!r}",
    "container-role": "the container's role",
    "iam-role": "the instance's role",
}
"""botocore's name of a source of credentials -> a person's, around the profile's name."""


class CallContext:
    """How far a call to AWS has come; what an error needs to name its cause.

    choice: who is asking, and for which registry.
    watch: told who is being waited for. source: botocore's name of the credentials' source.
    role: the ARN of the chosen role, once its credentials are in use.
    bundle: the file of certificates to trust, or "" for botocore's own.
    resolved: whether the credentials of profile or environment are there.
    service: whom the last request was sent to, or "" before there was one.
    """

    def __init__(self, choice: Choice, core: botocore.session.Session, watch: Watch) -> None:
        self.choice = choice
        self.registry = choice.registry
        self.core = core
        self.resolved = False
        self.watch = watch
        self.watch.stage = "the AWS settings"
        self.bundle = ""
        self.source = ""
        self.role = ""
        self.service = ""

    @property
    def stage(self) -> str:
        """Who is being waited for."""
        return self.watch.stage

    def sends(self, service: str, url: str) -> None:
        """Note that a request goes out to a service of AWS."""
        self.service = SERVICES.get(service, service)
        self.watch.stage = f"{self.service} at {shown_url(url)}"

    @property
    def profile(self) -> str:
        """The AWS profile in use."""
        return self.core.profile or "default"

    @property
    def profile_option(self) -> str:
        """What makes an `aws` command use the same profile; nothing for the default one."""
        return f" --profile {shlex.quote(self.core.profile)}" if self.core.profile else ""

    def source_name(self, operation: str = "") -> str:
        """Return where the credentials came from, in a person's words.

        The call for a profile's role is made with those of the profile at the end of its chain,
        or of what that one's `credential_source` names.
        """
        if self.role and operation != "AssumeRole":
            return f"the role {self.role}"
        if operation == "AssumeRole" and not self.resolved:
            profiles = self.profiles()
            name = self._end_of_chain()
            source = profiles.get(name, {}).get("credential_source")
            return f"the credential_source {source}" if source else f"profile {name!r}"
        return _SOURCES.get(self.source, self.source or "their source").format(self.profile)

    @property
    def config_files(self) -> str:
        """Where the profiles are looked for."""
        return config_files(self.core)

    def sso_login(self) -> tuple[str, str]:
        """Return the profile whose SSO session it is, and the command that begins one.

        That command takes only a profile which has the session itself, and that may be another
        one: what the profile in use has its role from.
        """
        name = self._end_of_chain()
        return name, f"aws sso login --profile {shlex.quote(name)}"

    def _end_of_chain(self) -> str:
        """Return the profile that the one in use has its first credentials from."""
        profiles = self.profiles()
        name, seen = self.profile, set()
        while name not in seen:
            seen.add(name)
            name = profiles.get(name, {}).get("source_profile", name)
        return name

    def profiles(self) -> dict[str, dict[str, str]]:
        """Return the settings of every profile; none where the files cannot be read."""
        try:
            found: dict[str, dict[str, str]] = self.core.full_config.get("profiles", {})
        except BotoCoreError:
            return {}
        return found


def shown_url(url: str) -> str:
    """Return a URL fit for an error: without user info, path and query."""
    scheme, _, rest = url.partition("://")
    # User info first: a password may hold a slash, which it should not.
    return one_line(f"{scheme}://{rest.rpartition('@')[2].partition('/')[0]}")
