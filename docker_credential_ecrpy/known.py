"""Cold layer: the ECR hosts that were asked for lately, which is what `list` answers with.

Kept apart from the tokens: a host is still known when its token has expired. One empty file a
host, so that nothing is shared and no write can lose another's.
"""

import os
import time

from docker_credential_ecrpy import cache, paths, registry

FORGET_AFTER = 30 * 24 * 3600
"""Seconds without a new token after which a host is no longer listed: the classic `docker build`
asks for every host that is."""
_FLAGS = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def remember(directory: str, host: str) -> None:
    """Note that `host` is in use. Raises OSError where that cannot be written."""
    folder = os.path.join(directory, paths.REGISTRIES)
    cache.own_directory(folder)
    path = os.path.join(folder, host)
    os.close(os.open(path, _FLAGS, 0o600))
    os.utime(path)


def sweep(directory: str) -> None:
    """Remove the hosts that are no longer listed. Never raises."""
    try:
        with os.scandir(os.path.join(directory, paths.REGISTRIES)) as files:
            for file in files:
                if file.is_file(follow_symlinks=False) and not _in_use(file):
                    os.unlink(file.path)
    except OSError:
        pass  # whatever stays is not listed all the same


def _in_use(file: "os.DirEntry[str]") -> bool:
    return time.time() - file.stat(follow_symlinks=False).st_mtime < FORGET_AFTER


def hosts(directory: str) -> list[str]:
    """Return the hosts in use, sorted; none where nothing can be read."""
    found: list[str] = []
    try:
        with os.scandir(os.path.join(directory, paths.REGISTRIES)) as files:
            hosts_alone = (file for file in files if registry.host_of(file.name) == file.name)
            found.extend(file.name for file in hosts_alone if _in_use(file))
    except OSError:
        pass  # what is not there, or not ours to read, is not known
    return sorted(found)


def forget(directory: str, host: str) -> None:
    """Take `host` off the list. Raises OSError where it is there and cannot be removed."""
    try:
        os.unlink(os.path.join(directory, paths.REGISTRIES, host))
    except (FileNotFoundError, NotADirectoryError):
        pass  # it was not on it
