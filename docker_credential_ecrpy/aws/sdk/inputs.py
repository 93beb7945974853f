"""The inputs of the AWS identity of one call, as the AWS SDK used them.

The files of SSO and `aws login` sessions, web identity tokens and the programs of a
`credential_process` are known only once the SDK has followed the profile in use. Each is noted in
the state in which it was used, so that a later change shows (`hot.identity.find_changed`).
"""

import errno
import itertools
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from docker_credential_ecrpy.aws.sdk import limits
from docker_credential_ecrpy.hot import identity, paths
from docker_credential_ecrpy.hot.identity import DIRECTORY, FILE, LINK, PROGRAM
from docker_credential_ecrpy.text.expression import expression

TYPE_CHECKING = False
if TYPE_CHECKING:
    from docker_credential_ecrpy.hot.identity import Input

# The parts of an argument, which may be the text of a `sh -c`, where `shlex` finds none.
_WORDS = expression(r"[;|&<>()]+|[^\s;|&<>()'\"]+")
_WRITES = expression(r"&?>{1,2}[|&]?")  # the word after it is a file that is written
_AROUND_PATHS = expression(r"[\s'\"`=@,:]+")
_ATTACHED = expression(r"-[^/~]*([/~].*)")  # an option with its value, as `-c/path`
_UNSURE = "?"  # the state of a file that changed during the call: never that of a file


class Inputs:
    """The inputs that were used so far."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], str] = {}

    def __iter__(self) -> "Iterator[Input]":
        return iter([(kind, state, name) for (kind, name), state in self._states.items()])

    def note(self, kind: str, name: str, state: str = "") -> None:
        """Note that an input is used. state: its state then, by default the current one."""
        state = state or identity.observe(kind, name, os.environ)[1]
        if self._states.setdefault((kind, name), state) != state:
            self._states[kind, name] = _UNSURE

    def note_written(self, path: str, data: bytes) -> None:
        """Note that a file was written, and that its data is in use."""
        self._states[FILE, path] = identity.data_state(data)

    def note_command(self, command: list[str], environ: Mapping[str, str]) -> None:
        """Note the files of a `credential_process` that is about to be started.

        They are its program, and the files and programs that its arguments name.
        """
        files = [self._note_program(command[0], environ)]
        for word in dict.fromkeys(itertools.chain(*map(_list_words, command[1:]))):
            path = paths.expand(word)
            if os.path.isfile(path) or _may_appear(path):
                files.append(path)
            if not os.path.dirname(word) and identity.find_program(word, environ):
                files.append(self._note_program(word, environ))
        for path in filter(None, files):
            self.note(FILE, path)
            if not os.path.isabs(path):
                self.note(DIRECTORY, "")

    def _note_program(self, name: str, environ: Mapping[str, str]) -> str:
        """Note where a program is, as far as PATH and symlinks decide that; return its path."""
        path = name
        if not os.path.dirname(name):
            self.note(PROGRAM, name)
            path = identity.find_program(name, environ)
        for link in _list_links(path) if os.path.exists(path) else ():
            self.note(LINK, link)
        return path

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


def _list_links(path: str) -> Iterator[str]:
    """Yield the symlinks on the way to a file that exists."""
    above = os.path.dirname(path)
    if above != path:
        yield from _list_links(above)
    if os.path.islink(path):
        yield path
        yield from _list_links(os.path.join(above, os.readlink(path)))


def _list_words(argument: str) -> Iterator[str]:
    """Yield the parts of an argument that may be names of files or programs."""
    for whole in (argument, argument.partition("=")[2]):
        yield whole
        if os.path.isfile(paths.expand(whole)):
            return  # its name may have blanks and quotes
    parts = _split(argument)
    if parts == [argument]:
        yield from _AROUND_PATHS.split(argument)
        yield from _ATTACHED.findall(argument)
        return
    for before, part in zip(["", *parts], parts, strict=False):
        if not _WRITES.fullmatch(before):
            yield from _list_words(part)


def _split(text: str) -> list[str]:
    """Return the words of the text of a shell, and its operators."""
    if os.sep == "/":  # elsewhere a backslash quotes nothing
        words = shlex.shlex(text, posix=True, punctuation_chars=True)
        words.whitespace_split, words.commenters = True, ""
        try:
            return list(words)
        except ValueError:
            pass  # a quote without an end
    return _WORDS.findall(text)


def _may_appear(path: str) -> bool:
    """Whether a path names a missing file in a directory that exists, and is nothing else."""
    # A password may have a slash, and must not be noted: no directory has its start as a name.
    above, name = os.path.split(path)
    is_path = os.path.isabs(path) or path.startswith(("./", "../"))
    is_word = path.split() == [path] and name and os.path.dirname(above) != above
    return bool(is_path and is_word) and os.path.isdir(above) and not os.path.exists(path)


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
            data, seen = file.read(limits.MAX_FILE + 1), os.fstat(file.fileno())
    except OSError:
        current().note(FILE, path)
        raise
    if len(data) > limits.MAX_FILE:
        raise OSError(errno.EFBIG, f"it is larger than {limits.MAX_FILE >> 20} MiB", path)
    current().note(FILE, path, identity.data_stamp(data, seen))
    return data
