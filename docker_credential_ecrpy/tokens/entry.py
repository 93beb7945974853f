"""A cache entry's file, as it is written; `hot.cache` reads it."""

import os

from docker_credential_ecrpy.hot.cache import (
    MAGIC,
    REFERENCE,
    SECOND,
    Entry,
    checksum,
    elsewhere_place,
)
from docker_credential_ecrpy.tokens.folder import open_folder, open_ours

TOKEN_LIFE = 12 * 3600 * SECOND
"""The life of an ECR token; also the longest that anything is cached for, in nanoseconds.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_AuthorizationData.html
"""


def refer(path: str, subject: str, entry: Entry) -> Entry:
    """Return a host's entry: the reference to `entry`, which is stored at `path` for `subject`."""
    reply = b"%b%b %b\n" % (REFERENCE, os.path.basename(path).encode(), subject.encode())
    times = entry.written, entry.refresh, entry.expires
    return Entry(*times, reply, entry.booted, origin=entry.origin)


def pack(subject: str, entry: Entry) -> bytes:
    """Return the content of the file that stores `entry` for `subject`."""
    times = f"{entry.written} {entry.refresh} {entry.expires} {entry.booted}"
    header = f" {times} {entry.origin or ':'} {subject}\n"
    inputs = "".join(f"{kind} {state} {os.fsencode(n).hex()}\n" for kind, state, n in entry.inputs)
    body = header.encode() + inputs.encode() + entry.reply
    return MAGIC + checksum(body) + body


def write(path: str, subject: str, entry: Entry) -> None:
    """Store `entry` for `subject` at `path` with an atomic replace.

    Raises OSError, also if the cache must not be used; then nothing is left behind.
    """
    with open_folder(os.path.dirname(path), create=True) as folder:
        folder.write_whole(os.path.basename(path), pack(subject, entry))


def note_elsewhere(directory: str, host: str, identity: str, now: int) -> None:
    """Note in the cache that a host is not ECR's: the hot path answers for it without the rules.

    identity: the line, which has the settings' stamp. now: ns since the epoch. Raises OSError.
    """
    note = Entry(now, now + TOKEN_LIFE, now + TOKEN_LIFE, b"")
    write(*elsewhere_place(directory, host, identity), note)


def defer(path: str, until: int) -> None:
    """Defer the refresh of the token at `path` until then, in ns since the epoch (UTC).

    The file's mtime says so (`hot.cache.DEFERRED`): a write would bring an erased token back.
    Raises OSError.
    """
    name = os.path.basename(path)
    with open_folder(os.path.dirname(path)) as folder:
        opened = open_ours(folder, name)
        try:
            folder.set_time(name, opened, until)
        finally:
            os.close(opened)
