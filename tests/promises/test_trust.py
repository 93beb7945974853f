"""What a `get` trusts: the system's certificates, of which Amazon's roots are loaded first."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.httpsession import get_cert_path

from tests.world import credential_sources, direct
from tests.world.machine import HOST, Machine, Result
from tests.world.web import Authority, WebServer

pytestmark = pytest.mark.tree
DAY = 86400
ROOT = "Amazon Root CA 1"
ECR = "api.ecr.us-east-1.amazonaws.com"
STS = "sts.us-east-1.amazonaws.com"
OIDC, PORTAL = "oidc.eu-west-1.amazonaws.com", "portal.sso.eu-west-1.amazonaws.com"
ORDINARY = Path(str(get_cert_path(verify=True))).read_bytes()
"""A bundle as systems have it, with Amazon's real roots."""
PLAIN = b"".join(
    block + b"-----END CERTIFICATE-----\n"
    for block in re.findall(rb"-----BEGIN[^-]*-----[^-]*", ORDINARY)[:3]
)
"""A bundle without any of Amazon's roots."""


class Elsewhere(Authority):
    """An authority whose certificates are for another host than was asked for."""

    def _issue(self, name: str) -> "trustme.LeafCert":  # type: ignore[name-defined]  # noqa: F821 - optional
        return super()._issue(f"not-{name}")


def amazon() -> Authority:
    return Authority(root=ROOT)


def bundle(machine: Machine, *parts: bytes | Authority) -> Path:
    """Write a machine's bundle of the system, and return its path."""
    path = machine.root / "system.pem"
    texts = [part.pem() if isinstance(part, Authority) else part for part in parts]
    path.write_bytes(b"".join(texts))
    return path


def expired(machine: Machine, authority: Authority) -> bytes:
    return authority.write_expired_bundle(machine.root / "old.pem").read_bytes()


Setup = Callable[[Machine], tuple[Authority, Path]]


def unknown(machine: Machine) -> tuple[Authority, Path]:
    return Authority(), bundle(machine, ORDINARY, amazon())


def late(machine: Machine) -> tuple[Authority, Path]:
    authority = Authority(-30 * DAY, -DAY, root=ROOT)
    return authority, bundle(machine, ORDINARY, authority)


def early(machine: Machine) -> tuple[Authority, Path]:
    authority = Authority(DAY, 30 * DAY, root=ROOT)
    return authority, bundle(machine, ORDINARY, authority)


def elsewhere(machine: Machine) -> tuple[Authority, Path]:
    authority = Elsewhere(root=ROOT)
    return authority, bundle(machine, ORDINARY, authority)


def elsewhere_below_another_root(machine: Machine) -> tuple[Authority, Path]:
    authority = Elsewhere()
    return authority, bundle(machine, ORDINARY, authority)


def impostor(machine: Machine) -> tuple[Authority, Path]:
    return amazon(), bundle(machine, ORDINARY)


def impostor_beside_another(machine: Machine) -> tuple[Authority, Path]:
    return amazon(), bundle(machine, amazon(), PLAIN)


def removed(machine: Machine) -> tuple[Authority, Path]:
    return amazon(), bundle(machine, PLAIN)


def expired_root(machine: Machine) -> tuple[Authority, Path]:
    authority = amazon()
    return authority, bundle(machine, PLAIN, expired(machine, authority))


def truncated(machine: Machine) -> tuple[Authority, Path]:
    authority = amazon()
    return authority, bundle(machine, authority, PLAIN[:-100])


def cut_in_the_middle(machine: Machine) -> tuple[Authority, Path]:
    authority = amazon()
    return authority, bundle(machine, authority, PLAIN[:500], b"\n", PLAIN)


def not_base64(machine: Machine) -> tuple[Authority, Path]:
    authority = amazon()
    return authority, bundle(machine, authority, PLAIN.replace(b"MII", b"M!!", 1))


def not_a_certificate(machine: Machine) -> tuple[Authority, Path]:
    authority = amazon()
    return authority, bundle(machine, authority, PLAIN.replace(b"MII", b"AAA", 1))


