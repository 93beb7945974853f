"""Variables that name a file or a directory, and lead elsewhere than their text says."""

import os
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


def check_paths(environ: Mapping[str, str]) -> Iterator[HelperError]:
    """Yield the error for each variable whose path is not what it seems."""
    for name, expands in _VARIABLES.items():
        if found := check_path(name, environ, expands=expands):
            yield found


def check_path(name: str, environ: Mapping[str, str], *, expands: bool) -> HelperError | None:
    """Return the error for a literal `~` or a relative path in a variable; None for another one."""
    value = environ.get(name, "")
    at = value.strip("'\"")
    if at.startswith("~") and (at != value or not expands):
        right = f'"$HOME{at[1:]}"' if at[1:2] in ("", "/") else at
        command = f"export {name}={right}"
        msg = f"{name} is {one_line(value)!r}, in which no shell has expanded ~"
        return HelperError(msg, hint=f"set it without quotes: {command}", command=command)
    if value and not os.path.isabs(value) and not at.startswith("~"):
        right = os.path.abspath(at)
        msg = f"{name} is {one_line(value)!r}, which depends on the current directory"
        return HelperError(msg, hint=f"make it absolute, such as {one_line(right)}")
    return None
