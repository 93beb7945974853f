"""Sources of credentials that answer with what nobody can use: the error names the source."""

import gzip
import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.world import credential_sources
from tests.world.machine import HOST, Machine

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
HEAD = b"HTTP/1.1 200 OK\r\n"
SURROGATES = {
    "AccessKeyId": "\ud800",
    "SecretAccessKey": "\udfff",
    "Token": "t",
    "Expiration": "2999-01-01T00:00:00Z",
}
NULLS = dict.fromkeys(SURROGATES)
USUAL = dict.fromkeys(SURROGATES, "ASIAMADEUP0123456789") | {"Expiration": SURROGATES["Expiration"]}
ANSWERS = {
    "gzip": HEAD + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"{}"),
    "surrogates": HEAD + b"\r\n" + json.dumps(SURROGATES).encode(),
    "nulls": HEAD + b"\r\n" + json.dumps(NULLS).encode(),
    "a surrogate": HEAD + b"\r\n" + json.dumps(USUAL | {"Token": "\ud800"}).encode(),
    "an umlaut": HEAD + b"\r\n" + json.dumps(USUAL | {"SecretAccessKey": "\xfc"}).encode(),
    "no time zone": HEAD + b"\r\n" + json.dumps(USUAL | {"Expiration": "2999-01-01"}).encode(),
    "a number": HEAD + b"\r\n" + json.dumps(USUAL | {"Expiration": "1e9"}).encode(),
}


@contextmanager
def _serve(answer: bytes, times: int = 1) -> Iterator[str]:
    """Run a server that sends the same bytes, so many times, to each request; yield its URL."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            try:
                for _ in range(times):
                    self.request.sendall(answer)
            except OSError:
                pass  # the client left

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("source", ["container", "instance"])
def test_an_unusable_answer(machine: Machine, source: str, answer: str) -> None:
    """It is not reported as wrong settings."""
    with _serve(ANSWERS[answer]) as url:
        if source == "container":
            what = "the answer of the container credentials endpoint has no usable credentials; "
            machine.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{url}/x"
        else:
            what = "the answer of the instance metadata service has no usable credentials; "
            machine.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = url
            machine.environ.pop("AWS_EC2_METADATA_DISABLED")
        error = machine.get().error

    assert error.startswith(what)


@pytest.mark.parametrize("character", ["\ud800", "\xfc", "\u20ac", "\n", "\r\n", "\nx", "\0"])
@pytest.mark.parametrize("field", ["AccessKeyId", "SecretAccessKey", "SessionToken"])
def test_a_character_that_no_key_has(machine: Machine, field: str, character: str) -> None:
    """The error names the source of the credentials, and not the settings of AWS."""
    answer = json.loads(credential_sources.process_answer(machine))
    answer[field] += character
    credential_sources.process(machine, f"print({json.dumps(answer)!r})")

    error = machine.get().error

    assert error.startswith("the AWS credentials from credential_process of profile 'default'")
    assert "another invalid character" in error
    assert machine.aws.count() == {}


@pytest.mark.parametrize("field", ["AccessKeyId", "SecretAccessKey", "SessionToken"])
def test_a_character_that_no_key_has_below_a_role(machine: Machine, field: str) -> None:
    """STS is not asked to assume the role with such credentials."""
    role = machine.aws.role()
    answer = json.loads(credential_sources.process_answer(machine))
    answer[field] += "\xfc"
    program = credential_sources.process(machine, f"print({json.dumps(answer)!r})")
    command = f'"{sys.executable}" "{program}"'
    machine.config(f"[profile work]\nrole_arn = {role.arn}\ncredential_process = {command}\n")
    machine.environ["AWS_PROFILE"] = "work"

    error = machine.get().error

    assert error.startswith("the AWS credentials from profile 'work' hold a line break or another")
    assert machine.aws.count() == {}


def test_a_character_that_no_key_has_in_a_source_profile(machine: Machine) -> None:
    """The error names the line of the key."""
    credential_sources.assumed_role(machine)
    path = machine.home / ".aws" / "config"
    lines = path.read_text().splitlines(keepends=True)
    number = next(at for at, line in enumerate(lines) if line.startswith("aws_secret_access_key"))
    lines[number] = lines[number].rstrip() + "\xfc\n"
    path.write_text("".join(lines), encoding="utf-8")

    error = machine.get().error

    assert f"config:{number + 1} has a non-ASCII character in it" in error
    assert machine.aws.count() == {}


@pytest.mark.parametrize(
    "name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
)
def test_a_character_that_no_key_has_in_a_variable(machine: Machine, name: str) -> None:
    """The error names the variable."""
    credential_sources.environment(machine)
    machine.environ[name] = machine.environ.get(name, "") + "\xfc"

    assert machine.get().error.startswith(f"{name} has a non-ASCII character in it; set it again")
    assert machine.aws.count() == {}


@pytest.mark.parametrize(
    ("answer", "limit"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, 8),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 2_000_000, 8),
        (HEAD + b"\r\n" + b"x" * 2_000_000, 1),
    ],
    ids=["interim answers", "trailers", "body"],
)
def test_an_endless_answer(machine: Machine, answer: bytes, limit: int) -> None:
    """The error names the limit that was exceeded."""
    with _serve(answer, 1000) as url:
        machine.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{url}/x"
        error = machine.get().error

    assert error.startswith(f"the answer from {url} is longer than {limit} MiB; ")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            r"import sys; sys.stderr.buffer.write(b'caf\xe9 closed'); sys.exit(2)",
            "failed: caf\ufffd closed",
        ),
        ("import os; os.kill(os.getpid(), 9)", "was killed by a signal (9: killed)"),
        ("print('[' * 500_000)", "did not print the JSON that it must print"),
    ],
    ids=["no UTF-8", "a signal", "deep JSON"],
)
def test_a_credential_process(machine: Machine, code: str, said: str) -> None:
    """The error says how it failed."""
    credential_sources.process(machine, code)

    assert f"credential_process of AWS profile 'default' {said}" in machine.get(HOST).error