def damaged_root(machine: Machine) -> tuple[Authority, Path]:
    authority = amazon()
    lines = authority.pem().splitlines(keepends=True)
    lines[2:3] = [b"A" * 64 + b"\n"]  # of the same length: only OpenSSL notices it
    return authority, bundle(machine, *lines, PLAIN)


def empty(machine: Machine) -> tuple[Authority, Path]:
    return amazon(), bundle(machine)


def no_certificates(machine: Machine) -> tuple[Authority, Path]:
    return amazon(), bundle(machine, b"nothing here")


UNTRUSTED = "is not trusted: unable to get local issuer certificate; "
UNUSABLE = "cannot be used: "
REFUSED: dict[Setup, tuple[str, int]] = {
    unknown: (UNTRUSTED, 3),
    late: (" expired at 20", 4),  # one more asks for the server's time
    early: (" is not valid yet, and this machine's clock is right", 4),
    elsewhere: (" is for another name: ", 3),
    elsewhere_below_another_root: (" is for another name: ", 3),
    impostor: (UNTRUSTED, 3),
    impostor_beside_another: (UNTRUSTED, 3),
    removed: (UNTRUSTED, 3),
    expired_root: ("a CA certificate that signed the TLS certificate of ", 4),
    truncated: (UNUSABLE, 0),
    cut_in_the_middle: (UNUSABLE, 0),
    not_base64: (UNUSABLE, 0),
    not_a_certificate: (UNUSABLE, 0),
    damaged_root: (UNUSABLE, 0),
    empty: (UNUSABLE, 0),
    no_certificates: (UNUSABLE, 0),
}
"""A server and a bundle -> what the error says, and the number of TLS handshakes."""


@pytest.mark.parametrize("set_up", REFUSED)
def test_what_is_refused(machine: Machine, set_up: Setup) -> None:
    """The error and the attempts are those of a program that loads the whole bundle at once."""
    says, handshakes = REFUSED[set_up]
    machine.login()
    authority, path = set_up(machine)
    with direct.lead_to(machine, authority, path) as server:
        error = machine.get().error
        asked = len(authority.asked)
        machine.program = direct.make_program(server, path, whole=True)

        assert machine.get().error == error
    assert says in error
    assert [asked, len(authority.asked)] == [handshakes, 2 * handshakes]
    assert machine.aws.count()["ecr"] == 0


def get(machine: Machine, authority: Authority, path: Path, host: str = HOST) -> Result:
    with direct.lead_to(machine, authority, path):
        return machine.get(host)


def roots(machine: Machine) -> tuple[Authority, Path]:
    authority = amazon()
    return authority, bundle(machine, ORDINARY, authority)


def another_root(machine: Machine) -> tuple[Authority, Path]:
    authority = Authority()
    return authority, bundle(machine, ORDINARY, amazon(), authority)


def no_root(machine: Machine) -> tuple[Authority, Path]:
    authority = Authority()
    return authority, bundle(machine, PLAIN, authority)


def damaged_elsewhere(machine: Machine) -> tuple[Authority, Path]:
    authority = amazon()
    lines = PLAIN.splitlines(keepends=True)
    lines[2:3] = [b"A" * 64 + b"\n"]  # of the same length: only OpenSSL would notice it
    return authority, bundle(machine, *lines, authority)


def forged(machine: Machine) -> tuple[Authority, Path]:
    authority = amazon()
    return authority, bundle(machine, amazon(), ORDINARY, authority, amazon())


@pytest.mark.parametrize(
    ("set_up", "handshakes"),
    [(roots, 1), (another_root, 2), (no_root, 1), (forged, 1), (damaged_elsewhere, 1)],
)
def test_what_is_accepted(machine: Machine, set_up: Setup, handshakes: int) -> None:
    """A server below another root than Amazon's costs one attempt more."""
    machine.login()
    authority, path = set_up(machine)

    assert get(machine, authority, path).secret
    assert authority.asked == [ECR] * handshakes


