"""Which certificates are loaded, and when."""

import hashlib
import os
import ssl
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session, get_cert_path

from docker_credential_ecrpy.aws.sdk.transport import trust
from docker_credential_ecrpy.errors import HelperError
from tests.world.in_process import environment
from tests.world.web import Authority

# The roots that AWS publishes, and the SHA-256 of each one's public key (SubjectPublicKeyInfo):
# https://www.amazontrust.com/repository/
PUBLISHED = {
    "Amazon Root CA 1": "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2",
    "Amazon Root CA 2": "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461",
    "Amazon Root CA 3": "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9",
    "Amazon Root CA 4": "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5",
    "Starfield Services Root Certificate Authority - G2": (
        "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92"
    ),
}
BOTOCORES = str(get_cert_path(verify=True))
URL = "https://api.ecr.us-east-1.amazonaws.com/"


def split(der: bytes) -> list[bytes]:
    """Return the elements of a sequence in DER, each with its header."""
    found = []
    place = _body(der)
    while place < len(der):
        end = place + _body(der[place:])
        size = der[place + 1]
        count = size if size < 0x80 else int.from_bytes(der[place + 2 : end], "big")
        found.append(der[place : end + count])
        place = end + count
    return found


def _body(der: bytes) -> int:
    """Return where the content of an element begins."""
    return 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)


def describe(der: bytes) -> tuple[str, str]:
    """Return which published name a certificate has, and the SHA-256 of its public key.

    The oldest root has the serial number 0, which cryptography refuses.
    """
    *_, subject, key = split(split(der)[0])[:7]
    (name,) = (name for name in PUBLISHED if subject.endswith(name.encode()))
    return name, hashlib.sha256(key).hexdigest()


def session(bundle: str) -> Any:
    trust.patch()
    trust.patch()
    return URLLib3Session(verify=bundle)  # type: ignore[arg-type]  # the stub knows no paths


def loaded(made: Any, url: str = URL) -> list[bytes]:
    """Return what a session trusts for a connection to a URL, as urllib3 has it loaded."""
    trust.prepare(made, url)
    context = made._get_ssl_context()
    context.load_verify_locations(made._verify)
    found: list[bytes] = context.get_ca_certs(binary_form=True)
    return found


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HTTPS_PROXY", raising=False)


def test_amazons_roots_are_those_that_aws_publishes() -> None:
    """Of a bundle, the names find the five published keys, and nothing else."""
    made = session(trust.share(BOTOCORES, is_configured=False))

    assert dict(map(describe, loaded(made))) == PUBLISHED


def test_every_root_is_a_certificate_of_the_bundle(tmp_path: Path) -> None:
    """Whoever made a certificate with such a name: the bundle decides."""
    own = [Authority(root=name) for name in (*PUBLISHED, "Amazon Root CA 1", "Amazon Root CA 5")]
    path = tmp_path / "bundle.pem"
    path.write_bytes(Authority().pem() + b"".join(each.pem() for each in own))
    roots = loaded(session(trust.share(str(path), is_configured=False)))

    assert sorted(roots) == sorted(ssl.PEM_cert_to_DER_cert(each.pem().decode()) for each in own)


@pytest.mark.parametrize(
    "more",
    [
        b"-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n",
        b"-----BEGIN TRUSTED CERTIFICATE-----\nMAA=\n-----END TRUSTED CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nM\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMIIAAA==\n",
        b"-----BEGIN ",
    ],
)
def test_what_only_openssl_can_judge(tmp_path: Path, more: bytes) -> None:
    """The bundle is left to it as a whole."""
    path = tmp_path / "bundle.pem"
    path.write_bytes(Authority(root="Amazon Root CA 1").pem())
    assert trust.read_roots(str(path))

    with open(path, "ab") as file:
        file.write(more)
    assert trust.read_roots(str(path)) == b""


