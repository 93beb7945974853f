"""Reports about proxies, certificates and clocks."""

import socket
from collections.abc import Callable

from tests.world.broken_setups import Broken, Way, changed
from tests.world.docker_host import DockerHost
from tests.world.failures import FAILURES, Failure
from tests.world.machine import Machine
from tests.world.proxies import GREETING, Proxy, answer, hang
from tests.world.web import Authority, Hangup, Request, Response, WebServer

_DAY = 86400


def _proxy(name: str, write: Callable[[str], str], seen: str, fix: str) -> Way:
    """Return a way to change the variable of the proxy; it names the proxy at {place}."""

    def broken(docker_host: DockerHost) -> Broken:
        place = docker_host.machine.server.url.partition("://")[2]
        right = docker_host.machine.environ.pop("HTTPS_PROXY")
        docker_host.machine.environ[name] = write(place)

        def repair() -> None:
            docker_host.machine.environ[name] = right

        return Broken("endpoint", seen.format(place=place), fix, repair)

    return broken


def _certificates(starts: float, ends: float, clock: float, seen: str, fix: str) -> Way:
    """Return a way to let AWS have other certificates, and another clock than this machine."""

    def broken(docker_host: DockerHost) -> Broken:
        machine = docker_host.machine
        authority = Authority(starts, ends)
        server = WebServer(docker_host.handle, authority=authority)
        machine.closing.enter_context(server)
        bundle = authority.write_bundle(machine.root / "other.pem")
        repairs: list[Callable[[], object]] = [
            changed(docker_host, "AWS_CA_BUNDLE", str(bundle)),
            changed(docker_host, "HTTPS_PROXY", server.url),
            lambda: setattr(machine.aws, "clock_offset", 0),
        ]
        machine.aws.clock_offset = clock
        return Broken("endpoint", seen, fix, lambda: [repair() for repair in repairs])

    return broken


def _everything_past_the_proxy(docker_host: DockerHost) -> Broken:
    url = "https://api.ecr.us-east-1.amazonaws.invalid"
    docker_host.machine.environ["AWS_ENDPOINT_URL"] = url
    repair = changed(docker_host, "NO_PROXY", "localhost, *.invalid")
    fix = "remove '*.invalid' from NO_PROXY if only the proxy in HTTPS_PROXY reaches it"
    return Broken("endpoint", f"the name of {url} does not resolve", fix, repair)


def _expired_authority(docker_host: DockerHost) -> Broken:
    path = docker_host.machine.authority.write_expired_bundle(docker_host.machine.root / "old.pem")
    repair = changed(docker_host, "AWS_CA_BUNDLE", str(path))
    return Broken("endpoint", "a CA certificate that signed", f"replace it in {path}", repair)


def _answered(
    scheme: str, make: Callable[[], Proxy], *, login: bool = False
) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        machine.login()
        proxy = machine.closing.enter_context(make())
        user = "me:pass@word@" if login else ""
        machine.environ["HTTPS_PROXY"] = f"{scheme}://{user}{proxy.place}"

    return set_up


def _set(**environ: str) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        machine.login()
        machine.environ |= environ

    return set_up


def _plain_proxy_alone(machine: Machine) -> None:
    machine.login()
    machine.environ["HTTP_PROXY"] = machine.environ.pop("HTTPS_PROXY")
    machine.environ["AWS_ENDPOINT_URL"] = "https://api.ecr.us-east-1.amazonaws.invalid"


def _hung_up(machine: Machine) -> None:
    def hang_up(_: Request) -> Response:
        raise Hangup

    server = WebServer(hang_up, authority=machine.authority)
    machine.closing.enter_context(server)
    _set(HTTPS_PROXY=server.url)(machine)


