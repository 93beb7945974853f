"""Facts about `doctor.probes.engine`: the engine of Docker's client, and what is wrong with it."""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from docker_credential_ecrpy.docker.config import DockerConfig
from docker_credential_ecrpy.doctor.probes import engine
from docker_credential_ecrpy.doctor.probes.engine import Engine, probe_engine
from docker_credential_ecrpy.doctor.probes.engine_target import find_target
from docker_credential_ecrpy.errors import HelperError
from tests.world.engine_socket import engine_port, engine_socket

if sys.platform != "win32":
    import grp

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


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root gives it away")
@pytest.mark.parametrize(
    ("group", "is_inside", "says"),
    [
        (50, False, "join the group staff, then log out and in again: sudo usermod -aG staff "),
        (0, False, "again: sudo groupadd --force docker && sudo systemctl restart docker && sudo "),
        (0, True, "start this container with docker run --group-add 0"),
        (54321, True, "start this container with docker run --group-add 54321"),
    ],
)
def test_a_socket_of_another_group(
    monkeypatch: pytest.MonkeyPatch, group: int, is_inside: bool, says: str
) -> None:
    """The cure is a group that a user can join, then a new login."""
    monkeypatch.setattr(engine, "_INSIDE", ("/",) if is_inside else ())
    monkeypatch.setattr(grp, "getgrgid", _name_group)
    with engine_socket() as path:
        path.parent.chmod(0o755)
        path.chmod(0o660)
        os.chown(path, 0, group)
        environ = {"PATH": os.path.dirname(path), "DOCKER_HOST": f"unix://{path}", "HOME": "/"}
        (path.parent / "docker").write_text("#!/bin/sh\n")
        (path.parent / "docker").chmod(0o755)
        own = os.getgroups()
        os.setgroups([])  # Root may use any socket. This process can become root again.
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
        try:
            with pytest.raises(HelperError) as caught:
                probe_engine(environ, None, SECONDS)
        finally:
            os.seteuid(os.getuid())
            os.setegid(os.getgid())
            os.setgroups(own)
        (path.parent / "docker").unlink()

    refused = caught.value
    assert refused.message == (
        f"docker may not use its engine: {path} (DOCKER_HOST): permission denied"
    )
    assert says in str(refused.hint)


def _name_group(number: int) -> grp.struct_group:
    if name := {0: "root", 50: "staff"}.get(number):
        return grp.struct_group((name, "x", number, []))
    raise KeyError(number)


@pytest.mark.parametrize("switch", ["DOCKER_TLS_VERIFY", "DOCKER_TLS"])
@pytest.mark.parametrize("address", ["", "socket", "tcp://127.0.0.1:9", "ssh://example.com"])
def test_tls_without_certificates(client: Client, socket: str, switch: str, address: str) -> None:
    """Any text turns it on; docker reads the authorities for each kind of address."""
    host = {"DOCKER_HOST": socket if address == "socket" else address}
    refused = client.refused(**host, **{switch: "0"})
    file = client.root / ".docker" / "ca.pem"
    assert refused.message == f"{switch} is set, and there is no {file}: docker reaches no engine"
    assert refused.command == f"unset {switch}"

    refused = client.refused(**host, **{switch: "1"}, DOCKER_CERT_PATH="/nowhere")
    assert "there is no /nowhere/ca.pem" in refused.message
    assert refused.command == f"unset {switch} DOCKER_CERT_PATH"


def test_tls_with_certificates(client: Client, socket: str) -> None:
    """A socket never uses it; a context has its own; the default is then a port."""
    (client.root / ".docker" / "ca.pem").write_text("")
    client.context("good", socket)
    tls = {"DOCKER_TLS_VERIFY": "1"}

    assert client.probe(**tls, DOCKER_HOST=socket) == Engine(socket, is_asked=True)
    assert client.probe(**tls, DOCKER_CONTEXT="good") == Engine(socket, is_asked=True)
    assert "localhost:2376 (DOCKER_TLS_VERIFY)" in client.refused(**tls).message


