"""Roles of AWS profiles that have their own source credentials, beside `role_arn`.

botocore wants the source in another profile. The SDKs for Go, Java and .NET, and so the Go helper,
also take it from the profile itself: its keys, SSO session, `aws login` or credential_process.
"""

from collections.abc import Mapping
from typing import Any

from botocore.credentials import AssumeRoleProvider, CredentialResolver
from botocore.exceptions import PartialCredentialsError

_OTHER_SOURCES = ("credential_source", "web_identity_token_file")
OWN_SOURCES = (
    "aws_access_key_id",
    "credential_process",
    "login_session",
    "sso_session",
    "sso_start_url",
)
"""Settings of a profile that has credentials of its own."""
_ARGUMENTS = ("role_arn", "role_session_name", "external_id", "mfa_serial")


def is_own_source(name: str, profile: Mapping[str, Any]) -> bool:
    """Whether a profile has a role, and the credentials to assume it with.

    Its `source_profile` may name the profile itself.
    """
    others = any(key in profile for key in _OTHER_SOURCES)
    is_own = profile.get("source_profile", name) == name and not others
    return is_own and "role_arn" in profile and any(profile.get(key) for key in OWN_SOURCES)


class RoleProvider(AssumeRoleProvider):
    """botocore's provider of the roles of profiles, which takes one's own source as well."""

    def _get_role_config(self, profile_name: str) -> Any:
        profile = self._loaded_config["profiles"][profile_name]  # type: ignore[attr-defined]
        if not is_own_source(profile_name, profile):
            return super()._get_role_config(profile_name)  # type: ignore[misc]
        found: dict[str, Any] = {key: profile.get(key) for key in _ARGUMENTS}
        if str(profile.get("duration_seconds", "")).isdecimal():
            found["duration_seconds"] = int(profile["duration_seconds"])
        return found

    def _resolve_source_credentials(self, role_config: Any, profile_name: str) -> Any:
        if role_config.get("source_profile") or role_config.get("credential_source"):
            return super()._resolve_source_credentials(role_config, profile_name)  # type: ignore[misc]
        builder = self._profile_provider_builder  # type: ignore[attr-defined]
        providers = builder.providers(profile_name=profile_name, disable_env_vars=True)
        credentials = CredentialResolver(providers).load_credentials()
        if credentials is None:
            raise PartialCredentialsError(provider=self.METHOD, cred_var="source_profile")
        return credentials


def accept_own_sources(assume_role: AssumeRoleProvider) -> None:
    """Let a provider assume the roles of profiles with their own source.

    botocore makes the provider itself, with what only it knows. A test fails if the names change.
    """
    assume_role.__class__ = RoleProvider
