"""The program under test, broken on purpose, to show that the campaign finds the fault.

It runs as a program: broken.py <how> <action>.
"""

import _signal  # type: ignore[import-not-found]  # what `signal` is made of
import _thread
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from docker_credential_ecrpy.aws import deadline
from docker_credential_ecrpy.docker import apply
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import lock
from docker_credential_ecrpy.hot import cache, identity, paths, protocol, registry
from docker_credential_ecrpy.tokens import broker, recent, store
from docker_credential_ecrpy.tokens import entry as entry_file


@dataclass(frozen=True)
class Break:
    """What is broken: attributes of an object, their replacements, and the broken invariant.

    suspends: whether the program suspends itself at the worst moment.
    first: what it does before anything else.
    """

    of: object
    attributes: dict[str, Callable[[Any], object]]
    invariant: str
    suspends: bool = False
    first: Callable[[], object] = bool

    def apply(self) -> None:
        """Replace the attributes."""
        self.first()
        for name, make in self.attributes.items():
            setattr(self.of, name, make(getattr(self.of, name)))


def _always(answer: object) -> Callable[[Any], object]:
    return lambda _: lambda *_, **__: answer


def _with_another_line(send: Any) -> object:
    return lambda data, to=protocol.STDOUT: send(data + b"done\n", to)


def _leaking(reply: Any) -> object:
    def leak(request: protocol.GetRequest, entry: cache.Entry, now: int) -> object:
        with open(os.environ.get("AWS_ECR_LOG", os.devnull), "ab") as log:
            log.write(entry.reply)
        return reply(request, entry, now)

    return leak


def _after_replacing(act: Callable[[str, str], None]) -> Callable[[Any], object]:
    """Call `act` with the directory and name of each file that was replaced."""

    def make(replace: Any) -> object:
        def replaced(old: str, new: str, **options: Any) -> None:
            replace(old, new, **options)
            descriptor = options.get("dst_dir_fd")
            folder = os.path.dirname(new) if descriptor is None else _name_of(descriptor)
            act(folder, os.path.basename(new))

        return replaced

    return make


def _name_of(directory: int) -> str:
    here = os.open(".", os.O_RDONLY)
    os.fchdir(directory)
    name = os.getcwd()
    os.fchdir(here)
    os.close(here)
    return name


def _insisting(write: Any) -> object:
    def written(*arguments: object) -> None:
        try:
            write(*arguments)
        except OSError as exc:
            msg = "the token cannot be stored"
            raise HelperError(msg) from exc

    return written


def _without_limit(_: Any) -> object:
    return lambda _seconds, call: call(deadline.Watch())


def _suspend() -> None:
    """Suspend this process, once, if its call is to be suspended."""
    if os.environ.pop("CHAOS_STOP", "0") != "0":
        os.kill(os.getpid(), signal.SIGSTOP)


def _is_entry(name: str) -> bool:
    return "~" in name and not name.endswith("~")


def _open_to_all(folder: str, name: str) -> None:
    if _is_entry(name):
        os.chmod(os.path.join(folder, name), 0o644)


def _copy(folder: str, name: str) -> None:
    if _is_entry(name):
        at = os.path.join(folder, name)
        os.link(at, f"{at}.{os.getpid()}")


def _list_others(folder: str) -> list[str]:
    names = (name for name in os.listdir(folder) if name[0] != "." and not _is_entry(name))
    return [os.path.join(folder, name) for name in names]


def _remove_others(folder: str, _: str) -> None:
    for path in _list_others(folder):
        os.unlink(path)


def _open_others(folder: str, _: str) -> None:
    for path in _list_others(folder):
        os.chmod(path, 0o640)


def _following_links(send: Any) -> object:
    """Write into the cache by its name, as another user may have exchanged it."""

    def sent(*arguments: object) -> object:
        path = os.path.join(os.environ["AWS_ECR_CACHE_DIR"], paths.TOKENS, "note")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
        return send(*arguments)

    return sent


def _without_watchdog() -> None:
    """Take the means to end a process that is blocked."""
    _signal.setitimer = _always(None)(None)
    _thread.start_new_thread = _refuse  # type: ignore[assignment]  # a system without threads


