"""The AWS identity to use, as one line of text, found without a network call.

AWS credentials are never resolved here, because that costs an STS, SSO or metadata call. The line
holds what *decides* them: the environment variables that choose an identity or an endpoint, a
stamp of every file that does, the home directory, and the machine (its instance role may be the
identity). A changed line is another identity. The worst case is one extra call, never another
identity's token.

What else decided an identity is known only after the token was fetched: the files of an SSO
session, a web identity token, a `credential_process`. A cache entry holds the state of each of
these inputs, and does not answer once one has changed.
"""

import _imp
import os
import stat

from docker_credential_ecrpy.hot import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Final

    Input = tuple[str, str, str]
    """An input of an identity: its kind, its state, and the file's path or the program's name."""

# Never the value of a secret: no secret key, session token or container authorization token.
# The access key id identifies the first two; the third has a digest in the line, since one
# credentials endpoint may serve many containers, and tell them apart by their tokens.
# A test compares this tuple with botocore's own tables, so that a new variable is noticed.
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
# Prefixes of variables that name an account's profile or role; its twelve digits follow.
PROFILE_OF: "Final" = "AWS_ECR_PROFILE_"
ROLE_OF: "Final" = "AWS_ECR_ROLE_ARN_"

# Keys in the environment win over everything else, these two over the machine's role only: a
# profile wins over them, and may use that role.
_KEY: "Final" = "AWS_ACCESS_KEY_ID"
_BEFORE_MACHINE: "Final" = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
)
_LOGINS: "Final" = "AWS_LOGIN_CACHE_DIRECTORY"
_CONTAINER_TOKEN: "Final" = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105 - a name
MISSING: "Final" = "-"
"""The stamp of a missing file."""
_READ_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_MAX_CONTENT = 256 * 1024  # bytes; of a larger file the metadata and its two ends count
_END = 64 * 1024  # bytes of such a file's start and of its end
_UNSIZED = 8 * 1024  # bytes; files of /proc have content, and a size of 0
_HASH_KEY = 0x6563727079  # any number

FILE: "Final" = "F"
PROGRAM: "Final" = "P"
LINK: "Final" = "L"
DIRECTORY: "Final" = "C"
"""Kinds of inputs: a file's content, the file that PATH finds for a program's name, where a symlink
leads to, and the current directory."""


def line(environ: "Mapping[str, str]", settings: "str | None" = None) -> str:
    """Return the identity that `environ` and its files select, as one line.

    Equal lines mean the same identity for each registry; different lines mean nothing. A line is
    plain ASCII without a line break, whatever the variables hold.

    settings: the `stamp` of config.toml when the caller read it; by default that of the file now.
    """
    parts = [
        f"{name}={_shown(name, environ[name])!a}" for name in DECIDING_VARIABLES if name in environ
    ]
    if _CONTAINER_TOKEN in environ:
        parts.append(f"{_CONTAINER_TOKEN}~{digest(environ[_CONTAINER_TOKEN])}")
    choosing = account_variables(environ)
    parts += [f"{name!a}={environ[name]!a}" for name in choosing]
    stamps = [(path, file_stamp(path)) for path in deciding_files(environ)]
    parts += [f"{path!a}:{stamp}" for path, stamp in stamps]
    ours = settings_part(environ, settings)
    parts.append(ours)
    # The caches of sessions are in these two, even if variables name all other files.
    parts.append("home=" + ascii(os.path.expanduser("~")))
    if _LOGINS in environ:
        parts.append("logins=" + ascii(paths.expand(environ[_LOGINS])))
    by_environment = bool(environ.get(_KEY)) or (
        any(environ.get(name) for name in _BEFORE_MACHINE)
        and all(stamp == MISSING for _, stamp in stamps)
    )
    # A rule's profile overrides the environment, and may use the instance role.
    by_profile = not ours.endswith(f":{MISSING}") or any(
        name.startswith(PROFILE_OF) for name in choosing
    )
    if by_profile or not by_environment:
        parts.append("machine=" + ascii(machine(environ)))
    return " ".join(parts)


def parse(line: str) -> "dict[str, str]":
    """Return the variables and choices in a line, name -> value, for display.

    The line may end in the choices of a rule (`rules.Choice.identity`). The stamps of files and
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
        return {}  # this program did not write the line


def account_variables(environ: "Mapping[str, str]") -> "list[str]":
    """Return the names of the variables that choose an identity for an account."""
    return sorted(name for name in environ if name.startswith((PROFILE_OF, ROLE_OF)))


def settings_part(environ: "Mapping[str, str]", settings: "str | None" = None) -> str:
    """Return the part of the line that stands for config.toml."""
    ours = paths.config_file(environ)
    return f"{ours!a}:{file_stamp(ours) if settings is None else settings}"


def deciding_files(environ: "Mapping[str, str]") -> "list[str]":
    """Return the files that decide the identity, except config.toml."""
    files = [*paths.aws_files(environ), environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "")]
    return [path for path in files if path]


def long_files(environ: "Mapping[str, str]") -> "list[str]":
    """Return the deciding files that are too long for their whole content to count."""
    return [path for path in deciding_files(environ) if _is_long_file(path)]


def _is_long_file(path: str) -> bool:
    try:
        return is_long(os.stat(path))
    except (OSError, ValueError):
        return False


def machine(environ: "Mapping[str, str]") -> str:
    """Return this machine's name."""
    # Machines with different instance roles may share a home directory over the network.
    if hasattr(os, "uname"):
        return os.uname().nodename
    return environ.get("COMPUTERNAME", "")