@pytest.mark.parametrize("path", ["missing.pem", ".", "\0"])
def test_a_bundle_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """It is left to OpenSSL, whose error names the cause."""
    monkeypatch.chdir(tmp_path)

    assert trust.read_roots(path) == b""


def test_a_bundle_with_comments_and_other_line_ends(tmp_path: Path) -> None:
    """Text between the certificates and CRLF are no damage."""
    path = tmp_path / "bundle.pem"
    pem = Authority(root="Amazon Root CA 1").pem()
    path.write_bytes(b"# Amazon Root CA 1\r\n" + pem.replace(b"\n", b"\r\n") + b"-- \r\n")

    assert trust.read_roots(str(path)) == ssl.PEM_cert_to_DER_cert(pem.decode())


@pytest.mark.parametrize(
    ("url", "environ", "few"),
    [
        (URL, {}, True),
        ("https://API.ECR.us-east-1.AmazonAWS.com.:443/", {}, True),
        ("https://ecr.us-east-1.api.aws/", {}, True),
        ("https://ecr-fips.us-gov-west-1.amazonaws.com/", {}, True),
        ("https://vpce-1.api.ecr.us-east-1.vpce.amazonaws.com/", {}, True),
        ("https://api.ecr.eusc-de-east-1.amazonaws.eu/", {}, True),
        ("https://ecr.eusc-de-east-1.api.amazonwebservices.eu/", {}, True),
        ("https://api.ecr.cn-north-1.amazonaws.com.cn/", {}, False),
        ("https://api.ecr.us-iso-east-1.c2s.ic.gov/", {}, False),
        ("https://amazonaws.com.example.com/", {}, False),
        ("https://notamazonaws.com/", {}, False),
        ("https://127.0.0.1/", {}, False),
        ("https:///", {}, False),
        (URL, {"HTTPS_PROXY": "http://127.0.0.1:9"}, False),
        (URL, {"HTTPS_PROXY": "socks5://127.0.0.1:9"}, False),
        (URL, {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "amazonaws.com"}, True),
    ],
)
def test_where_amazons_roots_are_enough(url: str, environ: dict[str, str], few: bool) -> None:
    """For AWS's own hosts without a proxy, except for partitions whose roots are not known."""
    with environment(environ):
        found = loaded(session(trust.share(BOTOCORES, is_configured=False)), url)

    assert (len(found) == len(PUBLISHED)) == few


def test_a_configured_bundle_is_loaded_once_as_a_whole() -> None:
    """For all clients of a call."""
    bundle = trust.share(BOTOCORES, is_configured=True)
    first, second = session(bundle), session(bundle)

    assert len(loaded(first)) > len(PUBLISHED)
    assert first._get_ssl_context() is second._get_ssl_context()


def test_what_was_needed_once_stays() -> None:
    """After another host, the whole bundle is trusted for AWS's too."""
    bundle = trust.share(BOTOCORES, is_configured=False)
    few = loaded(session(bundle))
    more = loaded(session(bundle), "https://ecr.example.com/")

    assert loaded(session(bundle)) == more
    assert set(few) < set(more)


def test_a_loaded_bundle_is_not_read_again(tmp_path: Path) -> None:
    """Of the roots and of the whole bundle alike."""
    path = tmp_path / "bundle.pem"
    for root, few in (("Amazon Root CA 1", True), ("", False)):
        path.write_bytes(Authority().pem() + Authority(root=root).pem())
        made = session(trust.share(str(path), is_configured=False))
        before = loaded(made)
        path.unlink()

        assert loaded(made) == before
        assert len(before) == (1 if few else 2)


def test_other_sessions_share_nothing() -> None:
    """`doctor`'s connections, the request for the time and metadata: they load it all at once."""
    bundle = trust.share(BOTOCORES, is_configured=False)
    loaded(session(bundle))
    other = URLLib3Session(verify=BOTOCORES)  # type: ignore[arg-type]  # the stub knows no paths

    assert type(other._get_ssl_context()) is ssl.SSLContext  # type: ignore[attr-defined]  # botocore's
    assert other._get_ssl_context() is not other._get_ssl_context()  # type: ignore[attr-defined]  # same


