"""A home for hostile input, restored after each one; the program runs in this process."""

import atexit
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from docker_credential_ecrpy import __main__ as door
from docker_credential_ecrpy.aws import gateway
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files import racy
from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.settings.rules import Choice
from docker_credential_ecrpy.text.log import Log
from docker_credential_ecrpy.text.sanitize import make_printable
from docker_credential_ecrpy.tokens.entry import TOKEN_LIFE
from docker_credential_ecrpy.tokens.token import Token
from tests.world.bazel import decode, refused
from tests.world.machine import Result

PROGRAM = "docker-credential-ecr-login"
MADE_UP = "made-up-token-"
IN_MEMORY = "/dev/shm"
_WIRE = {
    f"{text}\n".encode()
    for text in (protocol.NOT_FOUND, protocol.NO_SERVER_URL, protocol.NO_USERNAME)
}


class Sandbox:
    """A home with these files: relative name, with slashes -> content.

    In it the program runs as a client runs it, but in this process, and AWS gives made-up tokens.
    """

    def __init__(self, files: Mapping[str, bytes]) -> None:
        in_memory = "TMPDIR" not in os.environ and os.access(IN_MEMORY, os.W_OK)
        where = IN_MEMORY if in_memory else None
        root = os.path.realpath(tempfile.mkdtemp(prefix="fuzz-", dir=where))
        atexit.register(shutil.rmtree, root, ignore_errors=True)
        self.home = os.path.join(root, "home")
        self.files: dict[str, bytes] = dict(files)
        self.fetched = 0
        self.environ = {
            "HOME": self.home,
            "USERPROFILE": self.home,
            "PATH": os.path.join(root, "no-programs"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        os.mkdir(self.home, 0o700)
        self._streams = [
            os.open(os.path.join(root, str(number)), os.O_RDWR | os.O_CREAT, 0o600)
            for number in range(3)
        ]
        self.put_back()

    def path(self, name: str) -> str:
        return os.path.join(self.home, *name.split("/"))

    def put(self, name: str, data: bytes) -> None:
        """Set a file's content from now on."""
        self.files[name] = data
        self.put_back()

    def put_back(self) -> None:
        """Restore the home: its files, unchanged, and no others."""
        found = self.found()
        for name in found:
            if name not in self.files:
                os.unlink(self.path(name))
        for name, data in self.files.items():
            if found.get(name) != data:
                path = self.path(name)
                os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
                opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                os.write(opened, data)
                os.close(opened)

    def found(self) -> dict[str, bytes]:
        """Return the existing files and their contents."""
        found = {}
        for directory, _, names in os.walk(self.home):
            for name in names:
                path = os.path.join(directory, name)
                with open(path, "rb") as stream:
                    found[os.path.relpath(path, self.home).replace(os.sep, "/")] = stream.read()
        return found

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Restore this home, and make it the process's only home and environment."""
        self.put_back()
        fetch, steps = gateway.fetch, (racy.STEP, racy.COARSE_STEP)
        before = {name: value for name, value in os.environ.items() if name not in self.environ}
        replaced = {name: os.environ.get(name) for name in self.environ}
        for name in before:
            del os.environ[name]
        os.environ.update(self.environ)
        gateway.fetch = self._fetch
        racy.STEP = racy.COARSE_STEP = 0  # only this process edits these files
        try:
            yield
        finally:
            racy.STEP, racy.COARSE_STEP = steps
            gateway.fetch = fetch
            os.environ.update(before)
            for name, value in replaced.items():
                del os.environ[name]
                if value is not None:
                    os.environ[name] = value

    def _fetch(self, choice: Choice, seconds: float, log: Log) -> Token:
        self.fetched += 1
        return Token("AWS", f"{MADE_UP}{self.fetched}", time.time_ns() + TOKEN_LIFE)

    def run(self, action: str, stdin: bytes = b"", *, form: str = "") -> Result:
        """Run one action through the entry point, and check that its answer has a valid form."""
        result = self._run(action, stdin)
        if b"unexpected error" in result.stdout:
            os.environ["AWS_ECR_DEBUG"] = "1"
            try:
                said = self._run(action, stdin).stderr.decode(errors="replace")
            finally:
                del os.environ["AWS_ECR_DEBUG"]
            raise AssertionError(said)
        check_form(form or action, result)
        return result

    def _run(self, action: str, stdin: bytes) -> Result:
        for stream, data in zip(self._streams, (stdin, b"", b""), strict=True):
            os.ftruncate(stream, 0)
            os.lseek(stream, 0, os.SEEK_SET)
            if data:
                os.write(stream, data)
                os.lseek(stream, 0, os.SEEK_SET)
        kept, argv = [os.dup(descriptor) for descriptor in range(3)], sys.argv
        for descriptor, stream in enumerate(self._streams):
            os.dup2(stream, descriptor)
        sys.argv = [PROGRAM, action]
        try:
            code = door.main()
        finally:
            sys.argv = argv
            for descriptor, saved in enumerate(kept):
                os.dup2(saved, descriptor)
                os.close(saved)
        stdout, stderr = map(_all_of, self._streams[1:])
        return Result(code, stdout, stderr)


def _all_of(stream: int) -> bytes:
    os.lseek(stream, 0, os.SEEK_SET)
    return os.read(stream, os.fstat(stream).st_size)


def check_form(action: str, result: Result) -> None:
    """Fail unless a run's exit code and streams have one of the protocol's forms."""
    if action == "headers" and result.code:
        check_line(refused(result))
        return
    if action == "headers":
        decode(result)
        return
    if result.code:
        assert result.code == 1, result
        if result.stderr:
            check_line(result.error)
        else:
            assert result.stdout in _WIRE, result
        return
    assert result.stderr == b"", result
    if action in ("store", "erase"):
        assert result.stdout == b"", result
        return
    assert result.stdout.endswith(b"\n"), result
    assert result.stdout.count(b"\n") == 1, result
    reply = json.loads(result.stdout)
    assert isinstance(reply, dict), result
    assert all(isinstance(value, str) for value in reply.values()), result
    if action == "get":
        assert set(reply) == {"ServerURL", "Username", "Secret"}, result


def check_error(error: HelperError) -> None:
    """Fail unless an error, as it is shown, is fit for users."""
    check_line(make_printable(str(error)))


def check_line(text: str) -> None:
    """Fail unless an error is one printable line of readable length."""
    assert text, "an empty error"
    assert text.isprintable(), ascii(text)
    assert len(text) < 4000, len(text)
    for word in ("Traceback", "unexpected error", "<class"):
        assert word not in text, text
