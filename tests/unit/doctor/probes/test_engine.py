"""Facts about `doctor.probes.engine`: the engine of Docker's client, and what is wrong with it."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_credential_ecrpy.docker.config import DockerConfig
from docker_credential_ecrpy.doctor.probes.engine import Engine, probe_engine
from docker_credential_ecrpy.errors import HelperError
from tests.world.engine_socket import engine_socket

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Unix sockets")
SECONDS = 0.5
NOBODY = 65534


class Client:
    """A machine with Docker's client, and maybe an engine."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {"PATH": str(root / "bin"), "HOME": str(root), "XDG_RUNTIME_DIR": str(root)}
        self.docker = root / "bin" / "docker"
        self.docker.parent.mkdir()
        self.docker.write_text("#!/bin/sh\n")
        self.docker.chmod(0o755)
        (root / ".docker").mkdir()
        self.config = root / ".docker" / "config.json"

    def context(self, name: str, text: str) -> Path:
        """Write a context's file; text: its content, or the address of its engine."""
        folder = hashlib.sha256(name.encode()).hexdigest()
        file = self.root / ".docker" / "contexts" / "meta" / folder / "meta.json"
        file.parent.mkdir(parents=True)
        made = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": text}}}
        file.write_text(json.dumps(made) if "://" in text else text)
        return file

    def use(self, name: str) -> None:
        self.config.write_text(json.dumps({"currentContext": name}))

    def probe(self, **environ: str) -> Engine | None:
        config = DockerConfig.load(str(self.config))
        return probe_engine({**self.environ, **environ}, config, SECONDS)

    def refused(self, **environ: str) -> HelperError:
        with pytest.raises(HelperError) as caught:
            self.probe(**environ)
        return caught.value


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> Client:
    return Client(tmp_path)


@pytest.fixture(name="socket")
def _socket() -> Iterator[str]:
    with engine_socket() as path:
        yield f"unix://{path}"


def test_no_engine_is_needed_without_the_client(client: Client) -> None:
    """Podman and others have no engine; a `docker` that runs podman is none of Docker's."""
    assert client.probe(PATH="/nowhere") is None

    client.docker.write_text('#!/bin/sh\nexec /usr/bin/podman "$@"\n')
    assert client.probe(DOCKER_HOST="unix:///nowhere") is None


def test_what_names_the_engine(client: Client, socket: str) -> None:
    """DOCKER_HOST wins over DOCKER_CONTEXT, and that over the file's context."""
    client.context("good", socket)
    client.context("bad", "unix:///nowhere/bad")
    client.use("good")
    answers = Engine(socket, is_asked=True)

    assert client.probe() == answers
    assert "(the context 'bad' in DOCKER_CONTEXT)" in str(client.refused(DOCKER_CONTEXT="bad"))
    assert client.probe(DOCKER_CONTEXT="bad", DOCKER_HOST=socket) == answers
    assert "/nowhere/x (DOCKER_HOST)" in str(client.refused(DOCKER_HOST="unix:///nowhere/x"))


def test_a_context_that_is_none(client: Client, socket: str) -> None:
    """It is named with its place, with the near one, and with the command that leaves it."""
    client.context("desktop-linux", socket)
    client.use("desktop-linx")
    refused = client.refused()

    assert refused.message == (
        f"the context 'desktop-linx' in {client.config} does not exist: docker reaches no engine"
    )
    assert refused.hint == ("did you mean 'desktop-linux'? or leave it: docker context use default")
    assert client.refused(DOCKER_CONTEXT="x").command == "unset DOCKER_CONTEXT"


@pytest.mark.parametrize("text", ["", "{}", '{"Name": "x", "Endpoints": {"docker": []}}', "[" * 9])
def test_a_damaged_context(client: Client, text: str) -> None:
    """Its file is named."""
    file = client.context("desktop", text)
    client.use("desktop")

    assert f"names no engine: {file} is damaged" in client.refused().message


def test_another_engine_that_answers(client: Client, socket: str) -> None:
    """It is the cure: by leaving the variable, by its context, or by DOCKER_HOST."""
    client.context("good", socket)
    gone = "unix:///nowhere/x"

    assert (
        client.refused(DOCKER_HOST=gone).command == "unset DOCKER_HOST && docker context use good"
    )
    client.use("good")
    refused = client.refused(DOCKER_HOST=gone)
    assert refused.command == "unset DOCKER_HOST"
    assert f"use the engine that answers at {socket}: unset DOCKER_HOST; or " in str(refused.hint)


