"""POSIX ACLs and extended attributes of test files: acl(5), linux/posix_acl_xattr.h."""

import os
import struct
from pathlib import Path

import pytest

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
_OWNER, _USER, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_NOBODY = 2**32 - 1


def make_acl(user: int, *, reads: bool = True, group: int = 0, other: int = 0) -> bytes:
    """Return an ACL by which the owner reads and writes, and one more user may read."""
    entries = [(_OWNER, 6, _NOBODY), (_USER, 4 * reads, user), (_GROUP, group, _NOBODY)]
    entries += [(_MASK, 4, _NOBODY), (_OTHER, other, _NOBODY)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def set_attribute(path: Path, name: str, value: bytes) -> None:
    """Set an extended attribute; the test is skipped where the file system has none."""
    if not hasattr(os, "setxattr"):
        pytest.skip("Python has no extended attributes here")
    try:
        os.setxattr(path, name, value)
    except OSError as exc:
        pytest.skip(f"no such attributes here: {exc}")


def read_attributes(path: Path) -> dict[str, bytes]:
    """Return the extended attributes of a file, with its ACL."""
    return {name: os.getxattr(path, name) for name in os.listxattr(path)}
