"""Docker's wire contract: the bytes read and sent, and the exact texts and codes."""

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.hot import cache, protocol
from tests.world.hosts import HOST

pytestmark = pytest.mark.usefixtures("same_descriptors")


class TestBytes:
    """The bytes that are read from a client and sent to it."""

    LIMIT = 64 * 1024

    @pytest.mark.parametrize(
        ("written", "got"),
        [
            (b"", b""),
            (b" \t\r\n", b""),
            (b" \t\r\nhost\n\r\t ", b"host"),
            (b"a\n b", b"a\n b"),
            (b"`host`", b"`host`"),
            (b"\x0b\x0c\0host\0\x0c\x0b", b"\x0b\x0c\0host\0\x0c\x0b"),
            (b"\xff\n", b"\xff"),
            (b" " + b"a" * (LIMIT - 2) + b" ", b"a" * (LIMIT - 2)),
            (b" " + b"a" * (LIMIT - 1) + b" ", b" " + b"a" * (LIMIT - 1) + b" "),
            (b"a" * (LIMIT + 2), b"a" * (LIMIT + 1)),
        ],
        ids=range(10),
    )
    def test_an_input_is_trimmed_of_blanks(
        self, written: bytes, got: bytes, tmp_path: Path
    ) -> None:
        """Only these four blanks are trimmed; too long an input comes untrimmed, one byte over."""
        file = tmp_path / "input"
        file.write_bytes(written)
        with file.open("rb") as opened:
            assert protocol.read_input(opened.fileno()) == got
            assert os.lseek(opened.fileno(), 0, os.SEEK_CUR) == min(len(written), self.LIMIT + 1)

    @pytest.mark.skipif(sys.platform == "win32", reason="pipes always block there")
    @pytest.mark.parametrize(
        ("pieces", "got"),
        [
            ([b" ho", b"st ", b" na", b"me\r", b"\n"], b"host  name"),
            ([b"a" * LIMIT, b"bc"], b"a" * LIMIT + b"b"),
        ],
        ids=["blanks at the cuts", "too long by what comes last"],
    )
    @pytest.mark.parametrize("blocking", [True, False])
    def test_an_input_in_pieces_is_read_to_its_end(
        self, pieces: list[bytes], got: bytes, blocking: bool
    ) -> None:
        """However it is split, input is read to its end or the limit, without busy waiting."""
        read, write = os.pipe()
        os.set_blocking(read, blocking)

        def feed() -> None:
            for piece in pieces:
                time.sleep(0.02)
                os.write(write, piece)
            os.close(write)

        feeder = threading.Thread(target=feed)
        feeder.start()
        try:
            assert protocol.read_input(read) == got
            assert os.get_blocking(read)
        finally:
            feeder.join()
            os.close(read)

    def test_a_descriptor_that_cannot_be_read_is_an_empty_input(self) -> None:
        """A closed or write-only descriptor counts as empty input."""
        read, write = os.pipe()
        try:
            assert protocol.read_input(write) == b""
        finally:
            os.close(read)
            os.close(write)
        assert protocol.read_input(write) == b""

    @pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
    def test_other_exceptions_are_not_hidden(
        self, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Neither Ctrl-C nor MemoryError counts as empty input."""

        def fail(*_: object) -> bytes:
            raise kind

        for name in ("read", "write"):
            monkeypatch.setattr(os, name, fail)
        with pytest.raises(kind):
            protocol.read_input(0)
        with pytest.raises(kind):
            protocol.send(b"x", 1)

    @pytest.mark.skipif(sys.platform == "win32", reason="pipes always block there")
    def test_a_pipe_that_does_not_block_gets_all(self) -> None:
        """A non-blocking pipe gets everything: a full one is waited for."""
        read, write = os.pipe()
        os.set_blocking(write, False)
        data = bytes(range(256)) * 2048
        got: list[bytes] = []

        def take() -> None:
            with open(read, "rb") as end:
                time.sleep(0.1)
                got.append(end.read())

        taker = threading.Thread(target=take)
        taker.start()
        protocol.send(data, write)
        assert os.get_blocking(write)
        os.close(write)
        taker.join()

        assert got == [data]

    def test_a_closed_pipe_is_an_error(self) -> None:
        """A client that closed its pipe is an error for the caller."""
        read, write = os.pipe()
        os.close(read)
        try:
            with pytest.raises(BrokenPipeError):
                protocol.send(b"x", write)
            protocol.send(b"", write)  # sending nothing never fails
        finally:
            os.close(write)

    def test_a_reply_is_put_together_as_it_is_kept(self) -> None:
        """A reply is the address as given, followed by the stored rest of the object."""
        request = protocol.GetRequest(b"https://h/")
        made = request.reply(cache.Entry(0, 1, 2, b'"Username":"AWS","Secret":"s"}\n'), 0)

        assert made == b'{"ServerURL":"https://h/","Username":"AWS","Secret":"s"}\n'


def test_a_request_has_what_the_client_wrote() -> None:
    """Bytes that are not UTF-8 are kept, and fields not yet searched for are empty."""
    asked = protocol.GetRequest(b"https://" + HOST.encode() + b"/")
    other = protocol.GetRequest(b"h\xff")

    assert (asked.data, asked.server_url) == (f"https://{HOST}/".encode(), f"https://{HOST}/")
    assert asked.registry is not None
    assert asked.registry.host == HOST
    assert (asked.identity, asked.due) == ("", None)
    assert (other.data, other.server_url, other.registry) == (b"h\xff", "h\u00ff", None)


def test_a_request_has_no_other_fields() -> None:
    """Setting a misspelt field is an error."""
    with pytest.raises(AttributeError):
        protocol.GetRequest(b"").identify = "me"  # type: ignore[attr-defined]  # that is the point


def test_the_exact_texts() -> None:
    """Docker's client compares these texts whole."""
    assert protocol.NOT_FOUND == "credentials not found in native keychain"
    assert protocol.NO_SERVER_URL == "no credentials server URL"
    assert protocol.NO_USERNAME == "no credentials username"


def test_the_exact_codes() -> None:
    """Clients compare these exit codes; 130 means SIGINT to a shell."""
    assert (protocol.OK, protocol.FAILED, protocol.INTERRUPTED) == (0, 1, 130)
    assert (protocol.STDIN, protocol.STDOUT, protocol.STDERR) == (0, 1, 2)
    assert protocol.MAX_INPUT == 65536


@pytest.mark.parametrize(
    "text", ["1_0", "\u0663", "\uff11", "0", "-1", "nan", "inf", "3601", "soon"]
)
def test_a_time_limit_that_is_no_number(text: str) -> None:
    """What a user does not write as a number of seconds is refused."""
    assert protocol.parse_timeout(text) is None


@pytest.mark.parametrize(("text", "seconds"), [("", 25), (" 5 ", 5), ("0.5", 0.5), ("1e3", 1000)])
def test_a_time_limit(text: str, seconds: float) -> None:
    """Seconds may have a fraction, and blanks around them."""
    assert protocol.parse_timeout(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("", 25.0), ("40", 40.0), ("0.5", 0.5), ("3600", 3600.0), ("3600.1", 25.0), ("0", 25.0)],
)
def test_the_time_limit(text: str, seconds: float) -> None:
    """AWS_ECR_TIMEOUT sets it; unset, empty or unusable, it is 25 seconds."""
    assert protocol.time_limit({"AWS_ECR_TIMEOUT": text}) == seconds
    assert protocol.time_limit({}) == 25.0