def test_a_rootless_engine(client: Client) -> None:
    """Its socket is found beside the one that is used."""
    with engine_socket() as path:
        refused = client.refused(XDG_RUNTIME_DIR=str(path.parent), DOCKER_HOST="unix:///nowhere/x")

    assert refused.command == f"export DOCKER_HOST=unix://{path}"


def test_a_socket_that_nobody_listens_on(client: Client) -> None:
    """A dead socket, a missing one, a directory and a file are told apart."""
    with engine_socket() as path:
        dead = path.with_name("dead.sock")
        os.link(path, dead)
        path.unlink()
        dead.rename(path)
        address = f"unix://{path}"
        assert client.probe(DOCKER_HOST=address)
    refused = client.refused(DOCKER_HOST=address)
    assert refused.message == (
        f"docker's engine does not run: {path} (DOCKER_HOST): no such file or directory"
    )
    assert refused.hint == "start the engine there; or leave it: unset DOCKER_HOST"

    folder = client.refused(DOCKER_HOST=f"unix://{client.root}")
    assert folder.message.endswith(": is a directory")
    assert folder.command == f"sudo rmdir {client.root}"
    refused = client.refused(DOCKER_HOST=f"unix://{client.docker}")
    assert refused.message.endswith(": connection refused")


def test_docker_desktop_is_named(client: Client) -> None:
    """By the place of its socket."""
    path = client.root / ".docker" / "desktop" / "docker.sock"
    client.context("desktop-linux", f"unix://{path}")
    client.use("desktop-linux")

    assert "start Docker Desktop" in str(client.refused().hint)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "is not ready: "),
        (b"", "does not run: "),
    ],
)
def test_an_engine_that_is_not_ready(client: Client, answer: bytes, says: str) -> None:
    """Docker Desktop answers like this while it starts."""
    with engine_socket(answer=answer) as path:
        assert says in client.refused(DOCKER_HOST=f"unix://{path}").message


def test_a_socket_of_another_group() -> None:
    """The cure is the group, then a new login."""
    with engine_socket() as path:
        path.parent.chmod(0o755)
        path.chmod(0)
        # Root may use any socket. This process can become root again.
        is_root = os.geteuid() == 0
        environ = {"PATH": os.path.dirname(path), "DOCKER_HOST": f"unix://{path}", "HOME": "/"}
        (path.parent / "docker").write_text("#!/bin/sh\n")
        (path.parent / "docker").chmod(0o755)
        os.seteuid(NOBODY if is_root else os.geteuid())
        try:
            with pytest.raises(HelperError) as caught:
                probe_engine(environ, None, SECONDS)
        finally:
            os.seteuid(os.getuid())
        (path.parent / "docker").unlink()

    refused = caught.value
    assert refused.message == (
        f"docker may not use its engine: {path} (DOCKER_HOST): permission denied"
    )
    assert "then log out and in again: sudo usermod -aG " in str(refused.hint)
    assert refused.command.endswith(' "$USER"')


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("unix:/var/run/docker.sock", "export DOCKER_HOST=unix:///var/run/docker.sock"),
        ("/var/run/docker.sock", "export DOCKER_HOST=unix:///var/run/docker.sock"),
        ("unix://var/run/docker.sock", "export DOCKER_HOST=unix:///var/run/docker.sock"),
        ("unix://~/x.sock", "export DOCKER_HOST=unix://$HOME/x.sock"),
        ("http://127.0.0.1:9", "write it as unix:///PATH, tcp://HOST:PORT or ssh://HOST"),
        ("fd://", "write it as unix:///PATH"),
        ("tcp://127.0.0.1:9", "127.0.0.1:9 (DOCKER_HOST): connection refused"),
        ("127.0.0.1:9", "127.0.0.1:9 (DOCKER_HOST): connection refused"),
        ("tcp://127.0.0.1:99999", "does not answer at 127.0.0.1:99999 (DOCKER_HOST)"),
    ],
)
def test_an_address_without_an_engine(client: Client, address: str, says: str) -> None:
    """What docker does not take for a socket is written right, and a closed port is named."""
    assert says in str(client.refused(DOCKER_HOST=address))


def test_an_engine_by_ssh_is_not_asked(client: Client) -> None:
    """That would need the user's keys."""
    found = Engine("ssh://example.com", is_asked=False)

    assert client.probe(DOCKER_HOST="ssh://build@example.com") == found