def _refuse(*_: object) -> None:
    raise RuntimeError


def _write_late(_: Any) -> object:
    """Return a write that happens long after the fetch, whatever was erased since."""

    def write(path: str, subject: str, entry: cache.Entry, *_rest: object, **_: object) -> None:
        _suspend()
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "wb") as file:
            file.write(entry_file.pack(subject, entry))

    return write


def _without_logins(write: Any) -> object:
    def written(path: str, *rest: object) -> None:
        if os.path.basename(os.path.dirname(path)) != paths.LOGINS:
            write(path, *rest)

    return written


def _look_into_cache() -> list[str]:
    return os.listdir(os.environ["AWS_ECR_CACHE_DIR"])


def _late_sweep(_: Any) -> object:
    """Return a sweep that removes by name, long after it looked."""

    def sweep(folder: str, now: int, *_: object) -> int:
        if os.environ.get("CHAOS_STOP", "0") == "0" or os.path.basename(folder) != paths.LOGINS:
            return 0
        found = [os.path.join(folder, name) for name in os.listdir(folder) if _is_entry(name)]
        dead = [path for path in found if cache.read_any(path, now)[0].expires <= now]
        if dead:
            _suspend()
        for path in dead:
            os.unlink(path)
        return len(dead)

    return sweep


def _clobbering(_: Any) -> object:
    """Return a replace that does not look whether another program has changed the file."""

    def replace_file(rewrite: Any, *_: object, **__: object) -> str:
        _suspend()
        with open(rewrite.file, "wb") as file:
            file.write(rewrite.after)
        return ""

    return replace_file


BROKEN = {
    "expired": Break(cache.Entry, {"dead": _always(""), "fresh": _always(True)}, "expiry"),
    "identities": Break(identity, {"line": _always("somebody")}, "identity"),
    "regions": Break(registry.Registry, {"endpoint": lambda _: "ecr@here"}, "identity"),
    "lines": Break(protocol, {"send": _with_another_line}, "form"),
    "stores": Break(entry_file, {"write": _without_logins}, "stores"),
    "erases": Break(store, {"forget": _always(0)}, "erased"),
    "locks": Break(lock.FileLock, {"acquire": _always(True)}, "one fetch"),
    "deadline": Break(deadline, {"within": _without_limit}, "deadline", first=_without_watchdog),
    "fifos": Break(
        cache,
        {"_READ_FLAGS": lambda flags: flags & ~os.O_NONBLOCK},
        "deadline",
        first=_without_watchdog,
    ),
    "logs": Break(protocol.GetRequest, {"reply": _leaking}, "secrets"),
    "modes": Break(os, {"replace": _after_replacing(_open_to_all)}, "modes"),
    "copies": Break(os, {"replace": _after_replacing(_copy)}, "strays"),
    "disks": Break(broker.Broker, {"_write_or_make_room": _insisting}, "needless failure"),
    "neighbours": Break(os, {"replace": _after_replacing(_remove_others)}, "documents"),
    "readers": Break(os, {"replace": _after_replacing(_open_others)}, "documents"),
    "links": Break(protocol, {"send": _following_links}, "documents"),
    "edits": Break(
        identity, {"line": _always("somebody"), "find_changed": _always("")}, "identity"
    ),
    "early looks": Break(os, {}, "deadline", first=_look_into_cache),
    "late writes": Break(entry_file, {"write": _write_late}, "erased", suspends=True),
    "late sweeps": Break(store, {"sweep": _late_sweep}, "stores", suspends=True),
    "lost logins": Break(apply, {"replace_file": _clobbering}, "config", suspends=True),
    "unwritten": Break(apply, {"replace_file": _always("")}, "config"),
    "lists": Break(
        recent, {"list_hosts": _always(["999999999999.dkr.ecr.us-east-1.amazonaws.com"])}, "list"
    ),
}
BROKEN_PROGRAM = (sys.executable, os.path.abspath(__file__))
"""The command; how to break it and the action follow."""


if __name__ == "__main__":
    BROKEN[sys.argv[1]].apply()
    sys.argv = ["docker-credential-ecrpy", *sys.argv[2:]]
    from docker_credential_ecrpy.__main__ import main

    sys.exit(main())
