"""Recently used ECR hosts, which `list` prints.

They are stored apart from the tokens: a host stays known after its token has expired. Each has an
empty file of its own, so no write can lose another one.
"""

import os
import stat
import time

from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.hot import paths, registry
from docker_credential_ecrpy.tokens.folder import Foreign, look_into, open_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.text.log import Log

USERNAME = "AWS"
"""The user name of every token of ECR, which `list` prints with each host."""
FORGET_AFTER = 30 * 24 * 3600
"""Seconds without a new token after which a host is no longer listed: the classic `docker build`
requests credentials for every listed host."""

LISTED = 200
"""Hosts that are listed, those with the most recent tokens, for the same reason."""

MOST_READ = 500
"""Hosts among which the most recent are found. Sweeps leave `LISTED`: more lie only in a folder
that grew without them, and to look at all would take longer than the rest of `list`."""


def remember(directory: str, host: str) -> None:
    """Record that `host` is in use. Raises OSError."""
    with open_folder(os.path.join(directory, paths.REGISTRIES), create=True) as folder:
        opened = folder.open(host, os.O_WRONLY | os.O_CREAT)
        try:
            seen = os.fstat(opened)
            if not private.stands_alone(seen) or seen.st_size:
                msg = f"{folder.path} has another file of that name"
                raise Foreign(msg)
            folder.set_time(host, opened)
        finally:
            os.close(opened)


def try_to_remember(directory: str, host: str, log: "Log") -> None:
    """Record that `host` is in use; if that fails, only `list` lacks it."""
    try:
        remember(directory, host)
    except OSError as exc:
        path = os.path.join(directory, paths.REGISTRIES)
        why = f"{exc.strerror}: {path}" if exc.strerror else exc
        log(f"list: {host} is not recorded: {why}")


def is_old(changed: float) -> bool:
    """Whether a host is no longer listed, by its file's mtime."""
    return time.time() - changed >= FORGET_AFTER


def list_hosts(directory: str) -> list[str]:
    """Return the hosts in use, sorted: the `LISTED` most recent of at most `MOST_READ`.

    Empty if the folder is missing or must not be used.
    """
    found: list[tuple[float, str]] = []
    hosts: list[str] = []
    try:
        with look_into(os.path.join(directory, paths.REGISTRIES)) as folder:
            for name in folder.first_names(MOST_READ):
                try:
                    seen = folder.stat(name)
                except FileNotFoundError:
                    continue  # another process removed it
                if stat.S_ISREG(seen.st_mode) and not seen.st_size:
                    found.append((seen.st_mtime, name))
    except OSError:
        return []
    for changed, name in sorted(found, reverse=True):
        if len(hosts) == LISTED or is_old(changed):
            break
        if registry.parse_host(name) == name:
            hosts.append(name)
    return sorted(hosts)
