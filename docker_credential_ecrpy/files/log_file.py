"""The log, off by default: AWS_ECR_LOG=<file>, or AWS_ECR_DEBUG=1 for standard error.

The file has mode 0600; beyond one MiB it is renamed to <file>.1.
"""

import os
import stat
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

from docker_credential_ecrpy.files import private
from docker_credential_ecrpy.text.log import Log, discard, is_set, write_stderr
from docker_credential_ecrpy.text.sanitize import make_printable

_MAX_BYTES = 1024 * 1024
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | private.SAFE_FLAGS


def open_log(environ: Mapping[str, str], started: float) -> Log:
    """Return the log that `environ` turns on, or `discard`.

    started: the `time.monotonic()` that timings count from. A line that cannot be written is lost.
    """
    sinks: list[Callable[[bytes], None]] = []
    if is_set(environ, "AWS_ECR_DEBUG"):
        sinks.append(write_stderr)
    if path := environ.get("AWS_ECR_LOG"):
        sinks.append(partial(_append, os.path.expanduser(path)))
    if not sinks:
        return discard

    def log(text: str) -> None:
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        took = (time.monotonic() - started) * 1000
        head = f"{stamp}.{int(now * 1000) % 1000:03d}Z [{os.getpid()}] {took:7.1f} ms  "
        line = (head + make_printable(text) + "\n").encode(errors="backslashreplace")
        for sink in sinks:
            sink(line)

    return log


def _append(path: str, line: bytes) -> None:
    try:
        opened = os.open(path, _FLAGS, 0o600)
        try:
            seen = os.fstat(opened)
            ours = stat.S_ISREG(seen.st_mode)  # a device or pipe keeps its mode
            if ours and not private.stands_alone(seen):
                return
            if sys.platform != "win32" and ours and seen.st_mode & 0o077:
                os.fchmod(opened, 0o600)
            os.write(opened, line)
        finally:
            os.close(opened)
        if ours and seen.st_size > _MAX_BYTES and os.stat(path).st_ino == seen.st_ino:
            os.replace(path, path + ".1")
    except OSError:
        pass  # a full disk must not fail a pull; AWS_ECR_DEBUG=1 needs no disk
