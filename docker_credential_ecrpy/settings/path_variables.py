"""Variables that name a file or a directory, and lead elsewhere than their text says."""

import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.text.sanitize import one_line

# Whether a program expands `~` in it: botocore does, Docker and podman do not.
_VARIABLES = {
    "DOCKER_CONFIG": False,
    "REGISTRY_AUTH_FILE": False,
    "AWS_CONFIG_FILE": True,
    "AWS_SHARED_CREDENTIALS_FILE": True,
    "AWS_ECR_CACHE_DIR": True,
    "AWS_ECR_CONFIG": True,
}
# In these, botocore expands other variables, too.
_BY_BOTOCORE = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})|%(\w+)%")
_FILE_URL = re.compile(r"file:(?://(?:localhost)?(?=/))?(?=/)", re.IGNORECASE)


def check_paths(environ: Mapping[str, str]) -> Iterator[HelperError]:
    """Yield the error for each variable whose path is not what it seems."""
    for name, expands in _VARIABLES.items():
        if found := check_path(name, environ, expands=expands):
            yield found


def check_path(name: str, environ: Mapping[str, str], *, expands: bool) -> HelperError | None:
    """Return the error for a variable whose value is no absolute path, as text alone; or None.

    Such as one with a `~` or a variable that nothing has expanded. expands: whether `~` is.
    """
    value = environ.get(name, "")
    if not value or (os.path.isabs(value) and os.path.lexists(value)):
        return None
    bare = value.strip().strip("'\"")
    at = _FILE_URL.sub("", bare)
    shown, is_bare = f"{name} is {one_line(value)!r}", at == value
    if at.startswith("~"):
        if is_bare and expands:
            return None
        right = f'"$HOME{at[1:]}"' if at[1:2] in ("", "/") else at
        command = f"export {name}={right}"
        msg = f"{shown}, in which no shell has expanded ~"
        return HelperError(msg, hint=f"set it without quotes: {command}", command=command)
    path = _expand(at, environ)
    if not path or path != at:
        if is_bare and name in _BY_BOTOCORE:
            return None
        msg = f"{shown}, in which nothing has expanded the variable"
    elif bare != value:
        msg = f"{shown}, whose quotes and blanks are part of the path"
    elif at != bare:
        msg = f"{shown}, which is a URL, and has to be a path"
    elif not os.path.isabs(at):
        right = os.path.abspath(at)
        msg = f"{shown}, which depends on the current directory"
        return HelperError(msg, hint=f"make it absolute, such as {one_line(right)}")
    else:
        return None
    command = f"export {name}={shlex.quote(path)}" if os.path.isabs(path) else ""
    return HelperError(msg, hint=f"run: {command}" if command else "write the path in full")


def _expand(text: str, environ: Mapping[str, str]) -> str:
    """Return a path with the variables that are set; "" for a relative one with others."""
    home = environ.get("HOME") or environ.get("USERPROFILE") or ""
    known = {"HOME": home, "USERPROFILE": home, **environ}
    is_whole = os.path.isabs(text)

    def expand(found: re.Match[str]) -> str:
        nonlocal is_whole
        value = known.get(found[1] or found[2] or found[3], "")
        is_whole = is_whole or bool(value)
        return value or found[0]

    path = _VARIABLE.sub(expand, text)
    if "%" in text and path != text and sys.platform != "win32":
        path = path.replace("\\", "/")
    return path if is_whole or not _VARIABLE.search(text) else ""
