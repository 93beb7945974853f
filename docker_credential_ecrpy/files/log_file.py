"""The log, off by default: AWS_ECR_LOG=<file>, or AWS_ECR_DEBUG=1 for standard error.

The file has mode 0600; beyond one MiB it is renamed to <file>.1. Known secrets are redacted.

Another user may be able to write where the file is. So its directory is opened once, and what is in
it is used by that descriptor: a symlink or directory put in its place later is never followed. A
FIFO or a terminal is written to if nobody but this user or root controls it.
"""

import errno
import os
import select
import stat
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.files.walk import open_way
from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.expression import expression
from docker_credential_ecrpy.text.log import PIPE_BYTES, Log, discard, is_set, write_stderr
from docker_credential_ecrpy.text.sanitize import make_printable

_MAX_BYTES = 1024 * 1024
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | private.SAFE_FLAGS | getattr(os, "O_NOCTTY", 0)
_STREAMS = {"/dev/stdout": protocol.STDOUT, "/dev/stderr": protocol.STDERR}
_DESCRIPTOR = expression(r"/(?:dev|proc/self)/fd/(\d{1,9})")
_NO_LOCKS = (errno.ENOTSUP, errno.ENOSYS, errno.ENOLCK)
_HAS_DIR_FD = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd


def open_log(environ: Mapping[str, str], started: float) -> Log:
    """Return the log that `environ` turns on, or `discard`.

    started: the `time.monotonic()` that timings count from. A line that cannot be written is lost.
    """
    sinks: list[Callable[[bytes], None]] = []
    if is_set(environ, "AWS_ECR_DEBUG"):
        sinks.append(write_stderr)
    if path := environ.get("AWS_ECR_LOG"):
        sinks.append(LogFile(os.path.expanduser(path)).append)
    if not sinks:
        return discard

    def log(text: str) -> None:
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        took = (time.monotonic() - started) * 1000
        head = f"{stamp}.{int(now * 1000) % 1000:03d}Z [{os.getpid()}] {took:7.1f} ms  "
        shown = make_printable(secrets.redact(text))
        line = (head + shown + "\n").encode(errors="backslashreplace")
        for sink in sinks:
            sink(line)

    return log


class LogFile:
    """The file of the log, opened for each line."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._directory: int | None = None

    def append(self, line: bytes) -> None:
        """Append a line; it is lost if that fails, would block, or the file is another user's."""
        try:
            descriptor = _find_descriptor(self._path)
            if descriptor is None:
                self._append(line)
            while descriptor is not None and line:
                if not select.select([], [descriptor], [], 0)[1]:
                    break  # a full pipe
                line = line[os.write(descriptor, line[:PIPE_BYTES]) :]
        except (OSError, ValueError):
            pass  # a full disk must not fail a pull; AWS_ECR_DEBUG=1 needs no disk

    def _append(self, line: bytes) -> None:
        path = name = self._path  # `stalled` finds the file in `path`
        if _HAS_DIR_FD:
            parent, name = os.path.split(path)
            if self._directory is None:
                self._directory = open_way(parent or ".")[0]
        opened = os.open(name, _FLAGS, 0o600, dir_fd=self._directory)
        try:
            seen = os.fstat(opened)
            if not (private.stands_alone(seen) or _is_safe_stream(seen)):
                return
            is_file = stat.S_ISREG(seen.st_mode)
            if sys.platform != "win32" and is_file and seen.st_mode & 0o077:
                os.fchmod(opened, 0o600)
            os.write(opened, line)
            is_full = is_file and seen.st_size > _MAX_BYTES
            if is_full and sys.platform != "win32":
                with suppress(BlockingIOError):  # another process is renaming it
                    _lock(opened)
                    self._rotate(name, seen)
        finally:
            os.close(opened)
        if is_full and sys.platform == "win32":  # which renames no open file
            self._rotate(name, seen)

    def _rotate(self, name: str, seen: os.stat_result) -> None:
        """Rename the file to `<name>.1`, unless that is taken by what no log of this user is."""
        at = self._directory
        if not os.path.samestat(os.stat(name, dir_fd=at, follow_symlinks=False), seen):
            return  # another process has renamed it, and the name may be that of a new file
        try:
            if not private.stands_alone(os.stat(f"{name}.1", dir_fd=at, follow_symlinks=False)):
                return
        except FileNotFoundError:
            pass
        os.replace(name, f"{name}.1", src_dir_fd=at, dst_dir_fd=at)


def _lock(opened: int) -> None:
    """Lock a file until it is closed. Raises BlockingIOError where another process has it."""
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415 - Unix alone has it

        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            if exc.errno not in _NO_LOCKS:  # of the file system
                raise


def _find_descriptor(path: str) -> int | None:
    """Return the descriptor of this process that a path names, as /dev/stderr does, or None."""
    found = _DESCRIPTOR.fullmatch(path)
    return int(found[1]) if found else _STREAMS.get(path)


def _is_safe_stream(seen: os.stat_result) -> bool:
    """Whether it is a FIFO or a character device, such as a terminal, of this user or root."""
    is_stream = stat.S_ISFIFO(seen.st_mode) or stat.S_ISCHR(seen.st_mode)
    return is_stream and (sys.platform == "win32" or seen.st_uid in (0, os.geteuid()))
