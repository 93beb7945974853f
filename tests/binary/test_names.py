"""The static program resolves names by the files and nameservers of a system, and by no more."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import nameserver
from tests.world.machine import HOST, Machine
from tests.world.nameserver import NameServer
from tests.world.web import WebServer

API = "api.ecr.us-east-1.amazonaws.com"
pytestmark = pytest.mark.usefixtures("own_network")


@pytest.fixture(scope="module", autouse=True)
def own_network() -> Iterator[None]:
    """A network without any address but loopback's, made before the fixtures of each test."""
    with nameserver.own_network():
        yield


@pytest.fixture(name="direct")
def _direct(empty_root: Machine) -> Machine:
    """A machine in an empty root directory that reaches AWS without a proxy."""
    del empty_root.environ["HTTPS_PROXY"]
    empty_root.login()
    return empty_root


def _serve(direct: Machine, address: str = "127.0.0.1") -> WebServer:
    """Return AWS itself, at an address."""
    return WebServer(
        direct.aws.handle, address=address, port=443, authority=direct.authority, tls=True
    )


def _write(direct: Machine, name: str, text: str) -> Path:
    return direct.file(f"root/etc/{name}", text, 0o644)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.8.7", "::1"])
def test_a_nameserver(direct: Machine, address: str) -> None:
    """An IPv4 or IPv6 address from DNS is used; there is no nsswitch.conf."""
    _write(direct, "resolv.conf", "nameserver 127.0.0.1\n")
    with _serve(direct, address), NameServer({API: [address]}) as dns:
        assert direct.get().secret in direct.aws.issued

    assert {name for name, _ in dns.asked} == {API}


def test_the_hosts_file_comes_first(direct: Machine) -> None:
    """A name in /etc/hosts causes no query."""
    _write(direct, "resolv.conf", "nameserver 127.0.0.1\n")
    _write(direct, "hosts", f"127.0.0.9 {API}\n")
    with _serve(direct, "127.0.0.9"), NameServer({}) as dns:
        assert direct.get().secret in direct.aws.issued

    assert dns.asked == []


def test_no_module_of_the_system_is_loaded(direct: Machine) -> None:
    """nsswitch.conf may name modules, which are of another C library."""
    _write(direct, "resolv.conf", "nameserver 127.0.0.1\n")
    _write(direct, "nsswitch.conf", "hosts: resolve [!UNAVAIL=return] mymachines\npasswd: sss\n")
    for directory in ("lib", "lib64", "usr/lib", "lib/x86_64-linux-gnu", "lib/aarch64-linux-gnu"):
        for name in ("resolve", "mymachines", "sss"):
            direct.file(f"root/{directory}/libnss_{name}.so.2", "not a library", 0o755)
    with _serve(direct), NameServer({API: ["127.0.0.1"]}):
        assert direct.get().secret in direct.aws.issued


def test_search_domains_and_options(direct: Machine) -> None:
    """A name with fewer dots than `ndots` is looked up below the search domains first."""
    _write(direct, "resolv.conf", "search a.test b.test\noptions ndots:9\nnameserver 127.0.0.1\n")
    with _serve(direct), NameServer({f"{API}.b.test": ["127.0.0.1"]}) as dns:
        assert direct.get().secret in direct.aws.issued

    asked = [name for name, _ in dns.asked]
    assert list(dict.fromkeys(asked)) == [f"{API}.a.test", f"{API}.b.test"]


@pytest.mark.parametrize(
    "options",
    [
        *("ndots:0", "ndots:15", "timeout:1 attempts:1", "rotate"),
        *("use-vc", "edns0", "trust-ad", "single-request", "single-request-reopen", "inet6"),
        *("no-tld-query", "no-reload", "no-aaaa", "debug", "unknown:9 timeout:x ndots:"),
    ],
)
def test_an_option(direct: Machine, options: str) -> None:
    """The options of resolv.conf are those of glibc; an unknown one is ignored."""
    _write(direct, "resolv.conf", f"nameserver 127.0.0.1\noptions {options}\nsearch a.test\n")
    with _serve(direct), NameServer({API: ["127.0.0.1"]}) as dns:
        assert direct.get().secret in direct.aws.issued

    assert ("tcp" in {by for _, by in dns.asked}) == (options == "use-vc")


@pytest.mark.parametrize("variable", ["RES_OPTIONS", "LOCALDOMAIN"])
def test_options_of_the_environment(direct: Machine, variable: str) -> None:
    """The variables of glibc's resolver count, as for other programs."""
    _write(direct, "resolv.conf", "nameserver 127.0.0.1\nsearch a.test\noptions ndots:9\n")
    value = {"RES_OPTIONS": "ndots:1", "LOCALDOMAIN": "b.test"}[variable]
    with _serve(direct), NameServer({API: ["127.0.0.1"]}) as dns:
        assert direct.get(**{variable: value}).secret in direct.aws.issued

    assert (f"{API}.a.test", "udp") not in dns.asked


