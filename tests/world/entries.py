"""Entries, locks and folders of a cache, as tests write and read them."""

import os
from pathlib import Path

from docker_credential_ecrpy.files.directory import Directory
from docker_credential_ecrpy.files.lock import FileLock
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.tokens.folder import MARKER, open_folder

NOW = 1_800_000_000 * cache.SECOND
HOUR = 3600 * cache.SECOND
LOGIN = b'"Username":"AWS","Secret":"a login"}\n'
REPLY = b'"Username":"AWS","Secret":"tok+en/=="}\n'


def make_entry(
    written: int = NOW, refresh: int = 6 * HOUR, expires: int = 12 * HOUR
) -> cache.Entry:
    return cache.Entry(written, written + refresh, written + expires, REPLY)


def list_files(folder: Path) -> list[Path]:
    """Return what is in a folder of the cache, besides its marker and removed logins."""
    found = sorted(path for path in folder.iterdir() if path.name != MARKER)
    return [path for path in found if folder.name != paths.LOGINS or path.stat().st_size]


def make_folder(folder: Path) -> Path:
    """Create a folder of the cache, with its marker."""
    open_folder(str(folder), create=True).close()
    return folder


def open_lock(path: str) -> FileLock:
    """Return the lock on the file `path`."""
    return FileLock(Directory(os.path.dirname(path), None), os.path.basename(path))
