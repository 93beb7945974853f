"""Facts about the console: width, colours, progress and JSON documents."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.text.console import SCHEMA_VERSION, Console, wrap_command

needs_pty = pytest.mark.skipif(sys.platform == "win32", reason="it has no pty")


@contextmanager
def streams(*, terminal: bool) -> Iterator[int]:
    """Have both streams lead to a terminal or a pipe, and yield what to read that from."""
    if terminal:
        import pty

        ours, theirs = pty.openpty()
    else:
        ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    before = {number: os.dup(number) for number in (protocol.STDOUT, protocol.STDERR)}
    for number in before:
        os.dup2(theirs, number)
    os.close(theirs)
    try:
        yield ours
    finally:
        for number, copy in before.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(ours)


def read(descriptor: int, until: bytes = b"\n") -> bytes:
    """Return what was written, at least up to the first `until`: a terminal gives it in parts."""
    found = b""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            found += os.read(descriptor, 1000)
        except BlockingIOError:
            time.sleep(0.01)
        if until in found:
            return found
    raise AssertionError(found)


class TestFit:
    """The width."""

    def test_lines_are_wrapped_at_blanks(self) -> None:
        """A second column keeps its indent; words stay whole."""
        text = "title      some words\n" + "x" * 30 + " a b"

        assert Console.fit(text, 18).split("\n") == [
            "title      some",
            "           words",
            "x" * 30,
            "a b",
        ]

    @pytest.mark.parametrize("text", ["a b c", "", "\n", "a\\"])
    def test_short_lines_stay(self, text: str) -> None:
        """So do all lines where nothing is to be fitted."""
        assert Console.fit(text, 20) == text
        assert Console.fit(text * 100, None) == text * 100

    @given(
        st.lists(st.text(alphabet="ab-/.", min_size=1, max_size=30), min_size=1), st.integers(20)
    )
    def test_no_word_is_lost(self, words: list[str], width: int) -> None:
        """Nor broken, changed or moved."""
        assert Console.fit(" ".join(words), width).split() == words
        command = wrap_command(" ".join(words), width, "  ")
        assert command.replace(" \\\n", " ").split() == words


@needs_pty
class TestColours:
    """Colours on a terminal."""

    def test_a_mark_has_its_colour(self) -> None:
        """Its first one, and nothing else."""
        with streams(terminal=True) as ours:
            Console({"TERM": "xterm"}).say("FAIL x FAIL", mark="FAIL", style="bad")

            assert read(ours) == b"\033[1;31mFAIL\033[0m x FAIL\r\n"

    @pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
    def test_none_where_they_are_not_wanted(self, environ: dict[str, str]) -> None:
        """By NO_COLOR, or on a terminal that has none."""
        with streams(terminal=True) as ours:
            Console(environ).say("FAIL", mark="FAIL", style="bad")

            assert read(ours) == b"FAIL\r\n"

    def test_none_in_a_pipe(self) -> None:
        """Where the lines are not wrapped, either."""
        with streams(terminal=False) as ours:
            Console({"COLUMNS": "20"}).say("FAIL " * 10, mark="FAIL", style="bad")

            assert read(ours) == b"FAIL " * 10 + b"\n"


@needs_pty
class TestProgress:
    """The line that shows what is being done."""

    def test_it_changes_and_goes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A shorter text leaves nothing of a longer one, and the end nothing at all."""
        monkeypatch.setattr("docker_credential_ecrpy.text.console._FIRST_SIGN", 0.01)
        with streams(terminal=True) as ours:
            with Console({"TERM": "xterm"}).show_progress("a long text") as change:
                read(ours, b"a long text ...")
                change("short")
                shown = read(ours, b"short ...")
            Console({}).note("done")
            shown += read(ours, b"done\r\n")

        assert b"short ...      " in shown
        assert shown.endswith(b"\r" + b" " * len("| a long text ...") + b"\rdone\r\n")

    @pytest.mark.parametrize("environ", [{"TERM": "dumb"}, {"AWS_ECR_DEBUG": "1"}], ids=str)
    def test_none_where_it_would_be_in_the_way(
        self, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
    ) -> None:
        """Of a terminal that cannot go back, or of log lines."""
        monkeypatch.setattr("docker_credential_ecrpy.text.console._FIRST_SIGN", 0)
        with streams(terminal=True) as ours:
            console = Console(environ)
            with console.show_progress("x") as change:
                change("y")
            console.note("z")

            assert read(ours) == b"z\r\n"

    def test_none_in_a_pipe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """There it would be a part of the text."""
        monkeypatch.setattr("docker_credential_ecrpy.text.console._FIRST_SIGN", 0)
        with streams(terminal=False) as ours:
            console = Console({})
            with console.show_progress("x") as change:
                change("y")
            console.note("z")

            assert read(ours) == b"z\n"


def test_a_document_is_ascii() -> None:
    """Its first members are the version of its form, and the command."""
    with streams(terminal=False) as ours:
        Console({}).say_document("cache list", {"directory": "/höme/\u2028"})
        written = read(ours)

    assert written.isascii()
    assert list(json.loads(written).items()) == [
        ("schema_version", SCHEMA_VERSION),
        ("command", "cache list"),
        ("directory", "/höme/\u2028"),
    ]
