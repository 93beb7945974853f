"""A cached `get` is answered here; anything else goes to `cli`.

Every `docker` command waits for this module, so nothing is imported here that a cached answer
does not need. A test compares what is loaded with a literal list. The frozen binary runs the two
halves of `main` apart, PyInstaller's own start between them.
"""

import os
import sys
import time

from docker_credential_ecrpy.hot import cache, identity, paths, protocol, registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_NOT_OURS = protocol.FAILED, protocol.NOT_FOUND.encode() + b"\n"


def main() -> int:
    """Run the program with the process's own arguments and streams; return its exit code."""
    code, request = at_once()
    return in_full(request) if code is None else code


def at_once() -> "tuple[int | None, bytes | None]":
    """Answer a `get` that needs no AWS.

    Returns the exit code, or None where there is more to do; and standard input, or None where
    it was not read.
    """
    if sys.argv[1:] != ["get"] or _wants_log(os.environ):
        return None, None
    try:
        request = protocol.read_input()
        answer = quick_answer(request, os.environ, time.time_ns())
        if answer:
            protocol.send(answer[1])
            return answer[0], request
        return None, request
    except KeyboardInterrupt:
        return protocol.INTERRUPTED, None
    except OSError:
        return protocol.FAILED, None  # as below


def in_full(request: "bytes | None") -> int:
    """Do what `at_once` left, with what it read; return the exit code."""
    try:
        if request is not None:
            from docker_credential_ecrpy.helper import warm

            reply = warm.answer(request, os.environ, time.time_ns())
            if reply:
                protocol.send(reply)
                return protocol.OK
        from docker_credential_ecrpy.cli.main import run_cli

        return run_cli(sys.argv, os.environ, request)
    except KeyboardInterrupt:
        return protocol.INTERRUPTED
    except OSError:
        return protocol.FAILED  # the client left, or its disk is full: there is nobody to tell
    except MemoryError:
        try:
            protocol.send(b"there is not enough memory; give this process more\n")
        except OSError:
            pass  # as above
        return protocol.FAILED


def quick_answer(
    request: bytes, environ: "Mapping[str, str]", now: int
) -> "tuple[int, bytes] | None":
    """Return exit code and output of a `get` that needs no AWS, or None where it needs more.

    `now` is in nanoseconds since the epoch (UTC).
    """
    server_url = request.decode("latin-1")
    found = registry.parse(server_url)
    if found is None and request and not paths.has_settings(environ):
        return _NOT_OURS
    # With settings, a host that is not ECR's may stand for one, or be another helper's.
    host = found.host if found else registry.host_of(server_url)
    directory = paths.cache_dir(environ)
    if not (host and directory):
        return None
    try:
        settings = "" if found else identity.of_settings(environ)
        entry = cache.answer(directory, host, identity.line(environ), now, settings=settings)
    except cache.Miss:
        return None
    if entry.reply == cache.NOT_OURS:
        return _NOT_OURS
    return protocol.OK, protocol.reply(server_url, entry.reply)


def _wants_log(environ: "Mapping[str, str]") -> bool:
    return bool(environ.get("AWS_ECR_LOG")) or environ.get("AWS_ECR_DEBUG", "0") not in ("", "0")


if __name__ == "__main__":
    sys.exit(main())
