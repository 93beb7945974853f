"""Files that are not the program's, and whether they are still as they were."""

import os
import stat
from dataclasses import dataclass, replace
from pathlib import Path

_OLD = 1e9
"""A time long ago: a file of this age is what a sweep looks for."""


@dataclass(frozen=True)
class _State:
    """What another user's or program's change would show. data: a content, target or listing."""

    kind: int
    mode: int
    owner: tuple[int, int]
    changed: int
    data: bytes

    def describe_change(self, now: "_State | None") -> str:
        if now is None:
            return "is gone"
        if now.kind != self.kind:
            return "was replaced"
        if now.data != self.data:
            return "has another content"
        if now.mode != self.mode:
            return f"has mode {now.mode:o} instead of {self.mode:o}"
        return "has another owner or time"


class Documents:
    """The documents of an episode, with their states from the time when they were put there."""

    def __init__(self) -> None:
        self._states: dict[Path, _State] = {}
        self.count = 0

    def put(self, path: Path, mode: int = 0o644) -> None:
        """Create an old file and watch it; its folder's other files may change. Raises OSError."""
        opened = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, mode)
        try:
            os.write(opened, b"a document\n")
            os.fchmod(opened, mode)
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(opened)
        os.utime(path, (_OLD, _OLD))
        self.watch(path)
        folder = self._states.get(path.parent)
        if folder is not None:
            names = sorted({*folder.data.decode().split("\n"), path.name} - {""})
            self._states[path.parent] = replace(folder, data="\n".join(names).encode())

    def watch(self, path: Path) -> None:
        """Watch a file, or a folder with its list of names."""
        state = _look(path)
        if state is not None:
            self._states[path] = state
            self.count += 1

    def has(self, path: Path) -> bool:
        """Return whether a path is watched."""
        return path in self._states

    def forget(self, path: Path) -> None:
        """Watch a path no longer."""
        del self._states[path]

    def list_changes(self) -> list[str]:
        """Return what changed since."""
        found = ((path, state, _look(path)) for path, state in self._states.items())
        return [f"{path} {old.describe_change(new)}" for path, old, new in found if old != new]


def make_folders(documents: Documents, root: Path, folders: tuple[str, ...]) -> None:
    """Create a directory of documents, with these folders, and watch everything in it."""
    for folder in (root, *(root / name for name in folders)):
        folder.mkdir(mode=0o755, parents=True)
        folder.chmod(0o755)
        for name, mode in (("a.txt", 0o644), ("main.tf~", 0o644), ("private", 0o600)):
            documents.put(folder / name, mode)
    for folder in (root, *(root / name for name in folders)):
        documents.watch(folder)


def _look(path: Path) -> _State | None:
    try:
        seen = path.lstat()
        kind = stat.S_IFMT(seen.st_mode)
        changed = 0
        if kind == stat.S_IFREG:
            data, changed = path.read_bytes(), seen.st_mtime_ns
        elif kind == stat.S_IFDIR:
            data = "\n".join(sorted(os.listdir(path))).encode()
        else:
            data = b""
    except OSError:
        return None
    return _State(kind, stat.S_IMODE(seen.st_mode), (seen.st_uid, seen.st_gid), changed, data)
