"""The inputs of the AWS identity of one call, as the AWS SDK used them.

The files of SSO and `aws login` sessions, web identity tokens and the programs of a
`credential_process` are known only once the SDK has followed the profile in use. Each is noted in
the state in which it was used, so that a later change shows (`hot.identity.find_changed`).
"""

import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from docker_credential_ecrpy.hot import identity, paths
from docker_credential_ecrpy.hot.identity import DIRECTORY, FILE, PROGRAM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.hot.identity import Input

_MAX_FILE = 1 << 20  # bytes; a token has some thousand
_AROUND_PATHS = re.compile(r"[\s'\"`=;|&<>()@,]+")  # also in the text of a `sh -c`
_UNSURE = "?"  # the state of a file that changed during the call: never that of a file


class Inputs:
    """The inputs that were used so far."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], str] = {}

    def __iter__(self) -> "Iterator[Input]":
        return iter([(kind, state, name) for (kind, name), state in self._states.items()])

    def note(self, kind: str, name: str, state: str = "") -> None:
        """Note that an input is used, in a state; by default in that of now."""
        state = state or identity.observe(kind, name, os.environ)[1]
        if self._states.setdefault((kind, name), state) != state:
            self._states[kind, name] = _UNSURE

    def note_written(self, path: str, data: bytes) -> None:
        """Note that a file was written, and that its data is in use."""
        self._states[FILE, path] = identity.data_state(data)

    def note_command(self, command: list[str], environ: Mapping[str, str]) -> None:
        """Note the files of a `credential_process` that is about to be started.

        They are its program and the files that its arguments name.
        """
        program, *arguments = command
        if not os.path.dirname(program):
            self.note(PROGRAM, program)
            program = identity.find_program(program, environ)
        files = dict.fromkeys([program, *_list_files(arguments)] if program else [])
        for path in files:
            self.note(FILE, path)
        if not all(map(os.path.isabs, files)):
            self.note(DIRECTORY, "")

    def note_models(self, folders: list[str], services: Iterable[str]) -> None:
        """Note the user's own descriptions of AWS services, which may name other endpoints."""
        for folder in folders:
            self.note(FILE, folder)
            for name in ("", *services):
                for where, inside, files in os.walk(os.path.join(folder, name)):
                    for path in (where, *(os.path.join(where, file) for file in files)):
                        self.note(FILE, path)
                    if not name:
                        inside.clear()  # other services do not matter


def _list_files(arguments: list[str]) -> Iterator[str]:
    for argument in arguments:
        words = (argument, argument.partition("=")[2], *_AROUND_PATHS.split(argument))
        yield from filter(os.path.isfile, map(paths.expand, words))


_current: ContextVar[Inputs | None] = ContextVar("_current", default=None)


@contextmanager
def recording(inputs: Inputs) -> Iterator[None]:
    """Note the inputs of this thread's call in `inputs`."""
    token = _current.set(inputs)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> Inputs:
    """Return the inputs of this thread's call."""
    return _current.get() or Inputs()


def read(path: str) -> bytes:
    """Return the data of a file that decides the identity, and note it. Raises OSError."""
    try:
        with open(path, "rb") as file:
            data, seen = file.read(_MAX_FILE + 1), os.fstat(file.fileno())
    except OSError:
        current().note(FILE, path)
        raise
    if len(data) > _MAX_FILE:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    current().note(FILE, path, identity.data_stamp(data, seen))
    return data
