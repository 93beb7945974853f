"""Sources without an end: answers, files and output are read up to a limit, in little memory."""

import json
import os
import resource
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.settings import loader, patterns
from docker_credential_ecrpy.settings.toml_document import TomlDocument
from tests.security.attacks import launched
from tests.world import credential_sources
from tests.world.machine import HOST, Machine, Result

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
MEMORY = 512 << 20
"""Bytes of address space: a first get takes some 150 MB of it, an endless source all."""
HEAD = b"HTTP/1.1 200 OK\r\n"
PART = b"x" * 65536


def _endless_body() -> Iterator[bytes]:
    yield HEAD + b"\r\n"
    while True:
        yield PART


def _endless_chunks() -> Iterator[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + PART + b"\r\n"


def _endless_chunk_size() -> Iterator[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"0" * 65536


def _endless_trailer() -> Iterator[bytes]:
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"
    while True:
        yield PART


def _endless_header() -> Iterator[bytes]:
    yield HEAD
    while True:
        yield PART


def _endless_headers() -> Iterator[bytes]:
    yield HEAD
    while True:
        yield b"X-A: 1\r\n" * 1000


def _endless_error() -> Iterator[bytes]:
    yield b"HTTP/1.1 500 Oops\r\n\r\n"
    while True:
        yield PART


ANSWERS = [
    _endless_body,
    _endless_chunks,
    _endless_chunk_size,
    _endless_trailer,
    _endless_header,
    _endless_headers,
    _endless_error,
]


@contextmanager
def _serve(answer: Callable[[], Iterator[bytes]]) -> Iterator[str]:
    """Run a server whose every answer is what `answer` yields; yield its URL."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            try:
                for part in answer():
                    self.request.sendall(part)
            except OSError:
                pass  # the client left

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _get(machine: Machine, host: str = HOST) -> Result:
    """Run a `get` in little memory and bounded time."""
    machine.environ.setdefault("AWS_ECR_TIMEOUT", "20")
    program = launched(machine.program, limits={"AS": MEMORY})
    before = time.monotonic()
    result = machine.run("get", stdin=host.encode(), command=program)
    assert time.monotonic() - before < 40
    assert b"memory" not in result.stdout
    return result


class TestAnswers:
    """Answers over HTTP."""

    @pytest.mark.parametrize("answer", ANSWERS)
    def test_ecr(self, machine: Machine, answer: Callable[[], Iterator[bytes]]) -> None:
        """The error names the server."""
        machine.login()
        with _serve(answer) as url:
            machine.environ["AWS_ENDPOINT_URL"] = url
            error = _get(machine).error

        assert url in error

    @pytest.mark.parametrize(
        "source",
        [
            credential_sources.assumed_role,
            credential_sources.web_identity,
            credential_sources.sso_session,
            credential_sources.sso_session_that_needs_a_refresh,
        ],
    )
    def test_services(self, machine: Machine, source: Callable[[Machine], None]) -> None:
        """STS, the portal of SSO and its tokens are bounded as ECR is."""
        source(machine)
        with _serve(_endless_body) as url:
            machine.environ["AWS_ENDPOINT_URL"] = url

            assert _get(machine).error.startswith(f"the answer from {url} is longer than 1 MiB;")

    @pytest.mark.parametrize("answer", [_endless_body, _endless_chunks])
    @pytest.mark.parametrize("source", [credential_sources.instance, credential_sources.container])
    def test_metadata(
        self,
        machine: Machine,
        source: Callable[[Machine], None],
        answer: Callable[[], Iterator[bytes]],
    ) -> None:
        """The metadata of instances and containers comes over plain HTTP."""
        source(machine)
        with _serve(answer) as url:
            if source is credential_sources.instance:
                machine.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = url
            else:
                machine.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{url}/container"

            assert f"the answer from {url} is longer than 1 MiB;" in _get(machine).error

    @pytest.mark.parametrize("answer", [_endless_chunk_size, _endless_trailer, _endless_header])
    def test_the_frame_of_metadata(
        self, machine: Machine, answer: Callable[[], Iterator[bytes]]
    ) -> None:
        """Headers, chunk sizes and trailers without an end are an error, too."""
        credential_sources.container(machine)
        with _serve(answer) as url:
            machine.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{url}/container"

            assert "container" in _get(machine).error or url in _get(machine).error

    def test_ecr_public(self, machine: Machine) -> None:
        """The get ends as "not found", so that the pull continues anonymously."""
        machine.login()
        with _serve(_endless_body) as url:
            machine.environ["AWS_ENDPOINT_URL"] = url
            result = _get(machine, "public.ecr.aws")

        assert result == Result(1, b"credentials not found in native keychain\n", b"")


class TestFiles:
    """Files of AWS."""

    @pytest.mark.parametrize(
        "variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE"]
    )
    def test_gigabytes(self, machine: Machine, variable: str) -> None:
        """The error names the file and the limit."""
        machine.login()
        file = machine.root / "large"
        with file.open("wb") as stream:
            stream.truncate(8 << 30)
        machine.environ[variable] = str(file)
        error = _get(machine).error

        assert str(file) in error
        assert " is larger than " in error or ": it is larger than " in error

    @pytest.mark.parametrize("kind", ["endless", "gigabytes"])
    @pytest.mark.parametrize(
        ("variable", "source"),
        [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", credential_sources.web_identity),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", credential_sources.pod_identity),
        ],
    )
    def test_tokens(
        self, machine: Machine, variable: str, source: Callable[[Machine], None], kind: str
    ) -> None:
        """A token's file without an end is an error that names it."""
        source(machine)
        file = Path("/dev/zero")
        if kind == "gigabytes":
            file = machine.root / "large"
            with file.open("wb") as stream:
                stream.truncate(8 << 30)
        machine.environ[variable] = str(file)

        assert f"{file}, which the AWS settings name, cannot be used: it is larger than 1 MiB" in (
            _get(machine).error
        )

    def test_an_endless_bundle(self, machine: Machine) -> None:
        """OpenSSL would search a device for certificates for ever."""
        machine.login()
        machine.environ["AWS_CA_BUNDLE"] = "/dev/zero"

        assert _get(machine).error.startswith(
            "the certificates to trust in /dev/zero cannot be used: it is a device; point"
        )

    def test_a_cache_of_the_aws_cli(self, machine: Machine) -> None:
        """A large file counts as damaged: there is no session."""
        credential_sources.sso_session(machine)
        (file,) = (machine.home / ".aws" / "sso" / "cache").iterdir()
        with file.open("wb") as stream:
            stream.truncate(8 << 30)

        assert "has expired or was never begun; run: aws sso login" in _get(machine).error

    @pytest.mark.parametrize("variable", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
    @pytest.mark.parametrize("file", ["/dev/null", "/dev/zero"])
    def test_devices(self, machine: Machine, variable: str, file: str) -> None:
        """A device stands for no file."""
        machine.login()
        machine.environ[variable] = file

        assert _get(machine).secret in machine.aws.issued

    def test_a_token_from_a_pipe(self, machine: Machine) -> None:
        """The shell's process substitution names a pipe as the file."""
        credential_sources.web_identity(machine)
        token = Path(machine.environ["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_bytes()
        pipe = machine.root / "pipe"
        os.mkfifo(pipe)
        machine.environ["AWS_WEB_IDENTITY_TOKEN_FILE"] = str(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(token,), daemon=True)
        writer.start()

        assert machine.get().secret in machine.aws.issued


class TestOutput:
    """Output of programs."""

    @pytest.mark.parametrize("to", ["stdout", "stderr"])
    def test_a_credential_process(self, machine: Machine, to: str) -> None:
        """Endless output is an error that names the program; of errors the first part is kept."""
        code = f"import sys\nwhile True: sys.{to}.write('x' * 65536)"
        credential_sources.process(machine, code)
        machine.environ["AWS_ECR_TIMEOUT"] = "4"
        error = _get(machine).error

        if to == "stdout":
            assert error.startswith(
                "credential_process of AWS profile 'default' printed more than 1 MiB;"
            )
        else:
            assert error.startswith("no answer from credential_process of AWS profile 'default'")

    def test_gigabytes_of_errors_beside_an_answer(self, machine: Machine) -> None:
        """They are read and dropped: the keys are used."""
        answer = credential_sources.process_answer(machine)
        code = (
            f"import sys\nfor _ in range(4096): sys.stderr.write('x' * 262144)\nprint({answer!r})"
        )
        credential_sources.process(machine, code)

        assert _get(machine).secret in machine.aws.issued

    def test_a_fallback(self, machine: Machine) -> None:
        """Endless output of a fallback is an error that names it."""
        path = machine.file(
            "bin/docker-credential-other",
            f"#!{sys.executable} -I\nimport sys\nwhile True: sys.stdout.write('x' * 65536)",
            mode=0o700,
        )
        machine.environ["PATH"] = f"{path.parent}{os.pathsep}{machine.environ['PATH']}"
        machine.settings('fallback = "other"\n')

        assert _get(machine, "ghcr.io").error.startswith(
            "the fallback credential helper docker-credential-other get printed more than 8 MiB;"
        )


SIZE = loader.MAX_SIZE - 1024
DOCUMENTS = {
    "a dotted key": "a." * (SIZE // 2) + "a = 1\n",
    "a dotted heading": "[" + "a." * (SIZE // 2) + "a]\n",
    "a dotted key of quoted parts": '"".' * (SIZE // 3) + "a = 1\n",
    "a dotted key in an inline table": "a = {" + "a." * (SIZE // 2) + "a=1}\n",
    "many dotted keys": "".join("a." * 15 + f"k{n} = 1\n" for n in range(6000)),
    "many dotted headings": "".join("[" + "a." * 15 + f"k{n}]\n" for n in range(6000)),
    "nested arrays": "a = " + "[" * (SIZE // 2) + "]" * (SIZE // 2),
    "nested inline tables": "a = " + "{a=" * (SIZE // 4) + "1" + "}" * (SIZE // 4),
    "keys": "".join(f"k{n}=1\n" for n in range(25000)),
    "headings": "".join(f"[k{n}]\n" for n in range(20000)),
    "tables of an array": "[[registry]]\n" * (SIZE // 13),
    "a number": "a = " + "1" * SIZE,
    "a string": 'a = "' + "." * SIZE + '"\n',
    "an unterminated string": "a = '''" + "''x" * (SIZE // 3),
    "quotes": '"""' * (SIZE // 3),
    "a flat array": "a = [" + "1," * (SIZE // 2) + "]\n",
}


@pytest.mark.parametrize("text", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_settings_that_take_long_to_parse(text: str) -> None:
    """A file of the largest size takes seconds at most, of processor time, whatever is in it."""
    assert len(text) < loader.MAX_SIZE
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    error = ""
    try:
        TomlDocument("config.toml", text.encode(), loader.TABLE).line(0, "x")
    except HelperError as exc:
        error = str(exc)
    assert not error or error.startswith("config.toml:")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 8


@pytest.mark.parametrize("glob", ["a*" * 500, "*?" * 500, "[a-z]*" * 150, "*" * 1000])
def test_globs_that_take_long_to_compare(glob: str) -> None:
    """A file full of long ones takes seconds at most, of processor time."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    for number in range(SIZE // len(glob)):
        pattern = patterns.parse(f"{glob}x{number}")
        assert not pattern.can_match_ecr()
        assert not pattern.matches(HOST)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 4


def test_a_dotted_key_names_its_line() -> None:
    """The error names the line of the key; dots in strings, comments and values do not count."""
    dots = ".".join("x" * 40)
    fine = f'# {dots}\n[[registry]]\nmatch = "{dots}"\nx = """\n{dots}"""\nn = 1.5\n'
    TomlDocument("f", fine.encode(), "registry")

    with pytest.raises(HelperError, match=r"^f:7: a key has more than 16 parts; write"):
        TomlDocument("f", (fine + f"{dots} = 1\n").encode(), "registry")


def test_a_login_of_the_largest_size(machine: Machine) -> None:
    """A login as large as the input's limit is stored and found again."""
    login = json.dumps({"ServerURL": HOST, "Username": "AWS", "Secret": "x" * 60_000})
    assert machine.run("store", stdin=login.encode()).code == 0

    assert _get(machine).secret == "x" * 60_000