SOURCES: dict[Callable[[Machine], None], list[str]] = {
    credential_sources.assumed_role: [STS, STS, ECR],
    credential_sources.chained_roles: [STS, STS, STS, ECR],
    credential_sources.web_identity: [STS, STS, ECR],
    credential_sources.sso_session: [PORTAL, PORTAL, ECR],
    credential_sources.sso_session_that_needs_a_refresh: [OIDC, OIDC, PORTAL, ECR],
}
"""A credential source -> the handshakes of a `get` whose servers are below another root."""


@pytest.mark.parametrize("source", SOURCES)
def test_all_clients_share_what_is_trusted(
    machine: Machine, source: Callable[[Machine], None]
) -> None:
    """After one failure, the whole bundle is loaded for every service."""
    source(machine)
    authority, path = another_root(machine)

    assert get(machine, authority, path).secret
    assert authority.asked == SOURCES[source]


@pytest.mark.parametrize("source", SOURCES)
def test_all_services_have_amazons_roots(
    machine: Machine, source: Callable[[Machine], None]
) -> None:
    """One attempt is enough for every service."""
    source(machine)
    authority, path = roots(machine)

    assert get(machine, authority, path).secret
    assert authority.asked == SOURCES[source][1:]


class TestWholeAtOnce:
    """Where another root than Amazon's is to be expected, there is no failed attempt."""

    def test_a_proxy(self, machine: Machine) -> None:
        """A company's proxy that inspects TLS signs with its own CA, in the system's bundle."""
        machine.login()
        authority, path = another_root(machine)
        with (
            direct.lead_to(machine, Authority(), path),
            WebServer(machine.aws.handle, authority=authority) as proxy,
        ):
            assert machine.get(HTTPS_PROXY=proxy.url).secret
        assert authority.asked == [ECR]

    def test_an_endpoint_of_the_users_own(self, machine: Machine) -> None:
        """Its host is in no domain of AWS's."""
        machine.login()
        authority, path = another_root(machine)
        with direct.lead_to(machine, authority, path):
            assert machine.get(AWS_ENDPOINT_URL="https://ecr.example.com").secret
        assert authority.asked == ["ecr.example.com"]

    def test_another_partition(self, machine: Machine) -> None:
        """AWS does not publish the roots of China's."""
        machine.login()
        authority, path = another_root(machine)
        get(machine, authority, path, HOST.replace("us-east-1", "cn-north-1") + ".cn")

        assert authority.asked == ["api.ecr.cn-north-1.amazonaws.com.cn"]

    @pytest.mark.parametrize(
        "name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "ca_bundle"]
    )
    def test_a_configured_bundle(self, machine: Machine, name: str) -> None:
        """The user chose it, so its own certificates are those to expect."""
        credential_sources.assumed_role(machine)
        authority, path = another_root(machine)
        if name == "ca_bundle":
            config = machine.home / ".aws" / "config"
            config.write_text(config.read_text() + f"ca_bundle = {path}\n")
        else:
            machine.environ[name] = str(path)
        with direct.lead_to(machine, authority, machine.root / "none.pem"):
            if name == "AWS_CA_BUNDLE":
                machine.environ[name] = str(path)
            assert machine.get().secret
        assert authority.asked == [STS, ECR]


@pytest.mark.parametrize("root", [ROOT, ""])
def test_a_new_root_between_two_gets(machine: Machine, root: str) -> None:
    """It is trusted from when the bundle has it, and the one before no more once it is removed."""
    machine.login()
    old, new = Authority(root=root), Authority(root=root)
    assert get(machine, old, bundle(machine, ORDINARY, old)).secret
    west = HOST.replace("us-east-1", "us-west-2")

    assert UNTRUSTED in get(machine, new, bundle(machine, ORDINARY, old), west).error
    assert get(machine, new, bundle(machine, ORDINARY, new), west).secret

    north = HOST.replace("us-east-1", "eu-north-1")
    assert UNTRUSTED in get(machine, old, bundle(machine, ORDINARY, new), north).error
