"""Each boundary that a text leaves through redacts the known secrets, whoever wrote the text."""

import json
import time
from pathlib import Path

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.files.log_file import open_log
from docker_credential_ecrpy.text import secrets
from docker_credential_ecrpy.text.console import Console
from docker_credential_ecrpy.text.log import discard
from docker_credential_ecrpy.tokens.lock_note import LockNote
from tests.world.entries import open_lock

SECRET = 'Kanarie"\\x/7Q'
TEXT = f"it fails: {SECRET} is wrong"


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_known", {})
    monkeypatch.setattr(secrets, "_index", secrets._Index())
    secrets.note(SECRET)


def test_the_console(capfd: pytest.CaptureFixture[str]) -> None:
    """Both streams; a text that the user asks for as a secret is printed as it is."""
    console = Console({})
    console.say(TEXT)
    console.say_as_is(TEXT, "good")
    console.note(TEXT)
    shown = capfd.readouterr()
    console.say_unredacted(SECRET)

    assert shown.out == "it fails: [redacted] is wrong\n" * 2
    assert shown.err == "it fails: [redacted] is wrong\n"
    assert capfd.readouterr().out == f"{SECRET}\n"


def test_a_json_document(capfd: pytest.CaptureFixture[str]) -> None:
    """It stays JSON: values are redacted before they are escaped, and keys are kept."""
    Console({}).say_document("x", {"a": [TEXT, {"b": TEXT}], "c": 1, "d": None, "e": "\\x"})

    document = json.loads(capfd.readouterr().out)
    assert document["a"] == [
        "it fails: [redacted] is wrong",
        {"b": "it fails: [redacted] is wrong"},
    ]
    assert (document["c"], document["d"], document["e"]) == (1, None, "\\x")


def test_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A file and standard error."""
    path = tmp_path / "log"
    open_log({"AWS_ECR_LOG": str(path), "AWS_ECR_DEBUG": "1"}, time.monotonic())(TEXT)

    for text in (path.read_text(), capfd.readouterr().err):
        assert text.endswith("it fails: [redacted] is wrong\n")


def test_a_lock_note(tmp_path: Path) -> None:
    """A failure that other processes share has no secret in message, hint and place."""
    path = tmp_path / "lock"
    with open_lock(str(path)) as lock:
        note = LockNote(lock, "me", time.time_ns, discard)
        note.leave_failure(HelperError(TEXT, hint=TEXT, chosen_at=TEXT), 5)
        shared = note.shared_failure(0, 5)

    assert path.read_text().count("[redacted]") == 3
    assert "Kanarie" not in path.read_text()
    assert str(shared) == "it fails: [redacted] is wrong; it fails: [redacted] is wrong"
