"""Facts about errors of a process that lacks memory, processes or files."""

import errno
import os
import ssl
import sys

import pytest

from docker_credential_ecrpy.text import faults

resource = pytest.importorskip("resource", reason="limits of POSIX")
SAID = "there is not enough memory; raise its limit (ulimit -{})"
CONSEQUENCES = [
    MemoryError(),
    RuntimeError("can't start new thread"),
    RuntimeError("can't allocate lock"),
    ssl.SSLError(1, "certificate verify failed: EE certificate key too weak (_ssl.c:1006)"),
    ssl.SSLError(1, "[SSL: LIBRARY_HAS_NO_CIPHERS] library has no ciphers (_ssl.c:3098)"),
    ssl.SSLError(1, "[X509] malloc failure (_ssl.c:4149)"),
    LookupError("unknown encoding: idna"),
    ModuleNotFoundError("No module named 'json.decoder'", name="json.decoder"),
    ImportError("x.so: failed to map segment from shared object"),
    OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
]


def _limited(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Give this process limits of its memory, as far as it can see."""
    finite = [getattr(resource, name) for name in names]
    monkeypatch.setattr(
        resource, "getrlimit", lambda which: (1 if which in finite else resource.RLIM_INFINITY, 1)
    )


@pytest.mark.parametrize("exc", CONSEQUENCES, ids=repr)
@pytest.mark.parametrize(("name", "option"), [("RLIMIT_AS", "v"), ("RLIMIT_DATA", "d")])
def test_a_limit_of_memory(
    monkeypatch: pytest.MonkeyPatch, exc: Exception, name: str, option: str
) -> None:
    """The error names the limit, and not what failed for lack of memory."""
    _limited(monkeypatch, name)

    assert str(faults.explain(exc)) == SAID.format(option)


@pytest.mark.parametrize("exc", CONSEQUENCES, ids=repr)
def test_no_limit_of_memory(monkeypatch: pytest.MonkeyPatch, exc: Exception) -> None:
    """Without a limit nobody is told to raise it."""
    _limited(monkeypatch)

    assert "ulimit -v" not in str(faults.explain(exc))


@pytest.mark.parametrize(
    "exc",
    [
        ssl.SSLError(1, "certificate verify failed: self-signed certificate"),
        ModuleNotFoundError("No module named 'crt'", name="crt"),
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
    ],
    ids=repr,
)
def test_other_errors_with_a_limit(monkeypatch: pytest.MonkeyPatch, exc: Exception) -> None:
    """A limit is not named for what has another cause."""
    _limited(monkeypatch, "RLIMIT_AS")

    assert "memory; raise" not in str(faults.explain(exc))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EMFILE, "this process may open no more files"),
        (errno.ENFILE, "the system has no more files to open"),
        (errno.EAGAIN, "this process may start no other one"),
        (errno.ENOMEM, "there is not enough memory"),
    ],
)
def test_a_program_that_cannot_be_started(number: int, said: str) -> None:
    """The cause is this process, also where the error names the program's file."""
    assert str(faults.explain_start(OSError(number, "", sys.executable))).startswith(said)
    assert faults.explain_start(OSError(errno.ENOENT, "", sys.executable)) is None
