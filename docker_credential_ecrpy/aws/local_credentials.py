"""Where AWS credentials may come from on this machine.

It reads the environment and ~/.aws, looks for /etc/boto.cfg and ~/.boto, and reads in /sys whether
this is an EC2 instance. It makes no network call and does not try a source.
https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

import os
from collections.abc import Mapping
from contextlib import suppress

from botocore.exceptions import BotoCoreError

from docker_credential_ecrpy.aws.profiles import (
    describe_unknown,
    explain_wrong_settings,
    make_botocore_session,
    name_config_files,
)
from docker_credential_ecrpy.hot.values import dataclass

CONTAINER_URIS = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
"""The variables with the address of a container's credentials, in botocore's order."""
_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    *CONTAINER_URIS,
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CREDENTIAL_FILE",  # boto 2's files, which botocore still reads
    "BOTO_CONFIG",
)
_BOTO_FILES = ("/etc/boto.cfg", "~/.boto")
_NO_SOURCE = frozenset(("region", "output"))  # a profile of these alone has no credentials
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html
_VENDOR = "/sys/devices/virtual/dmi/id/sys_vendor"
_XEN = "/sys/hypervisor/uuid"


@dataclass(frozen=True)
class LocalCredentials:
    """Which identities may have credentials here.

    ambient: whether the environment, or the profile in use without a rule, may have some.
    named: the profile that AWS_PROFILE names, or "". known: all profiles. filled: those that may
    have some. files: the profiles' files, as an error names them.
    """

    ambient: bool
    named: str = ""
    known: frozenset[str] = frozenset()
    filled: frozenset[str] = frozenset()
    files: str = ""

    def describe_unknown(self, name: str) -> str:
        """Return that a profile does not exist."""
        return describe_unknown(name, self.files)


def find_local_credentials(environ: Mapping[str, str]) -> LocalCredentials:
    """Return which identities may have credentials. Raises HelperError for wrong AWS settings."""
    core = make_botocore_session()
    try:
        profiles: Mapping[str, Mapping[str, object]] = core.full_config.get("profiles", {})
    except BotoCoreError as exc:
        raise explain_wrong_settings(exc, core) from exc
    named = environ.get("AWS_DEFAULT_PROFILE") or environ.get("AWS_PROFILE") or ""
    known = frozenset(profiles)
    filled = frozenset(name for name, keys in profiles.items() if not _NO_SOURCE.issuperset(keys))
    variables = any(environ.get(name) for name in _VARIABLES)
    files = any(os.path.exists(os.path.expanduser(path)) for path in _BOTO_FILES)
    found = variables or files or (named or "default") in filled or _has_metadata(environ)
    # A profile that AWS_PROFILE names has to exist, whatever other source there is.
    ambient = found and named in {"", *known}
    return LocalCredentials(ambient, named, known, filled, name_config_files(core))


def _has_metadata(environ: Mapping[str, str]) -> bool:
    return not is_metadata_disabled(environ) and is_ec2(environ)


def is_metadata_disabled(environ: Mapping[str, str]) -> bool:
    """Whether botocore does not ask instance metadata."""
    return environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"


def is_ec2(environ: Mapping[str, str]) -> bool:
    """Whether this is an EC2 instance, whose metadata may have credentials."""
    if environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT"):
        return True
    for path, start in ((_VENDOR, "Amazon EC2"), (_XEN, "ec2")):
        with suppress(OSError, ValueError), open(path, encoding="utf-8") as file:
            if file.read(len(start)) == start:
                return True
    return False
