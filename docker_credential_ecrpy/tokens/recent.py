"""Recently used ECR hosts, which `list` prints.

They are stored apart from the tokens: a host stays known after its token has expired. Each has an
empty file of its own, so no write can lose another one.
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
requests credentials for every listed host."""
_FLAGS = os.O_WRONLY | os.O_CREAT | private.SAFE_FLAGS


def remember(directory: str, host: str) -> None:
    """Record that `host` is in use. Raises OSError."""
    folder = os.path.join(directory, paths.REGISTRIES)
    private.make_directory(folder)
    path = os.path.join(folder, host)
    os.close(os.open(path, _FLAGS, 0o600))
    os.utime(path)


def try_to_remember(directory: str, host: str, log: "Log") -> None:
    """Record that `host` is in use; if that fails, only `list` lacks it."""
    try:
        remember(directory, host)
    except OSError as exc:
        log(f"list: {host} is not recorded: {exc}")


def sweep(directory: str) -> None:
    """Remove the hosts that are no longer listed. Never raises."""
    try:
        for file in _files(directory):
            if file.is_file(follow_symlinks=False) and not _in_use(file):
                forget(directory, file.name)
    except OSError:
        pass  # a host that stays is not listed, either


def _in_use(file: "os.DirEntry[str]") -> bool:
    try:
        changed = file.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return False  # another process removed it
    return time.time() - changed < FORGET_AFTER


def list_hosts(directory: str) -> list[str]:
    """Return the hosts in use, sorted; empty if the directory is unreadable."""
    try:
        return sorted(file.name for file in _files(directory) if _in_use(file))
    except OSError:
        return []  # a missing or unreadable directory lists no host


def _files(directory: str) -> "list[os.DirEntry[str]]":
    """Return the files with a host's name, in this user's own directory. Raises OSError."""
    folder = os.path.join(directory, paths.REGISTRIES)
    if not private.is_own(folder):
        return []
    with os.scandir(folder) as files:
        return [file for file in files if registry.parse_host(file.name) == file.name]


def forget(directory: str, host: str) -> None:
    """Remove `host` from the list. Raises OSError if it is listed and cannot be removed."""
    try:
        folder = os.path.join(directory, paths.REGISTRIES)
        if not private.is_behind_link(folder):
            os.unlink(os.path.join(folder, host))
    except (FileNotFoundError, NotADirectoryError):
        pass  # it is not listed
