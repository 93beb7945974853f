"""A disk that fills and empties, and damage to the files on it."""

import ctypes
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.chaos.plan import FOLDERS, Harm

_SIZE = "1m"
# sched.h, sys/mount.h
_CLONE_NEWNS, _MS_REC, _MS_PRIVATE, _MNT_DETACH = 0x20000, 0x4000, 0x40000, 2
_FILLER = "filler"


@contextmanager
def small_disk() -> Iterator[Path | None]:
    """Mount a small tmpfs in a mount namespace of this process; return None without root.

    Call it before other threads exist: they would stay in the old namespace.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        yield None
        return
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory(prefix="chaos-disk-") as path:
        own = libc.unshare(_CLONE_NEWNS) == 0
        own = own and libc.mount(b"none", b"/", None, _MS_REC | _MS_PRIVATE, None) == 0
        options = f"size={_SIZE},mode=700".encode()
        mounted = own and libc.mount(b"none", path.encode(), b"tmpfs", 0, options) == 0
        try:
            yield Path(path) if mounted else None
        finally:
            if mounted:
                libc.umount2(path.encode(), _MNT_DETACH)


class Disk:
    """The disk of the homes. small: whether it can be filled."""

    def __init__(self, root: Path, *, small: bool) -> None:
        self.root = root
        self.small = small
        self._moved: list[tuple[Path, Path]] = []
        self._shut: list[Path] = []
        self.touched: set[int] = set()
        """The inodes with a changed mode."""
        self.foreign: set[str] = set()
        """The names of files that are not the program's."""

    def clear(self) -> None:
        """Remove everything on the disk."""
        for path in sorted(self.root.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()

    def fill(self, spare: int) -> None:
        """Leave `spare` KB; on a disk that is not small, make the caches unwritable instead."""
        self.empty()
        if not self.small:
            self._shut = [path for folder in FOLDERS for path in self.root.glob(f"*/**/{folder}")]
            self._shut = [path for path in self._shut if path.is_dir() and not path.is_symlink()]
            for path in self._shut:
                path.chmod(0o500)
            return
        with suppress(OSError), (self.root / _FILLER).open("wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
        size = (self.root / _FILLER).stat().st_size
        os.truncate(self.root / _FILLER, max(0, size - spare * 1024))

    def empty(self) -> None:
        """Free the space again."""
        for path in self._shut:
            with suppress(OSError):
                path.chmod(0o700)
        self._shut = []
        (self.root / _FILLER).unlink(missing_ok=True)

    def restore(self) -> None:
        """Put back the folders that `harm` replaced."""
        for place, kept in reversed(self._moved):
            _remove(place)
            kept.rename(place)
        self._moved = []

    def harm(self, step: Harm, cache: Path) -> tuple[str, ...]:
        """Damage a file; return the names of the damaged files, "*" for all in the folder."""
        folder = cache / step.folder
        if step.name == "folder":
            return self._harm_folder(folder, step.at)
        with suppress(OSError):
            names = sorted(set(os.listdir(folder)) - self.foreign)
            wanted = [name for name in names if name.startswith(step.host)]
            if not wanted:
                return ()
            path = folder / wanted[step.pick % len(wanted)]
            other = folder / names[step.at % len(names)]
            self._harm_file(step, path, other)
            return (path.name, other.name) if step.name == "swap" else (path.name,)
        return ()  # the folder or file does not exist, or was removed just now

    def _harm_folder(self, folder: Path, at: int) -> tuple[str, ...]:
        if any(place == folder for place, _ in self._moved) or not folder.is_dir():
            return ()
        kept = folder.with_name(f"kept-{folder.name}")
        folder.rename(kept)
        self._moved.append((folder, kept))
        # A process may create the folder in between; it stays then.
        with suppress(OSError):
            if at % 3 == 0:
                folder.touch(0o600)
            elif at % 3 == 1:
                os.mkfifo(folder, 0o600)
            else:
                elsewhere = self.root / "elsewhere"
                elsewhere.mkdir(exist_ok=True, mode=0o700)
                folder.symlink_to(elsewhere)
        return ("*",)

    def _harm_file(self, step: Harm, path: Path, other: Path) -> None:
        match step.name:
            case "truncate":
                size = path.lstat().st_size
                os.truncate(path, step.at % (size + 1))
            case "flip":
                _flip(path, step.at)
            case "swap":
                beside = path.with_name("kept-beside")
                path.rename(beside)
                with suppress(OSError):
                    other.rename(path)
                beside.rename(other)
            case "future":
                os.utime(path, (4e9, 4e9), follow_symlinks=False)
            case "open" | "closed":
                if not path.is_symlink():
                    self.touched.add(path.stat().st_ino)
                    path.chmod(0o644 if step.name == "open" else 0)
            case _:
                _replace(step.name, path, other)


def _flip(path: Path, at: int) -> None:
    if not stat.S_ISREG(path.lstat().st_mode):
        return
    data = bytearray(path.read_bytes())
    if data:
        data[at % len(data)] ^= 1 << at % 8
        with path.open("r+b") as file:
            file.write(data)


def _replace(name: str, path: Path, other: Path) -> None:
    _remove(path)
    if name == "link":
        path.symlink_to(other if other != path else "/etc/passwd")
    elif name == "dangling":
        path.symlink_to("nowhere")
    elif name == "directory":
        path.mkdir(0o700)
    else:
        kind = stat.S_IFIFO if name == "fifo" else stat.S_IFSOCK
        os.mknod(path, kind | 0o600)


def _remove(path: Path) -> None:
    """Remove the file, symlink or directory at a path."""
    if path.is_dir() and not path.is_symlink():
        for inner in path.iterdir():
            inner.unlink()
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
