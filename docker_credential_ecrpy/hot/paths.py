"""Paths of the settings, the cache and the AWS files. No file access here."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

CONFIG_NAME: "Final" = "config.toml"
TOKENS: "Final" = "tokens"
LOGINS: "Final" = "logins"
LOCKS: "Final" = "locks"
REGISTRIES: "Final" = "registries"
ELSEWHERE: "Final" = "elsewhere"
RULES: "Final" = "rules@config.toml"
"""In `ELSEWHERE`, in place of a host: the table of the rules. No host has an "@"."""


def home(environ: "Mapping[str, str]") -> str:
    """Return the user's home directory, or "" where the environment names none.

    The user database is not read: a service that runs without HOME must not use a home directory.
    """
    return environ.get("USERPROFILE" if sys.platform == "win32" else "HOME") or ""


def helper_dir(environ: "Mapping[str, str]") -> str:
    """Return `~/.ecr`, the default directory of settings and cache; "" without a home."""
    at = home(environ)
    return at and os.path.join(at, ".ecr")


def cache_dir(environ: "Mapping[str, str]") -> str:
    """Return the cache's directory, or "" for no cache.

    There is none without a home, or when `$AWS_ECR_DISABLE_CACHE` is not empty.
    """
    return "" if environ.get("AWS_ECR_DISABLE_CACHE") else kept_dir(environ)


def kept_dir(environ: "Mapping[str, str]") -> str:
    """Return the cache's directory, even if disabled: `$AWS_ECR_CACHE_DIR`, or `~/.ecr`."""
    chosen = environ.get("AWS_ECR_CACHE_DIR")
    return os.path.expanduser(chosen) if chosen else helper_dir(environ)


def lacks_home(directory: str, environ: "Mapping[str, str]") -> bool:
    """Whether a cache's directory is the default one in a home that does not exist.

    Services without a home often have one such as /nonexistent, which nothing may create.
    """
    return directory == helper_dir(environ) and not os.path.isdir(home(environ))


def config_file(environ: "Mapping[str, str]") -> str:
    """Return the settings file: `$AWS_ECR_CONFIG`, or else `~/.ecr/config.toml`."""
    chosen = environ.get("AWS_ECR_CONFIG")
    if chosen:
        return os.path.expanduser(chosen)
    at = helper_dir(environ)
    return at and os.path.join(at, CONFIG_NAME)


def has_settings(environ: "Mapping[str, str]") -> bool:
    """Whether the settings file exists, or the environment names one.

    A dangling symlink counts, and so does a file in a directory that is closed to this user.
    """
    if environ.get("AWS_ECR_CONFIG"):
        return True
    path = config_file(environ)  # a name that `files.programs.stalled` looks for
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False  # the last one is for a NUL
    except OSError as exc:
        import errno  # for odd names alone

        # No file has too long a name; the rules of any other count: reading them is an error.
        return exc.errno != errno.ENAMETOOLONG
    return True


def aws_files(environ: "Mapping[str, str]") -> "list[str]":
    """Return every file in which boto3 looks for an identity, located as botocore does.

    They are AWS's own two, and boto 2's, which botocore still reads.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/credentials.html
    """
    found = [
        environ.get("AWS_CONFIG_FILE") or "~/.aws/config",
        environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials",
    ]
    if "BOTO_CONFIG" in environ:
        found.append(environ["BOTO_CONFIG"])
    else:
        found += ["/etc/boto.cfg", "~/.boto"]
    if "AWS_CREDENTIAL_FILE" in environ:
        found.append(environ["AWS_CREDENTIAL_FILE"])
    return [expand(path) for path in found]


def expand(path: str) -> str:
    """Return a path with its variables and home directory, as botocore expands them."""
    return os.path.expanduser(os.path.expandvars(path))