def test_botocores_own_file_stands_for_none() -> None:
    """Never an empty path, with which botocore verifies nothing."""
    assert trust.share("", is_configured=False) == BOTOCORES


def test_a_failure_to_verify_loads_the_whole_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the next attempt of every client of the call; other failures load nothing more."""
    bundle = trust.share(BOTOCORES, is_configured=False)
    made = session(bundle)
    few = loaded(made)
    error: list[Exception] = []

    def fail(*given: object, **options: object) -> None:
        assert (given[1:], options) == (("a socket",), {"server_hostname": "a host"})
        raise error[0]

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", fail)
    for kind in (OSError, ssl.SSLError, ssl.SSLCertVerificationError):
        assert loaded(session(bundle)) == few
        error[:] = [kind("it fails")]
        with pytest.raises(kind, match="it fails"):
            made._get_ssl_context().wrap_socket("a socket", server_hostname="a host")

    assert len(loaded(session(bundle))) > len(PUBLISHED)


def test_a_connection_is_that_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """The socket that OpenSSL wraps is returned."""
    context = session(trust.share(BOTOCORES, is_configured=False))._get_ssl_context()
    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", lambda *_, **__: "wrapped")

    assert context.wrap_socket("a socket") == "wrapped"


def test_a_folder_or_text_of_certificates_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a client has others than a file, they count, too."""
    given: list[tuple[object, ...]] = []
    context = session(trust.share(BOTOCORES, is_configured=True))._get_ssl_context()
    monkeypatch.setattr(
        ssl.SSLContext, "load_verify_locations", lambda _, *arguments: given.append(arguments)
    )
    context.load_verify_locations("a file", "a folder", "a text")

    assert given == [("a file", "a folder", "a text")]


def test_a_bundle_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """16 MiB: OpenSSL reads whatever it is given, and a device has no end."""
    path = tmp_path / "bundle.pem"
    path.touch()
    os.truncate(path, 16 * 1024 * 1024)
    trust.check_bundle(str(path))
    os.truncate(path, 16 * 1024 * 1024 + 1)

    with pytest.raises(HelperError) as caught:
        trust.check_bundle(str(path))
    assert str(caught.value) == (
        f"the certificates to trust in {path} cannot be used: it is larger than 16 MiB; "
        "point AWS_CA_BUNDLE, or ca_bundle in the AWS config, at a PEM file"
    )
    monkeypatch.setattr(trust, "MAX_BUNDLE", 10_000)
    pem = Authority(root="Amazon Root CA 1").pem()
    path.write_bytes(pem.rjust(10_000, b"\n"))
    assert trust.read_roots(str(path))
    path.write_bytes(pem.rjust(10_001, b"\n"))
    assert trust.read_roots(str(path)) == b""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no device files")
def test_a_device_is_no_bundle() -> None:
    """Reading it would never end."""
    with pytest.raises(HelperError, match="it is a device"):
        trust.check_bundle("/dev/zero")


@pytest.mark.parametrize("path", ["missing.pem", "\0"])
def test_a_missing_bundle_is_left_to_openssl(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Its error says more, and comes with the request."""
    monkeypatch.chdir(tmp_path)

    trust.check_bundle(path)


def test_another_session_needs_no_preparation() -> None:
    """It loads the whole of its own bundle, for any host."""
    other = URLLib3Session(verify=BOTOCORES)  # type: ignore[arg-type]  # the stub knows no paths
    for url in (URL, "https://ecr.example.com/"):
        assert len(loaded(other, url)) > len(PUBLISHED)


def test_a_bundle_without_a_context_needs_no_preparation() -> None:
    """Its first session makes one."""
    bundle = trust.share(BOTOCORES, is_configured=False)
    made: Any = SimpleNamespace(_verify=bundle)
    trust.prepare(made, "https://ecr.example.com/")

    assert bundle.context is None
