"""Facts about the output that the README and docs/ show: the program prints it on a terminal.

The terminal has 80 columns. Times, durations and hashes may differ, but no line break. To write the
present output into the pages:

    PYTEST_UPDATE_DOCS=1 python -m pytest tests/promises/test_documented_output.py
"""

import json
import os
import platform
import re
import sys
from collections.abc import Callable

import pytest

from tests.world.docker_host import DockerHost
from tests.world.documents import README, Document, Transcript, find_page, split_arguments
from tests.world.machine import HOST, Machine
from tests.world.relabelled import VARIABLE
from tests.world.terminal import run_on_terminal
from tests.world.tree import REPOSITORY

pytestmark = [
    pytest.mark.tree,
    pytest.mark.skipif(sys.platform == "win32", reason="the pages show a Unix system"),
]
CUT = "..."
"""What stands for the lines that a page leaves out before the last paragraph."""
COLUMNS = 80
RELABELLED = (sys.executable, "-m", "tests.world.relabelled")
IMAGE = f"{HOST}/team/app:1"
THREE_DAYS = 3 * 24 * 3600


@pytest.fixture(name="docker_host")
def _docker_host(machine: Machine, scripts: "os.PathLike[str]") -> DockerHost:
    """A machine whose AWS credentials are in a file, as a user's are."""
    host = DockerHost(machine, scripts)  # type: ignore[arg-type]  # the fixture returns a Path
    for name in host.user.environ:
        del machine.environ[name]
    lines = [f"{name.lower()} = {value}" for name, value in host.user.environ.items()]
    keys = "\n".join(lines)
    machine.config(f"[default]\n{keys}\n\n[prod]\n{keys}\n", "credentials")
    return host


def old_login(host: DockerHost) -> None:
    """Put a login into config.json whose token has expired."""
    host.configure(auths=host.old_login(life=-THREE_DAYS))


def cached_token(host: DockerHost) -> None:
    """Choose a profile by a rule, and fetch a token."""
    host.machine.settings('[[registry]]\nmatch = "123456789012"\nprofile = "prod"\n')
    assert host.machine.get().code == 0


SHOWN: list[tuple[Document, str, Callable[[DockerHost], None], int]] = [
    (README, "configure 123456789012@us-east-1", old_login, 0),
    (README, f"doctor {IMAGE}", old_login, 1),
    (find_page("configure"), "configure 123456789012@us-east-1", old_login, 0),
    (find_page("configure"), "cache list", cached_token, 0),
    (find_page("doctor"), f"doctor {IMAGE}", old_login, 1),
    (find_page("accounts"), f"explain --check {IMAGE}", cached_token, 0),
]


@pytest.mark.parametrize(
    ("document", "arguments", "prepare", "code"),
    SHOWN,
    ids=[f"{document.name}: {arguments}" for document, arguments, *_ in SHOWN],
)
def test_the_pages_show_what_the_program_prints(
    docker_host: DockerHost,
    document: Document,
    arguments: str,
    prepare: Callable[[DockerHost], None],
    code: int,
) -> None:
    """The same lines in the same order; for a page that leaves lines out, the last paragraph."""
    command = f"docker-credential-ecrpy {arguments}"
    shown = next(found for found in document.transcripts if found.command == command)
    prepare(docker_host)
    found, printed = _run_as_a_user(docker_host, split_arguments(arguments))
    assert found == code, printed
    if shown.output.startswith(CUT):
        printed = CUT + "\n\n" + printed.rpartition("\n\n")[2]
    if _lines(shown.output) != _lines(printed) and os.environ.get("PYTEST_UPDATE_DOCS"):
        _write(document, shown, printed)
        shown = Transcript(command, printed)

    assert _lines(shown.output) == _lines(printed)


def test_a_line_break_elsewhere_is_noticed() -> None:
    """Times, durations and hashes may differ; the end of a line may not."""
    printed = "in 12 ms; expires at 2026-11-26T14:50:57Z (in 11 h 59 min) x~" + "a" * 32

    assert _lines(printed) == _lines(
        printed.replace("12 ms", "7 ms").replace("57Z", "58Z").replace("aa", "b0")
    )
    assert _lines(printed) != _lines(printed.replace(" expires", "\nexpires"))


def _run_as_a_user(host: DockerHost, arguments: list[str]) -> tuple[int, str]:
    """Return the exit code and what a terminal shows, with a user's paths.

    The proxy that leads to the test's AWS is left out.
    """
    machine = host.machine
    names = {
        str(machine.home): "/home/me",
        str(host.scripts): "/usr/local/bin",
        machine.environ["AWS_CA_BUNDLE"]: "/etc/ssl/certs/ca-certificates.crt",
        f"through the proxy {machine.server.url}": "without a proxy",
        f"machine {platform.node()}": "machine laptop",
    }
    machine.program = RELABELLED
    environ = {VARIABLE: json.dumps(names), "PYTHONPATH": str(REPOSITORY), "TERM": "dumb"}
    code, shown = run_on_terminal(machine, *arguments, columns=COLUMNS, environ=environ)
    return code, shown.replace("\r\n", "\n").strip("\n")


def _lines(text: str) -> list[str]:
    """Return the lines of an output, with the same text for every time, duration and hash."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d[:-]\d\d[:-]\d\dZ", "TIME", text)
    text = re.sub(r"\b\d+ (ms|s|min|h|days?)\b( \d+ (s|min|h)\b)*", "DURATION", text)
    return re.sub(r"~[0-9a-f]{32}\b", "~HASH", text).strip("\n").split("\n")


def _write(document: Document, shown: Transcript, printed: str) -> None:
    """Replace an output in a page."""
    old = f"$ {shown.command}\n{shown.output}".rstrip("\n") + "\n```"
    text = document.path.read_text(encoding="utf-8")
    assert text.count(old) == 1, shown.command
    document.path.write_text(
        text.replace(old, f"$ {shown.command}\n{printed}\n```"), encoding="utf-8"
    )