PLAIN = b"HTTP/1.0 200 OK\r\n\r\nOK"
WANTS_TLS = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


@pytest.mark.parametrize(
    ("answer", "uses_tls", "says"),
    [
        (PLAIN, False, ""),
        (PLAIN, True, "does not use TLS; leave out TLS: unset DOCKER_TLS_VERIFY"),
        (WANTS_TLS, False, "expects TLS; set DOCKER_TLS_VERIFY: export DOCKER_TLS_VERIFY=1"),
        (WANTS_TLS, True, ""),
        (b"\x15\x03\x01", True, ""),
        (b"", True, ""),
        (b"", False, "; start it, check the address"),
    ],
)
def test_a_port(client: Client, answer: bytes, uses_tls: bool, says: str) -> None:
    """Docker takes a path after it, and both sides need TLS or none."""
    (client.root / ".docker" / "ca.pem").write_text("")
    tls = {"DOCKER_TLS_VERIFY": "1"} if uses_tls else {}
    with engine_port(answer) as port:
        for shown in (f"tcp://127.0.0.1:{port}/", f"127.0.0.1:{port}/x", f"tcp://127.0.0.1:{port}"):
            if says:
                assert says in str(client.refused(DOCKER_HOST=shown, **tls))
            else:
                assert client.probe(DOCKER_HOST=shown, **tls) == Engine(shown, is_asked=True)


@pytest.mark.parametrize("version", ["1.10", "v1.10"])
def test_a_version_that_the_engine_refuses(client: Client, version: str) -> None:
    """DOCKER_API_VERSION ends the choice of a version that both know."""
    said = b'{"message":"client version 1.10 is too old. Minimum supported API version is 1.24"}'
    answer = b"HTTP/1.0 400 Bad Request\r\n\r\n" + said
    with engine_socket(answer=answer) as path, engine_port(answer) as port:
        for address in (f"unix://{path}", f"tcp://127.0.0.1:{port}"):
            refused = client.refused(DOCKER_HOST=address, DOCKER_API_VERSION=version)
            assert "which docker's engine refuses: client version 1.10 is too old" in str(refused)
            assert refused.command == "unset DOCKER_API_VERSION"
            assert client.probe(DOCKER_HOST=address)


def test_the_default_context_of_a_variable(client: Client, socket: str) -> None:
    """It hides the context of the file, so it is left first."""
    client.context("good", socket)
    host = client.environ | {"DOCKER_CONTEXT": "default"}
    target = find_target(host, None)

    assert (target.place, target.leave) == ("DOCKER_CONTEXT", "unset DOCKER_CONTEXT")
    commands = [command for command, _ in engine._list_others(target, host)]
    assert "unset DOCKER_CONTEXT && docker context use good" in commands


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("unix:/var/run/docker.sock", "export DOCKER_HOST=unix:///var/run/docker.sock"),
        ("/var/run/docker.sock", "export DOCKER_HOST=unix:///var/run/docker.sock"),
        ("unix://var/run/docker.sock", "export DOCKER_HOST=unix:///var/run/docker.sock"),
        ("unix://~/x.sock", "export DOCKER_HOST=unix://$HOME/x.sock"),
        ('"unix:///x.sock"', "leave out the quotes: export DOCKER_HOST=unix:///x.sock"),
        ("'tcp://127.0.0.1:9", "leave out the quotes: export DOCKER_HOST=tcp://127.0.0.1:9"),
        ("UNIX:///x.sock", "export DOCKER_HOST=unix:///x.sock"),
        ("unix:///run/user/7/podman/podman.sock", "systemctl --user start podman.socket"),
        ("unix:///nowhere/podman/podman.sock", "sudo systemctl start podman.socket"),
        ("http://127.0.0.1:9/", "write it as unix:///PATH, tcp://HOST:PORT or ssh://HOST"),
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