def _socks_that_is_down(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    _set(https_proxy=f"socks5://127.0.0.1:{port}")(machine)


def _proxy_of_another_authority(machine: Machine) -> None:
    machine.login()
    server = WebServer(machine.aws.handle, authority=Authority(), tls=True)
    machine.closing.enter_context(server)
    machine.environ["HTTPS_PROXY"] = f"https://localhost:{server.port}"


def _bundle_without_the_authority(machine: Machine) -> None:
    machine.login()
    other = Authority().write_bundle(machine.root / "other.pem")
    del machine.environ["AWS_CA_BUNDLE"]
    machine.environ["SSL_CERT_FILE"] = str(other)


def _status(line: str) -> Callable[[], Proxy]:
    return lambda: answer(f"HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode())


DOCTOR: dict[str, Way] = {
    "for-linux#415 an https:// proxy that speaks no TLS": _proxy(
        "HTTPS_PROXY",
        "https://{}".format,
        "the proxy https://{place} speaks no TLS",
        "write http:// in place of https:// in HTTPS_PROXY",
    ),
    "requests#3516 socks:// in the variable": _proxy(
        "https_proxy",
        "socks://{}".format,
        "https_proxy has a proxy for socks://, which is not supported",
        "use http://, https:// or socks5://",
    ),
    "setup quotes around the proxy": _proxy(
        "HTTPS_PROXY",
        '"http://{}"'.format,
        "HTTPS_PROXY is not the URL of a proxy",
        "write it as http://host:port, without quotes",
    ),
    "setup a proxy whose name does not resolve": _proxy(
        "https_proxy",
        lambda _: "http://prxy.invalid:3128",
        "the name of the proxy http://prxy.invalid:3128 does not resolve",
        "check https_proxy",
    ),
    "setup a name in NO_PROXY that only the proxy reaches": _everything_past_the_proxy,
    "rancher-os#2424 a clock that is 4 years off": _certificates(
        -_DAY * 365 * 5,
        -_DAY,
        -_DAY * 365 * 4,
        "this machine's clock is 1460 days ahead of that of https://api.ecr.",
        "set the clock",
    ),
    "docker-library-redis#110 a virtual machine whose clock is behind": _certificates(
        _DAY,
        _DAY * 365,
        _DAY * 30 + 60,
        "this machine's clock is 30 days behind that of https://api.ecr.",
        "set the clock",
    ),
    "moby#11534 an expired certificate": _certificates(
        -_DAY * 365,
        -_DAY,
        0,
        "and this machine's clock is right",
        "ask its owner",
    ),
    "desktop-linux#207 an expired CA": _expired_authority,
}

ERRORS: dict[str, Failure] = {
    "helper#99 a network that resets what does not use its proxy": FAILURES["connection reset"],
    "for-linux#1290 HTTP_PROXY without HTTPS_PROXY": Failure(
        _plain_proxy_alone,
        "does not resolve",
        "set HTTPS_PROXY, too: Docker and this program do not use HTTP_PROXY for https",
        0,
    ),
    "aws-cli#5976 a SOCKS proxy that is down": Failure(
        _socks_that_is_down, "the proxy socks5://127.0.0.1", "or correct https_proxy", 0
    ),
    "aws-cli#5744 an https:// proxy that closes the connection": Failure(
        _answered("https", lambda: answer(b"")), "speaks no TLS", "write http:// in place", 0
    ),
    "aws-cli#9045 a proxy with a certificate of its own": Failure(
        _proxy_of_another_authority,
        "the TLS certificate of the proxy https://localhost:",
        "which AWS_CA_BUNDLE names; or",
        0,
    ),
    "aws-cli#864 a certificate of another host": FAILURES["TLS for another name"],
    "aws-cli#6509 SSL_CERT_FILE without the proxy's CA": Failure(
        _bundle_without_the_authority, "is not trusted", "which SSL_CERT_FILE names; or", 0
    ),
    "terraforming#422 a proxy that wants a login": Failure(
        _answered("http", _status("407 Proxy Authentication Required")),
        "asks for a user name and a password",
        "write them into HTTPS_PROXY",
        0,
    ),
    "setup a proxy that refuses the password": Failure(
        _answered("http", _status("407 Proxy Authentication Required"), login=True),
        "refuses the user name and the password in HTTPS_PROXY",
        "correct them",
        0,
    ),
    "awscli-login#32 a proxy that takes no CONNECT": Failure(
        _answered("http", _status("400 Bad Request")),
        "does not connect to ECR at https://api.ecr.us-east-1.amazonaws.com: HTTP 400",
        "correct HTTPS_PROXY",
        0,
    ),
    "aws-cli#868 a proxy that blocks AWS": Failure(
        _answered("http", _status("403 Forbidden")),
        "does not allow ECR at https://api.ecr.us-east-1.amazonaws.com: HTTP 403",
        "ask its owner to allow that host",
        0,
    ),
    "setup a proxy that hangs": Failure(
        _answered("http", hang), "accepted the connection and did not answer", "HTTPS_PROXY", 0
    ),
    "setup a SOCKS proxy that does not resolve the host": Failure(
        _answered("socks5", lambda: answer(GREETING, b"\x05\x04\x00\x01" + bytes(6))),
        "does not connect to ECR at https://api.ecr.us-east-1.amazonaws.com: the host is unreach",
        "check the region in the registry's host name",
        0,
    ),
    "setup a firewall that closes a tunnel": Failure(
        _hung_up, "amazonaws.com closed the connection", "check the network, VPN, firewall and", 0
    ),
}
