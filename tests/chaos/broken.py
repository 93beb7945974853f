"""The program under test, broken on purpose, to show that the campaign finds the fault.

It runs as a program: broken.py <how> <action>.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from docker_credential_ecrpy.aws import deadline
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import lock
from docker_credential_ecrpy.files.directory import Directory
from docker_credential_ecrpy.hot import cache, identity, protocol, registry
from docker_credential_ecrpy.tokens import broker, logins, recent, store


@dataclass(frozen=True)
class Break:
    """What is broken: attributes of an object, their replacements, and the broken invariant."""

    of: object
    attributes: dict[str, Callable[[Any], object]]
    invariant: str

    def apply(self) -> None:
        """Replace the attributes."""
        for name, make in self.attributes.items():
            setattr(self.of, name, make(getattr(self.of, name)))


def _always(answer: object) -> Callable[[Any], object]:
    return lambda _: lambda *_, **__: answer


def _with_another_line(send: Any) -> object:
    return lambda data, to=protocol.STDOUT: send(data + b"done\n", to)


def _leaking(reply: Any) -> object:
    def leak(server_url: str, tail: bytes) -> object:
        with open(os.environ.get("AWS_ECR_LOG", os.devnull), "ab") as log:
            log.write(tail)
        return reply(server_url, tail)

    return leak


def _and_then(act: Callable[[str], None]) -> Callable[[Any], object]:
    def make(write: Any) -> object:
        def written(folder: Directory, name: str, data: bytes) -> None:
            write(folder, name, data)
            act(os.path.join(folder.path, name))

        return written

    return make


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


BROKEN = {
    "expired": Break(cache.Entry, {"dead": _always(""), "fresh": _always(True)}, "expiry"),
    "identities": Break(identity, {"line": _always("somebody")}, "identity"),
    "regions": Break(registry.Registry, {"endpoint": lambda _: "ecr@here"}, "identity"),
    "lines": Break(protocol, {"send": _with_another_line}, "form"),
    "stores": Break(logins, {"keep": _always(None)}, "stores"),
    "erases": Break(store, {"forget": _always(0)}, "erased"),
    "locks": Break(lock.FileLock, {"acquire": _always(True)}, "one fetch"),
    "deadline": Break(deadline, {"within": _without_limit}, "deadline"),
    "fifos": Break(cache, {"_READ_FLAGS": lambda flags: flags & ~os.O_NONBLOCK}, "deadline"),
    "logs": Break(protocol, {"reply": _leaking}, "secrets"),
    "modes": Break(Directory, {"write_whole": _and_then(lambda at: os.chmod(at, 0o644))}, "modes"),
    "copies": Break(
        Directory,
        {"write_whole": _and_then(lambda at: os.link(at, f"{at}.{os.getpid()}"))},
        "strays",
    ),
    "disks": Break(broker.Broker, {"_write_or_make_room": _insisting}, "needless failure"),
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