def _shown(name: str, value: str) -> str:
    # A URL may hold a password or a key, which must never be written to disk. That of a container's
    # credentials is a secret as a whole: whoever knows it can ask for them.
    address = "URL" in name or "URI" in name or "ENDPOINT" in name
    secret = "@" in value or "?" in value or name.startswith("AWS_CONTAINER_CREDENTIALS_")
    return f"~{digest(value)}" if address and secret else value


def digest(secret: str) -> str:
    """Return the digest that stands for a secret in the line."""
    # These modules load at once, and the standard library's `random` uses them too; hashlib loads
    # OpenSSL, which takes 3 ms. Some builds of the interpreter lack them.
    try:
        from _sha2 import sha256  # type: ignore[import-not-found]  # from 3.12 on
    except ImportError:
        try:
            from _sha256 import sha256  # type: ignore[import-not-found]  # up to 3.11
        except ImportError:
            from hashlib import sha256

    found: str = sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
    return found[:16]


def observe(kind: str, name: str, environ: "Mapping[str, str]") -> "Input":
    """Return an input with its state now. kind, name: as in `Input`."""
    if kind == FILE:
        state = _content_stamp(name)
    elif kind == PROGRAM:
        state = digest_text(find_program(name, environ))
    else:
        try:
            state = digest_text(os.readlink(name) if kind == LINK else os.getcwd())
        except (OSError, ValueError):
            state = MISSING
    return kind, state, name


def find_program(name: str, environ: "Mapping[str, str]") -> str:
    """Return the path at which the AWS SDK finds a program, or ""."""
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return ""


def find_changed(inputs: "Iterable[Input]", environ: "Mapping[str, str]") -> str:
    """Return the name of the first input that changed since it was observed, or ""."""
    for kind, state, name in inputs:
        if observe(kind, name, environ)[1] != state:
            return "the current directory" if kind == DIRECTORY else name
    return ""


def digest_text(text: str) -> str:
    """Return a short digest of a text that is no secret."""
    return _hash(text.encode("utf-8", "surrogateescape"))


def file_stamp(path: str) -> str:
    """Return a text that changes when a file does: its metadata, and its content if it is short.

    If the file or its directory is a symlink, retargeting that and back changes the text, too.
    """
    links = ""
    try:
        above = os.lstat(os.path.dirname(path) or ".")
        if stat.S_ISLNK(above.st_mode):
            links = f"{stamp(above)}>"
        seen = os.lstat(path)
        if stat.S_ISLNK(seen.st_mode):
            links += f"{stamp(seen)}>"
            seen = os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return links + MISSING
    except OSError:
        return f"{links}?"  # whether it exists is unknown, as in a closed directory
    # Metadata can be equal: the files of two container images may have the same times and inode.
    return f"{links}{stamp(seen)}.{_content_stamp(path, seen)}"


def stamp(seen: os.stat_result) -> str:
    """Return a text that changes when the file of `seen` does, as far as its metadata shows."""
    # With the ctime: `touch -r` and `cp -p` set the mtime back.
    return f"{seen.st_mtime_ns}.{seen.st_ctime_ns}.{seen.st_size}.{seen.st_ino}"


def is_long(seen: os.stat_result) -> bool:
    """Whether a file's metadata and its two ends count, and not its whole content."""
    return seen.st_size > _MAX_CONTENT


def _content_stamp(path: str, seen: "os.stat_result | None" = None) -> str:
    """Return a text that changes when the content of a file does. seen: its metadata."""
    try:
        seen = seen or os.stat(path)
    except (OSError, ValueError):
        return MISSING
    # Reading a FIFO would take its content.
    if stat.S_ISREG(seen.st_mode):
        try:
            opened = os.open(path, _READ_FLAGS)
            try:
                if is_long(seen):
                    data = os.read(opened, _END)
                    os.lseek(opened, -_END, os.SEEK_END)
                    data += os.read(opened, _END)
                else:
                    # Memory for the largest file would take longer than all the rest.
                    data = os.read(opened, max(seen.st_size + 1, _UNSIZED))
            finally:
                os.close(opened)
            return data_stamp(data, seen)
        except OSError:
            pass  # the AWS SDK cannot read it, either
    return stamp(seen)


def data_stamp(data: bytes, seen: os.stat_result) -> str:
    """Return a text that stands for the data of a file, as `observe` states it. seen: metadata.

    The device does not count: it differs between the containers of one image.
    """
    if not stat.S_ISREG(seen.st_mode):
        return stamp(seen)
    if is_long(seen):
        return f"{stamp(seen)}.{_hash(data[:_END] + data[-_END:])}"
    return data_state(data, program=bool(seen.st_mode & 0o111))


def data_state(data: bytes, *, program: bool = False) -> str:
    """Return the state of a file with that data. program: whether it can be run."""
    return f"{len(data)}{'x' if program else ''}.{_hash(data)}"


def _hash(data: bytes) -> str:
    # A keyed hash of 64 bits that needs no import: Python's own, for the sources of modules.
    return _imp.source_hash(_HASH_KEY, data).hex()
