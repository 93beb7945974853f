"""The plugin's cache, times and errors."""

import os
import sys
from pathlib import Path

import pytest

from docker_credential_ecrpy import __main__
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.hot.cache import SECOND, Entry
from docker_credential_ecrpy.kubernetes import plugin
from docker_credential_ecrpy.text import secrets

NOW = 1_800_000_000 * SECOND


@pytest.mark.parametrize(
    ("refresh", "expires", "expected"),
    [
        (6 * 3600, 12 * 3600, 21600),
        (6 * 3600 + 0.9, 12 * 3600, 21600),
        (1.5, 12 * 3600, 1),
        (0.5, 12 * 3600, 0),
        (0, 12 * 3600, 60),
        (-3600, 12 * 3600, 60),
        (-3600, 61, 60),
        (-3600, 60, 59),
        (-3600, 1.5, 0),
        (-3600, 0.5, 0),
        (100, 100, 99),
    ],
)
def test_seconds_to_cache(refresh: float, expires: float, expected: int) -> None:
    """Until the refresh; a minute after a failed one; always a second before the token's end."""
    entry = Entry(
        NOW - SECOND, NOW + int(refresh * SECOND), NOW + int(expires * SECOND), b"", origin=""
    )

    assert plugin.seconds_to_cache(entry, NOW) == expected


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("m", None),
        ("m", "h"),
        ("m" * 2000, "h"),
        ("m", "h" * 2000),
        ("m" * 2000, "h" * 2000),
        ("é" * 2000, "ü" * 2000),
        ("a\nb\x1b[2J", "c\td"),
    ],
    ids=lambda text: str(text)[:3],
)
def test_an_error_fits_into_one_line(message: str, hint: str | None) -> None:
    """Cause and cure have the room that the other one leaves."""
    line = plugin.shorten("name", HelperError(message, hint=hint))

    assert line.startswith(b"name: ")
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert len(line) <= plugin.MAX_ERROR
    text = line.decode()
    assert text[6] == message[0]
    assert hint is None or f"; {hint[0]}" in text
    assert len(line) == plugin.MAX_ERROR or "..." not in text or "é" in text


def test_an_error_has_no_known_secret() -> None:
    """Also where it is cut."""
    secrets.note("a-token-of-a-pod" * 20)

    line = plugin.shorten("name", HelperError("x" * 900 + "a-token-of-a-pod" * 20, hint="h" * 900))

    assert b"a-token" not in line


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /run")
@pytest.mark.parametrize(
    ("environ", "uid", "expected"),
    [
        ({}, 0, "run"),
        ({"HOME": ""}, 0, "run"),
        ({"HOME": "/nonexistent"}, 0, "run"),
        ({"HOME": "/"}, 0, None),
        ({"HOME": "home"}, 0, None),
        ({"HOME": "home", "read-only": "home"}, 0, "run"),
        ({"HOME": "home", "read-only": "home run"}, 0, "shm"),
        ({"read-only": "run"}, 0, "shm"),
        ({"read-only": "run shm"}, 0, None),
        ({}, 1000, None),
        ({"AWS_ECR_CACHE_DIR": "/x"}, 0, None),
        ({"AWS_ECR_DISABLE_CACHE": "1"}, 0, None),
    ],
)
def test_the_cache_of_a_service(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    environ: dict[str, str],
    uid: int,
    expected: str | None,
) -> None:
    """Root without a writable home has one in memory; the user's settings come first."""
    closed = [str(tmp_path / name) for name in environ.get("read-only", "").split()]
    for name in ("home", "run", "shm"):
        (tmp_path / name).mkdir()
    if environ.get("HOME") == "home":
        environ = {**environ, "HOME": str(tmp_path / "home")}
    caches = {name: str(tmp_path / name / "cache") for name in ("run", "shm")}
    monkeypatch.setattr(plugin, "CACHES", tuple(caches.values()))
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(os, "access", lambda path, _: os.path.isdir(path) and path not in closed)

    found = plugin.choose_cache(environ).get("AWS_ECR_CACHE_DIR")

    assert found == (caches.get(expected, expected) if expected else None)


def test_the_caches_of_a_service() -> None:
    """Both are in memory on a usual Linux."""
    assert plugin.CACHES == ("/run/docker-credential-ecrpy", "/dev/shm/docker-credential-ecrpy")


def test_input_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an endless input, one byte more than the limit is read."""
    monkeypatch.setattr(plugin, "MAX_REQUEST", 100_000)
    path = tmp_path / "input"
    path.write_bytes(b"x" * 200_000)
    with path.open("rb") as stream:
        monkeypatch.setattr(protocol, "STDIN", stream.fileno())
        assert plugin.read_input() == b"x" * 100_001


@pytest.mark.parametrize(("argument", "expected"), [("kubelet", ""), ("get", "not enough memory")])
def test_what_cannot_be_reported(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    argument: str,
    expected: str,
) -> None:
    """Where the error is that of the entry point, the kubelet's standard output has nothing."""
    monkeypatch.setattr(sys, "argv", ["name", argument])

    code = __main__._fail(MemoryError())

    output, errors = capfd.readouterr()
    assert code == 1
    assert expected in output
    assert bool(output) is bool(expected)
    assert errors.startswith("name: there is not enough memory")
