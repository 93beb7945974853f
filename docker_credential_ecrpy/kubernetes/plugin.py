"""The kubelet's image credential provider: one request in, one answer out.

The rules, identities and cache are those of `get`, and the same errors. The fallback of the
settings is not asked: the kubelet has a provider for each registry, and would hang with a process
that a fallback leaves behind.
"""

import os
import sys
import threading
from collections.abc import Mapping, Sequence

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import Helper
from docker_credential_ecrpy.hot import cache, paths, protocol, registry
from docker_credential_ecrpy.kubernetes import request as requests
from docker_credential_ecrpy.kubernetes.options import parse
from docker_credential_ecrpy.kubernetes.request import MAX_REQUEST
from docker_credential_ecrpy.kubernetes.service_account import choose_identity
from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.expression import expression
from docker_credential_ecrpy.text.sanitize import make_printable
from docker_credential_ecrpy.tokens.token import login_in_reply

CACHES = ("/run/docker-credential-ecrpy", "/dev/shm/docker-credential-ecrpy")  # noqa: S108 - `open_own` refuses another user's
"""The caches of root without a writable home: in memory, and so empty after a restart."""
MAX_ERROR = 1024
"""The limit of an error in bytes."""
_WAIT = 3.0  # seconds for the first byte of a request, where none may come
_CHUNK = 64 * 1024
_AUTHORITY = expression(r"[A-Za-z0-9.-]+(?::\d+)?")


def find_request(seconds: float) -> bytes | None:
    """Return the request on standard input; None if there is none, or nothing comes soon.

    seconds: for the whole of it, once it has begun.
    """
    if _is_terminal():
        return None
    found: list[bytes] = []
    began = threading.Event()

    def read() -> None:
        # One byte at first, so that little is lost for who reads on after this program.
        first = _read(1)
        if first == b"{":
            began.set()
            found.append(read_input(first))
        began.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    if not began.wait(_WAIT):
        return None
    thread.join(seconds)
    return found[0] if found and requests.is_request(found[0]) else None


def read_input(start: bytes = b"") -> bytes:
    """Return standard input, of `MAX_REQUEST` + 1 bytes at most; a closed one counts as empty.

    start: what has been read of it. A whole request ends it, even if the pipe stays open.
    """
    data = start
    while len(data) <= MAX_REQUEST and (more := _read(MAX_REQUEST + 1 - len(data))):
        data += more
        if more.rstrip().endswith(b"}") and requests.is_request(data):
            break
    return data


def _read(most: int) -> bytes:
    while True:
        try:
            return os.read(protocol.STDIN, min(most, _CHUNK))
        except BlockingIOError:
            os.set_blocking(protocol.STDIN, True)
        except OSError:
            return b""


def _is_terminal() -> bool:
    try:
        return os.isatty(protocol.STDIN)
    except OSError:
        return False


def choose_cache(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that give root without a writable home directory a cache (Linux)."""
    chosen = environ.get("AWS_ECR_CACHE_DIR") or environ.get("AWS_ECR_DISABLE_CACHE")
    if chosen or sys.platform != "linux" or os.geteuid() != 0:
        return {}
    usual = paths.helper_dir(environ)
    usable = [each for each in (usual, *CACHES) if each and _is_writable(each)]
    return {"AWS_ECR_CACHE_DIR": usable[0]} if usable and usable[0] != usual else {}


def _is_writable(directory: str) -> bool:
    """Whether a directory can be written to, or made in the one above; not in a read-only root."""
    above = os.path.dirname(directory)
    return os.access(directory if os.path.isdir(directory) else above, os.W_OK)


def answer(arguments: Sequence[str], data: bytes | None, helper: Helper) -> bytes:
    """Return the answer to a request, for standard output. Raises HelperError.

    arguments: those of the program. data: the input, if `find_request` has read it: then other
    arguments than the plugin's are ignored, since this program may have another one's name.
    """
    options = parse(arguments[1:] if data is None else arguments, is_lenient=data is not None)
    if data is None:
        if _is_terminal():
            msg = "there is no request on standard input, which is a terminal"
            raise HelperError(msg, hint="the kubelet runs this; see kubelet --help")
        data = read_input()
    request = requests.parse(data)
    helper.log(f"kubelet: {request.api_version}, image {request.image}")
    if not _AUTHORITY.fullmatch(request.authority):
        helper.log("kubelet: the image names no registry's host")
        return requests.answer(request)
    found = registry.parse(request.authority)
    public = found is not None and found.public
    try:
        choice = helper.choose(request.authority)
        helper.keep_rules()
        if choice is None:
            helper.log("kubelet: not an ECR registry, and no rule for it")
            return requests.answer(request)
        public = choice.registry.public
        chosen = choose_identity(choice, request, options, helper.environ, helper.log)
        entry = helper.find_token(chosen)
    except HelperError as exc:
        if not public:
            raise
        helper.log(f"failed: {exc}")
        return requests.answer(request)  # pulls work there without a login
    login = login_in_reply(entry.reply)
    return requests.answer(request, login, seconds_to_cache(entry, helper.clock()))


def seconds_to_cache(entry: cache.Entry, now: int) -> int:
    """Return for how many seconds the kubelet may use a token without asking again.

    It is until the refresh, and a minute if that has failed. It ends before the token does.
    """
    due = (entry.refresh if entry.fresh(now) else now + cache.DEFERRED) - now
    life = entry.expires - now - cache.SECOND
    return max(min(due, life) // cache.SECOND, 0)


def shorten(name: str, error: HelperError) -> bytes:
    """Return the line of an error for standard error: name, cause and cure."""
    hint = _clean(f"; {error.hint}" if error.hint else "")
    head = _clean(f"{name}: {error.message}")
    room = MAX_ERROR - 1
    hint = _cut(hint, room // 2 if len(head) > room // 2 else room - len(head))
    return _cut(head, room - len(hint)) + hint + b"\n"


def _clean(text: str) -> bytes:
    return make_printable(secrets.redact(text)).encode(errors="backslashreplace")


def _cut(data: bytes, most: int) -> bytes:
    if len(data) <= most:
        return data
    return data[: most - 3].decode(errors="ignore").encode() + b"..."
