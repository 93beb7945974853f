"""Messages about the changes of a plan."""

from enum import Enum

from docker_credential_ecrpy.hot.values import dataclass


class MessageId(Enum):
    """What a message is about: the stable id in the JSON document of `configure`."""

    # Notes: what the changes mean.
    CLASSIC_BUILD = "classic-build"
    FILE_EMPTIED = "file-emptied"
    FILE_RESTORED = "file-restored"
    HELPER_KEPT = "helper-kept"
    HELPER_REPLACED = "helper-replaced"
    KEY_REMOVED = "key-removed"
    LOGIN_REMOVED = "login-removed"
    RULE_KEPT = "rule-kept"
    STORE_PRESENT = "store-present"
    STORE_REPLACED = "store-replaced"
    # Warnings: what may keep pulls from working.
    AWS_SETTINGS = "aws-settings"
    DEFAULT_STORE_UNUSED = "default-store-unused"
    ENTRY_REJECTED = "entry-rejected"
    FALLBACK_MISSING = "fallback-missing"
    LOGINS_UNUSED = "logins-unused"
    NO_CREDENTIALS = "no-credentials"
    PROFILE_LEFT_OUT = "profile-left-out"
    PROFILE_UNKNOWN = "profile-unknown"
    PROGRAM_NOT_RUN = "program-not-run"
    PROGRAM_SHADOWED = "program-shadowed"


@dataclass(frozen=True)
class Message:
    """A message. text: one sentence. command: what to type, where the text names that, or ""."""

    id: MessageId
    text: str
    command: str = ""

    def __str__(self) -> str:
        return self.text
