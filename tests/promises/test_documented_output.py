"""Facts about the output that the README and docs/ show: the program prints it.

Times, durations and hashes may differ, and so may the places where lines are broken. To write the
present output into the pages:

    PYTEST_UPDATE_DOCS=1 python -m pytest tests/promises/test_documented_output.py
"""

import os
import platform
import re
import sys
from collections.abc import Callable

import pytest

from docker_credential_ecrpy.text.console import Console
from tests.world.docker_host import DockerHost
from tests.world.documents import README, Document, Transcript, find_page, split_arguments
from tests.world.machine import HOST, Machine

pytestmark = [
    pytest.mark.tree,
    pytest.mark.skipif(sys.platform == "win32", reason="the pages show a Unix system"),
]
CUT = "..."
"""What stands for the lines that a page leaves out before the last paragraph."""
COLUMNS = 80
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
    """The same words in the same order; for a page that leaves lines out, the last paragraph."""
    command = f"docker-credential-ecrpy {arguments}"
    shown = next(found for found in document.transcripts if found.command == command)
    prepare(docker_host)
    done = docker_host.machine.run(*split_arguments(arguments))
    assert done.code == code, done
    printed = _as_a_user_has_it(done.stdout.decode() + done.stderr.decode(), docker_host)
    if shown.output.startswith(CUT):
        printed = CUT + "\n\n" + printed.rpartition("\n\n")[2]
    differs = _words(shown.output) != _words(printed)
    if differs and os.environ.get("PYTEST_UPDATE_DOCS"):
        _write(document, shown, printed)
        shown = Transcript(command, printed)

    assert _words(shown.output) == _words(printed)


def _as_a_user_has_it(text: str, host: DockerHost) -> str:
    """Return an output with a user's paths, and without the proxy that leads to the test's AWS."""
    machine = host.machine
    for ours, theirs in {
        str(machine.home): "/home/me",
        str(host.scripts): "/usr/local/bin",
        machine.environ["AWS_CA_BUNDLE"]: "/etc/ssl/certs/ca-certificates.crt",
        f"through the proxy {machine.server.url}": "without a proxy",
    }.items():
        text = text.replace(ours, theirs)
    name = re.escape(platform.node())
    return re.sub(rf"\bmachine {name}$", "machine laptop", text, flags=re.MULTILINE).strip("\n")


def _words(text: str) -> list[str]:
    """Return the words of an output, with the same text for every time, duration and hash."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d[:-]\d\d[:-]\d\dZ", "TIME", text)
    text = re.sub(r"\b\d+ (ms|s|min|h|days?)\b( \d+ (s|min|h)\b)*", "DURATION", text)
    text = re.sub(r"~[0-9a-f]{32}\b", "~HASH", text)
    return text.replace("\\\n", " ").split()


def _write(document: Document, shown: Transcript, printed: str) -> None:
    """Replace an output in a page, with its lines broken as on a terminal."""
    old = f"$ {shown.command}\n{shown.output}".rstrip("\n") + "\n```"
    fitted = "\n".join(
        line if line[:1] in "+-@ \t{}" else Console.fit(line, COLUMNS)
        for line in printed.split("\n")
    )
    text = document.path.read_text(encoding="utf-8")
    assert text.count(old) == 1, shown.command
    new = f"$ {shown.command}\n{fitted}\n```"
    document.path.write_text(text.replace(old, new), encoding="utf-8")
