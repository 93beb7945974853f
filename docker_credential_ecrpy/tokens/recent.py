"""The ECR hosts that were used lately, which is what `list` prints.

Kept apart from the tokens: a host is still known when its token has expired. One empty file a
host, so that nothing is shared and no write can lose another's.
"""

import os
import time

from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.hot import paths, registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.text.log import Log

FORGET_AFTER = 30 * 24 * 3600
"""Seconds without a new token after which a host is no longer listed: the classic `docker build`
asks for every host that is."""
_FLAGS = os.O_WRONLY | os.O_CREAT | private.SAFE_FLAGS


def remember(directory: str, host: str) -> None:
    """Note that `host` is in use. Raises OSError where that cannot be written."""
    folder = os.path.join(directory, paths.REGISTRIES)
    private.make_directory(folder)
    path = os.path.join(folder, host)
    os.close(os.open(path, _FLAGS, 0o600))
    os.utime(path)


def try_to_remember(directory: str, host: str, log: "Log") -> None:
    """Note that `host` is in use; where that cannot be written, only `list` lacks it."""
    try:
        remember(directory, host)
    except OSError as exc:
        log(f"list: {host} cannot be noted: {exc}")


def sweep(directory: str) -> None:
    """Remove the hosts that are no longer listed. Never raises."""
    try:
        for file in _files(directory):
            if file.is_file(follow_symlinks=False) and not _in_use(file):
                forget(directory, file.name)
    except OSError:
        pass  # whatever stays is not listed all the same


def _in_use(file: "os.DirEntry[str]") -> bool:
    try:
        changed = file.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return False  # erased a moment ago
    return time.time() - changed < FORGET_AFTER


def list_hosts(directory: str) -> list[str]:
    """Return the hosts in use, sorted; none where nothing can be read."""
    try:
        return sorted(file.name for file in _files(directory) if _in_use(file))
    except OSError:
        return []  # what is not there, or not ours to read, is not known


def _files(directory: str) -> "list[os.DirEntry[str]]":
    """Return the files that have a host's name, in a directory that is ours. Raises OSError."""
    folder = os.path.join(directory, paths.REGISTRIES)
    if not private.is_own(folder):
        return []
    with os.scandir(folder) as files:
        return [file for file in files if registry.parse_host(file.name) == file.name]


def forget(directory: str, host: str) -> None:
    """Take `host` off the list. Raises OSError where it is there and cannot be removed."""
    try:
        folder = os.path.join(directory, paths.REGISTRIES)
        if not private.is_behind_link(folder):
            os.unlink(os.path.join(folder, host))
    except (FileNotFoundError, NotADirectoryError):
        pass  # it was not on it
