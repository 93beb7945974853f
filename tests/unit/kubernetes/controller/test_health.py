"""Facts about the endpoints: where they listen, and what they answer."""

import socket
import urllib.error
import urllib.request

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.kubernetes.controller import health
from docker_credential_ecrpy.kubernetes.controller.health import HealthServer, answer


def ask(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=5) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()


@pytest.mark.parametrize("listen", [":0", "127.0.0.1:0", "0.0.0.0:0"])
def test_where_it_listens(listen: str) -> None:
    """Without a host, on every address; the port is the one in use."""
    is_good = [False]
    server = HealthServer(listen, {"/readyz": lambda: answer(is_good=is_good[0])})
    server.start()

    assert ask(server.port, "/readyz") == (503, "not yet\n")
    is_good[0] = True
    assert ask(server.port, "/readyz?a=b") == (200, "ok\n")
    assert ask(server.port, "/")[0] == 404
    server._server.shutdown()
    server._server.server_close()


def test_it_listens_on_both_families() -> None:
    """A cluster may have only one of them."""
    server = HealthServer(":0", {"/healthz": lambda: answer(is_good=True)})
    server.start()

    assert ask(server.port, "/healthz", "[::1]")[0] == 200
    assert ask(server.port, "/healthz", "127.0.0.1")[0] == 200
    server._server.shutdown()
    server._server.server_close()


def test_without_ipv6_it_listens_on_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system may have no IPv6."""

    class Absent(health._Server6):
        def server_bind(self) -> None:
            raise OSError("no IPv6")

    monkeypatch.setattr(health, "_Server6", Absent)
    server = HealthServer(":0", {"/healthz": lambda: answer(is_good=True)})
    server.start()

    assert ask(server.port, "/healthz")[0] == 200
    server._server.shutdown()
    server._server.server_close()


def test_an_address_that_is_taken_is_an_error() -> None:
    """It names the option."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(HelperError, match=r"cannot listen on .*; name another .* --listen"):
            HealthServer(f"127.0.0.1:{taken.getsockname()[1]}", {})


@pytest.mark.parametrize("listen", ["8080x", "", "host:", "127.0.0.1:99999", "not a host:80"])
def test_what_is_no_address(listen: str) -> None:
    """An error, and no traceback."""
    with pytest.raises(HelperError, match="cannot listen on"):
        HealthServer(listen, {})
