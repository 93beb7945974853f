"""The state of one call to AWS: what its steps share, and what its errors name."""

import re
import shlex
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError

from docker_credential_ecrpy.aws.deadline import Stage, Watch
from docker_credential_ecrpy.aws.sdk.data import SERVICES
from docker_credential_ecrpy.aws.sdk.inputs import Inputs
from docker_credential_ecrpy.hot.values import dataclass, field
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.text.sanitize import one_line

WEB_IDENTITY = "web-identity"
"""The name of a pod's token as the source of credentials, beside botocore's names."""
_SOURCES = {
    "env": "the environment",
    "shared-credentials-file": "profile {!r} in the credentials file",
    "config-file": "profile {!r} in the config file",
    "custom-process": "credential_process of profile {!r}",
    "assume-role": "the role of profile {!r}",
    "assume-role-with-web-identity": "the web identity role",
    WEB_IDENTITY: "the service account's token",
    "sso": "the SSO session of profile {!r}",
    "login": "the aws login session of profile {!r}",
    "container-role": "the container's role",
    "iam-role": "the instance's role",
}
"""botocore's name for a credential source -> the one in messages, around the profile's name."""


@dataclass(frozen=True)
class MetadataRefusal:
    """An answer of instance or container metadata without credentials.

    text: its message, or "" for a page. asks_token: whether a session token was requested.
    """

    status: int
    text: str = ""
    asks_token: bool = False

    def __str__(self) -> str:
        status = f"HTTP {self.status}" if self.status != HTTPStatus.OK else ""
        return ": ".join(filter(None, (status, self.text)))


@dataclass(eq=False)
class CallContext:
    """The state of a call to AWS."""

    choice: Choice  # the AWS identity to use, and the registry
    core: botocore.session.Session
    watch: Watch  # what the call waits for
    log: Log
    source: str = ""  # botocore's name for the credential source
    role: str = ""  # the ARN of the chosen role, once its credentials are in use
    bundle: str = ""  # the file of trusted certificates, or "" for botocore's own
    resolved: bool = False  # whether the credentials of profile or environment are resolved
    service: str = ""  # the service of the last request, or "" before the first
    url: str = ""  # of the last request
    unreachable: bool = False  # whether the last source of credentials asked could not answer
    lacks_token: bool = False  # whether instance metadata answers, but gives no token for it
    refusal: "MetadataRefusal | None" = None  # the first of metadata's, if it refused
    parameters: dict[str, Any] = field(default_factory=dict)  # of the last request to AWS
    inputs: Inputs = field(default_factory=Inputs)  # what decided the identity

    def __post_init__(self) -> None:
        self.registry = self.choice.registry
        self.watch.enter(Stage.SETTINGS)

    def note_request(self, service: str, url: str) -> None:
        """Note that a request is sent to a service of AWS, by botocore's name for it."""
        self.service, self.url = SERVICES.get(service, service), url
        self.watch.enter(Stage.SERVICE, f"{self.service} at {redact_url(url)}")

    @property
    def profile(self) -> str:
        """The AWS profile in use."""
        return self.core.profile or "default"

    def describe_source(self, operation: str = "") -> str:
        """Return the source of an operation's credentials, as an error names it.

        A profile's role is assumed with the credentials of the last profile of its chain, or
        with those that its `credential_source` names.
        """
        if self.role and operation != "AssumeRole":
            return f"the role {self.role}"
        if operation == "AssumeRole" and not self.resolved:
            source, last = self._credential_source(), f"profile {self._last_profile()!r}"
            return f"the credential_source {source}" if source else last
        return _SOURCES.get(self.source, self.source or "their source").format(self.profile)

    def uses_environment(self, operation: str = "") -> bool:
        """Whether the credentials of an operation came from the environment's variables."""
        by_chain = operation == "AssumeRole" and not self.resolved
        return self.source == "env" or (by_chain and self._credential_source() == "Environment")

    def find_sso_login(self) -> tuple[str, str]:
        """Return the profile with the SSO session, and the command that renews it."""
        name = self._last_profile()
        return name, f"aws sso login --profile {shlex.quote(name)}"

    def _credential_source(self) -> str:
        return self.read_profiles().get(self._last_profile(), {}).get("credential_source", "")

    def _last_profile(self) -> str:
        return self.list_chain()[-1]

    def list_chain(self) -> list[str]:
        """Return the chain of source profiles, from the profile in use to that with credentials."""
        profiles = self.read_profiles()
        name, chain = self.profile, dict[str, None]()
        while name not in chain:
            chain[name] = None
            name = str(profiles.get(name, {}).get("source_profile", name))
        return list(chain)

    def read_profiles(self) -> dict[str, dict[str, str]]:
        """Return the settings of every profile; empty if the files cannot be read."""
        with suppress(BotoCoreError):
            return dict(self.core.full_config.get("profiles", {}))
        return {}


def find_origin(url: str) -> str:
    """Return the scheme and host of a URL: what is left without user info, path and query."""
    scheme, separator, rest = url.partition("://") if "://" in url else ("", "", url)
    # Remove the user info first: a password may hold a slash, though it should not.
    return f"{scheme}{separator}{re.split('[/?#]', rest.rpartition('@')[2], maxsplit=1)[0]}"


def redact_url(url: str) -> str:
    """Return a URL as errors show it: its origin, sanitized."""
    return one_line(find_origin(url))
