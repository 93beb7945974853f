"""Who would be asking AWS, as one line of text, found without asking.

AWS credentials are never resolved here, because that is what costs an STS, SSO or metadata call.
The line holds what *decides* them: the environment variables that choose an identity or an
endpoint, a stamp of every file that does, and the machine (whose instance role may be the
identity). Anything that changes the line is another identity. The worst case is one call more;
never somebody else's token.
"""

import os
import stat

from docker_credential_ecrpy.hot import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

# Never the value of a secret: no secret key, session token or container authorization token.
# An access key id says whose the first two are; of the third there is a digest, since a
# container's credentials endpoint may have one address for all, and tell them apart by it.
# A test holds this tuple against botocore's own tables, so that a new variable is noticed.
DECIDING_VARIABLES: "Final" = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCOUNT_ID",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_V1_DISABLED",
    "AWS_IMDS_USE_IPV6",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CREDENTIAL_FILE",
    "AWS_LOGIN_CACHE_DIRECTORY",
    "BOTO_CONFIG",
    "AWS_DATA_PATH",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ECR",
    "AWS_ENDPOINT_URL_ECR_PUBLIC",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_ENDPOINT_URL_SIGNIN",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_ECR_CONFIG",
)
# Which profile or role for which account: these, with the account's twelve digits after them.
PROFILE_OF: "Final" = "AWS_ECR_PROFILE_"
ROLE_OF: "Final" = "AWS_ECR_ROLE_ARN_"

# With one of these the identity is the environment's, whichever machine it is on.
_NAMED_BY_ENVIRONMENT: "Final" = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
_CONTAINER_TOKEN: "Final" = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105 - a name
MISSING: "Final" = "-"
"""The stamp of a file that is not there."""


def line(environ: "Mapping[str, str]", settings: "str | None" = None) -> str:
    """Return the identity that `environ` and the files it points to would give, as one line.

    Two equal lines mean the same identity for each registry; two different ones mean nothing. It
    is plain ASCII without a line break, whatever the variables hold.

    settings: the `stamp` of our own settings as the caller read them; by default of the file as
    it is now.
    """
    parts = [
        f"{name}={_shown(name, environ[name])!a}" for name in DECIDING_VARIABLES if name in environ
    ]
    if _CONTAINER_TOKEN in environ:
        parts.append(f"{_CONTAINER_TOKEN}~{digest(environ[_CONTAINER_TOKEN])}")
    choosing = account_variables(environ)
    parts += [f"{name!a}={environ[name]!a}" for name in choosing]
    files = deciding_files(environ)
    parts += [f"{path!a}:{file_stamp(path)}" for path in files]
    ours = settings_part(environ, settings)
    parts.append(ours)
    # Settings of ours may choose a profile, and a profile the machine's role, over the environment.
    by_environment = any(environ.get(name) for name in _NAMED_BY_ENVIRONMENT)
    by_profile = not ours.endswith(f":{MISSING}") or any(
        name.startswith(PROFILE_OF) for name in choosing
    )
    if by_profile or not by_environment:
        parts.append("machine=" + ascii(_machine(environ)))
    return " ".join(parts)


def parse(line: str) -> "dict[str, str]":
    """Return the variables and choices in a line, name -> value, for users to read.

    It may be longer by the choices of a rule (`rules.Choice.identity`). The stamps of files and
    the digest of the container's token are left out.
    """
    import ast
    import re

    quoted = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
    part = re.compile(rf"([\w-]+|{quoted}|external id|session name)(?:=({quoted})|~\w+|:\S+)")
    try:
        return {
            ast.literal_eval(name) if name[0] in "'\"" else name: ast.literal_eval(value)
            for name, value in part.findall(line)
            if value
        }
    except (SyntaxError, ValueError):
        return {}  # no line of this program's


def account_variables(environ: "Mapping[str, str]") -> "list[str]":
    """Return the names of the variables that choose an identity for an account."""
    return sorted(name for name in environ if name.startswith((PROFILE_OF, ROLE_OF)))


def settings_part(environ: "Mapping[str, str]", settings: "str | None" = None) -> str:
    """Return the part of the line that our own settings have in it."""
    ours = paths.config_file(environ)
    return f"{ours!a}:{file_stamp(ours) if settings is None else settings}"


def deciding_files(environ: "Mapping[str, str]") -> "list[str]":
    """Return the files that decide, but for our own settings."""
    files = [*paths.aws_files(environ), environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "")]
    return [path for path in files if path]


def _machine(environ: "Mapping[str, str]") -> str:
    # A home directory may be shared over the network by machines with different instance roles.
    if hasattr(os, "uname"):
        return os.uname().nodename
    return environ.get("COMPUTERNAME", "")


def _shown(name: str, value: str) -> str:
    # An address may hold a password, which is not to be written down.
    address = "URL" in name or "URI" in name or "ENDPOINT" in name
    return f"~{digest(value)}" if address and "@" in value else value


def digest(secret: str) -> str:
    """Return what stands for a secret in the line: the same for the same, and nothing of it."""
    # What hashlib loads OpenSSL for, 3 ms, is here at once, as the standard library's own `random`
    # has it. An interpreter may be built without.
    try:
        from _sha2 import sha256  # type: ignore[import-not-found]  # from 3.12 on
    except ImportError:
        try:
            from _sha256 import sha256  # type: ignore[import-not-found]  # up to 3.11
        except ImportError:
            from hashlib import sha256

    found: str = sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
    return found[:16]


def file_stamp(path: str) -> str:
    """Return what changes when a file does.

    Of a link, and of one that its directory is, also when that is turned elsewhere and back.
    """
    links = ""
    for link in (os.path.dirname(path), path):
        try:
            seen = os.lstat(link)
            if stat.S_ISLNK(seen.st_mode):
                links += f"{stamp(seen)}>"
        except (OSError, ValueError):
            pass  # then the file is not there, either
    try:
        return links + stamp(os.stat(path))
    except (OSError, ValueError):
        return links + MISSING


def stamp(seen: os.stat_result) -> str:
    """Return what changes when what `seen` is of does, as far as its directory entry tells."""
    # The change time too: `touch -r` and `cp -p` set the modification time back.
    return f"{seen.st_mtime_ns}.{seen.st_ctime_ns}.{seen.st_size}.{seen.st_ino}"
