"""Which file a thread waits for, when its file system does not answer, and the error for it."""

import os
import sys
import time
from collections.abc import Mapping

from docker_credential_ecrpy.errors import DeadlineExceeded
from docker_credential_ecrpy.hot import paths
from docker_credential_ecrpy.text.sanitize import one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

_INNERMOST = 4  # calls from the blocked one on: those further out have other files, too
_LOOKS, _PAUSE = 4, 0.05  # how often, and after how many seconds, it has to wait there still
# Functions of `importlib` that compute for long, with the file in a variable of their caller.
_COMPUTES = ("_call_with_frames_removed", "_compile_bytecode")
# Local variables that hold the path, here, in the standard library and in urllib3.
_NAMES = ("path", "file", "filename", "directory", "s", "link", "name", "executable", "ca_certs")
_CURES = {
    "AWS_CONFIG_FILE": "the AWS config",
    "AWS_SHARED_CREDENTIALS_FILE": "the AWS credentials",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "the web identity token",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "the container authorization token",
    "AWS_ECR_LOG": "the log",
    "AWS_CA_BUNDLE": "the certificates to trust",
    "REQUESTS_CA_BUNDLE": "the certificates to trust",
    "SSL_CERT_FILE": "the certificates to trust",
}
"""Variables that name a file -> what is in it."""


def find_file(thread: int) -> str:
    """Return the path of the file that a thread waits for; "" if it waits for something else."""
    frame = _find_frame(thread)
    if frame is not None and frame.f_code.co_name in _COMPUTES:
        return ""
    at = frame and frame.f_lasti
    for _ in range(_LOOKS):  # a slow machine is not a file system that does not answer
        time.sleep(_PAUSE)
        if frame is None or _find_frame(thread) is not frame or frame.f_lasti != at:
            return ""
    for _ in range(_INNERMOST):
        if frame is None or frame.f_globals.get("__name__") in ("threading", "socket", "ssl"):
            return ""
        opened = getattr(frame.f_locals.get("self"), "path", None)  # of a `Directory`
        for value in (*map(frame.f_locals.get, _NAMES), opened):
            path = os.fsdecode(value) if isinstance(value, bytes) else value
            if isinstance(path, str) and os.path.isabs(path):
                return path
        frame = frame.f_back
    return ""


def _find_frame(thread: int) -> "FrameType | None":
    """Return the innermost call of a thread."""
    return sys._current_frames().get(thread)  # noqa: SLF001 - documented: to debug deadlocks


def explain(path: str, environ: Mapping[str, str], seconds: float) -> DeadlineExceeded:
    """Return the error for a file that did not answer; for "", that the cause is unknown."""
    if not path:
        return DeadlineExceeded(
            f"no answer within {seconds:g} s",
            hint="run it again with AWS_ECR_DEBUG=1 to see its last step",
        )
    what, cure = _describe(path, environ)
    return DeadlineExceeded(
        f"no answer from the file system of {one_line(what)} within {seconds:g} s",
        hint=f"check its mount, or {cure}",
    )


def _describe(path: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return what a file is, with its path, and what to do if it cannot be read."""
    for variable, what in _CURES.items():
        if os.path.expanduser(environ.get(variable) or "-") == path:
            return f"{what} {path}", f"point {variable} at a local file"
    if path == paths.config_file(environ):
        return f"the settings {path}", "point AWS_ECR_CONFIG at a local file"
    cache = paths.kept_dir(environ)
    if cache and (path == cache or path.startswith(os.path.join(cache, ""))):
        return f"the cache directory {cache}", "set AWS_ECR_CACHE_DIR to a local directory"
    if path in paths.aws_files(environ):
        return f"the AWS file {path}", "point the AWS_... variable for it at a local file"
    home = paths.home(environ)
    if home and (path == home or path.startswith(os.path.join(home, ""))):
        return path, "set HOME to a local directory"
    return path, "use a local file instead"