@pytest.mark.parametrize("missing", ["resolv.conf", "nameserver"])
def test_no_nameserver_is_named(direct: Machine, missing: str) -> None:
    """The nameserver is then this machine, as for other programs."""
    if missing == "nameserver":
        _write(direct, "resolv.conf", "# nothing\n")
    with _serve(direct), NameServer({API: ["127.0.0.1"]}) as dns:
        assert direct.get().secret in direct.aws.issued

    assert dns.asked


def test_a_nameserver_with_an_ipv6_address(direct: Machine) -> None:
    """It may be the only one."""
    _write(direct, "resolv.conf", "nameserver ::1\n")
    with _serve(direct, "::1"), NameServer({API: ["::1"]}, address="::1") as dns:
        assert direct.get().secret in direct.aws.issued

    assert dns.asked


LONG = "x" * 100_000
DAMAGED = [
    ("resolv.conf", "\0\1\2\n" * 1000),
    ("resolv.conf", f"nameserver {LONG}\noptions {LONG}\nsortlist {LONG}\n"),
    ("resolv.conf", "".join(f"nameserver 127.0.0.{at}\n" for at in (1, *range(2, 200)))),
    ("resolv.conf", "search " + " ".join(f"d{at}.test" for at in range(5000)) + "\n"),
    ("hosts", f"{LONG}\n127.0.0.1\n\0\n::zz name\n127.0.0.1 {LONG} {LONG}\n"),
    ("hosts", "127.0.0.9 other.test\n" * 200_000),
    ("nsswitch.conf", f"hosts: [{LONG}\n[[[=]]] : \n\0\nhosts\n"),
    ("gai.conf", f"label {LONG}\nprecedence ::/0 x\nreload yes\n\0\n"),
]


@pytest.mark.parametrize(
    ("name", "text"), DAMAGED, ids=[f"{at}-{name}" for at, (name, _) in enumerate(DAMAGED)]
)
def test_a_damaged_or_huge_file(direct: Machine, name: str, text: str) -> None:
    """A file that makes no sense does no harm: its valid lines count."""
    _write(direct, "resolv.conf", "nameserver 127.0.0.1\n")
    path = _write(direct, name, text)
    if name == "resolv.conf":
        path.write_text("nameserver 127.0.0.1\n" + text)
    with _serve(direct), NameServer({API: ["127.0.0.1"]}) as dns:
        assert direct.get().secret in direct.aws.issued

    assert dns.asked


@pytest.mark.parametrize("name", ["hosts", "nsswitch.conf", "host.conf", "gai.conf"])
def test_a_directory_in_a_files_place(direct: Machine, name: str) -> None:
    """It counts as no file."""
    _write(direct, "resolv.conf", "nameserver 127.0.0.1\n")
    (direct.root / "root" / "etc" / name).mkdir(parents=True)
    with _serve(direct), NameServer({API: ["127.0.0.1"]}):
        assert direct.get().secret in direct.aws.issued


def test_a_truncated_answer(direct: Machine) -> None:
    """The program comes again by TCP."""
    _write(direct, "resolv.conf", "nameserver 127.0.0.1\n")
    with _serve(direct), NameServer({API: ["127.0.0.1"]}, truncates=True) as dns:
        assert direct.get().secret in direct.aws.issued

    assert (API, "tcp") in dns.asked


def test_the_next_nameserver(direct: Machine) -> None:
    """One that does not answer, or is not there, costs the time that `options` gives it."""
    _write(
        direct,
        "resolv.conf",
        "nameserver 127.0.0.2\nnameserver 127.0.0.3\nnameserver 127.0.0.1\noptions timeout:1\n",
    )
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent,
        _serve(direct),
        NameServer({API: ["127.0.0.1"]}),
    ):
        silent.bind(("127.0.0.3", 53))
        assert direct.get().secret in direct.aws.issued


def test_no_nameserver_answers(direct: Machine) -> None:
    """The deadline ends the wait, with an error that names the host."""
    _write(direct, "resolv.conf", "nameserver 127.0.0.3\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.3", 53))
        started = time.monotonic()
        error = direct.get(AWS_ECR_TIMEOUT="3").error

    assert "ecr.us-east-1" in error
    assert 2.9 < time.monotonic() - started < 10


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.3"])
def test_a_nameserver_that_fails(direct: Machine, address: str) -> None:
    """With SERVFAIL, or where no nameserver runs, the error names the host, before the deadline."""
    _write(direct, "resolv.conf", f"nameserver {address}\n")
    with NameServer({}, fails=True) as dns:
        started = time.monotonic()
        error = direct.get().error

    assert f"{API} does not resolve" in error
    assert time.monotonic() - started < 20
    assert bool(dns.asked) == (address == "127.0.0.1")


def test_a_name_that_does_not_exist(direct: Machine) -> None:
    """The error says that the name does not resolve."""
    _write(direct, "resolv.conf", "nameserver 127.0.0.1\n")
    with NameServer({}) as dns:
        error = direct.get(HOST.replace("us-east-1", "eu-west-1")).error

    assert "does not resolve" in error
    assert dns.asked
