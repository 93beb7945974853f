"""The static program in root directories that have next to nothing."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.security.attacks import launched
from tests.world import engines
from tests.world.machine import HOST, NOT_FOUND, Machine, Result
from tests.world.products import DROP_IN, NAME

BUSYBOX = Path("/bin/busybox")
MUSL = Path(f"/lib/ld-musl-{os.uname().machine}.so.1")
SECURE = """\
openssl_conf = start
[start]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
MinProtocol = TLSv1.3
MaxProtocol = TLSv1.2
"""


def _files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_an_empty_root(empty_root: Machine) -> None:
    """No library, /proc, /dev, /tmp or /etc is needed, and the only new files are the cache's."""
    root = empty_root.root / "root"
    before = _files(root)
    empty_root.login()
    first = empty_root.get().secret

    assert first in empty_root.aws.issued
    assert empty_root.get().secret == first
    assert empty_root.get("ghcr.io") == Result(1, NOT_FOUND, b"")
    assert HOST.encode() in empty_root.run("list").stdout
    assert {path.split("/")[0] for path in _files(root) - before} == {".ecr"}


def test_a_read_only_root(empty_root: Machine, own_mounts: None) -> None:
    """Without a place for the cache, each get is a first one."""
    root = str(empty_root.root / "root")
    empty_root.login()
    subprocess.run(["mount", "--bind", root, root], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", root], check=True)
    try:
        tokens = {empty_root.get().secret for _ in range(2)}
    finally:
        subprocess.run(["umount", root], check=True)

    assert len(tokens & set(empty_root.aws.issued)) == 2


def test_both_names(empty_root: Machine) -> None:
    """The name that the program is called by is the one that it prints."""
    root = empty_root.root / "root"
    (root / NAME).symlink_to(DROP_IN)
    chroot = empty_root.program[0]
    for name in (DROP_IN, NAME):
        said = empty_root.run("version", command=[chroot, str(root), f"/{name}"]).stdout
        assert said.startswith(f"{name} ({NAME}) ".encode())


PLACES = {
    "Alpine": "etc/ssl/cert.pem",
    "Debian": "etc/ssl/certs/ca-certificates.crt",
    "Fedora": "etc/pki/tls/certs/ca-bundle.crt",
    "Fedora, of ca-trust": "etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "openSUSE": "etc/ssl/ca-bundle.pem",
    "OpenELEC": "etc/pki/tls/cacert.pem",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_the_certificates_of_the_system(empty_root: Machine, place: str) -> None:
    """Each distribution's bundle is found."""
    del empty_root.environ["AWS_CA_BUNDLE"]
    bundle = empty_root.root / "root" / place
    bundle.parent.mkdir(parents=True)
    (empty_root.root / "root" / "ca.pem").rename(bundle)
    empty_root.login()

    assert empty_root.get().secret in empty_root.aws.issued


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_the_certificates_of_a_variable(empty_root: Machine, variable: str) -> None:
    """Its file counts instead of the system's; a directory of OpenSSL's is not read."""
    del empty_root.environ["AWS_CA_BUNDLE"]
    empty_root.file("root/etc/ssl/cert.pem", "no certificate")
    empty_root.environ |= {variable: "/ca.pem", "SSL_CERT_DIR": "/nowhere"}
    empty_root.login()

    assert empty_root.get().secret in empty_root.aws.issued


DAMAGED_BUNDLES = {
    "empty": "",
    "no certificate": "nothing",
    "cut": "-----BEGIN CERTIFICATE-----\nMIID\n",
    "damaged": "-----BEGIN CERTIFICATE-----\nMIID\n-----END CERTIFICATE-----\n",
}


@pytest.mark.parametrize("text", DAMAGED_BUNDLES.values(), ids=DAMAGED_BUNDLES)
def test_a_damaged_bundle_of_the_system(empty_root: Machine, text: str) -> None:
    """The error names the file: to trust others than the administrator chose would be wrong."""
    del empty_root.environ["AWS_CA_BUNDLE"]
    empty_root.file("root/etc/ssl/certs/ca-certificates.crt", text)
    empty_root.login()

    assert "/etc/ssl/certs/ca-certificates.crt" in empty_root.get().error
    assert empty_root.aws.count() == {}


def test_the_certificates_inside(empty_root: Machine) -> None:
    """Without any bundle, botocore's is used: it is read, and has no authority of a test."""
    del empty_root.environ["AWS_CA_BUNDLE"]
    empty_root.login()
    error = empty_root.get().error

    assert "is not trusted: unable to get local issuer certificate" in error


@pytest.mark.parametrize("named", [True, False])
def test_openssls_configuration_is_not_read(empty_root: Machine, *, named: bool) -> None:
    """A configuration for the host's OpenSSL may name modules, and limits that this has not."""
    empty_root.file("root/usr/lib/ssl/openssl.cnf", SECURE, 0o644)
    if named:
        empty_root.environ["OPENSSL_CONF"] = "/usr/lib/ssl/openssl.cnf"
        empty_root.environ["OPENSSL_MODULES"] = "/usr/lib/ssl"
    empty_root.login()

    assert empty_root.get().secret in empty_root.aws.issued


ZONES = ["Asia/Tokyo", "", "nowhere", "UTC+12", "UTC+25", "/etc/localtime", ":/nowhere", "/"]


@pytest.mark.parametrize("zone", ZONES)
def test_any_time_zone(empty_root: Machine, zone: str) -> None:
    """Times in AWS's answers are in UTC, whatever the zone and with or without its files."""
    empty_root.environ["TZ"] = zone
    empty_root.login()
    first = empty_root.get().secret

    assert first in empty_root.aws.issued
    assert empty_root.get().secret == first


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)], ids=str)
def test_closed_streams(empty_root: Machine, closed: tuple[int, ...]) -> None:
    """Without /dev/null, no file takes their descriptors; an answer that is not written fails."""
    empty_root.login()
    token = empty_root.get().secret
    empty_root.program = launched(empty_root.program, closed=closed)
    off = {"AWS_ECR_DISABLE_CACHE": "1"}
    cached, first = empty_root.get(), empty_root.get(**off)
    listed = empty_root.run("list")

    if 1 in closed:
        assert [cached.code, first.code, listed.code] == [1, 1, 1]
    elif 0 in closed:
        assert cached.stdout == first.stdout == b"no credentials server URL\n"
        assert HOST.encode() in listed.stdout
    else:
        assert cached.secret == token
        assert first.secret in empty_root.aws.issued
        assert HOST.encode() in listed.stdout
    written = b"".join(path.read_bytes() for path in empty_root.root.glob("root/.ecr/*/*"))
    assert b"ServerURL" not in written


def _need(path: Path, package: str) -> Path:
    if not path.exists():
        engines.missing(f"{path} is missing: apt-get install {package}")
    return path


@pytest.mark.parametrize("libc", ["", "musl"])
def test_a_busybox_root(empty_root: Machine, libc: str) -> None:
    """A shell starts the program by its name, and the program starts a shell for credentials."""
    root = empty_root.root / "root"
    (root / "bin").mkdir()
    shutil.copy(_need(BUSYBOX, "busybox-static"), root / "bin" / "busybox")
    for name in ("sh", "cat"):
        (root / "bin" / name).symlink_to("busybox")
    if libc:
        (root / "lib").mkdir()
        shutil.copy(_need(MUSL, "musl"), root / "lib" / MUSL.name)
    (root / DROP_IN).rename(root / "bin" / DROP_IN)
    keys = empty_root.aws.user()
    fields = f'"AccessKeyId":"{keys.access_key}","SecretAccessKey":"{keys.secret_key}"'
    empty_root.file("root/keys", f'{{"Version":1,{fields}}}')
    empty_root.file("root/.aws/config", "[default]\ncredential_process = cat /keys\n")
    empty_root.environ["PATH"] = "/bin"
    chroot = empty_root.program[0]
    empty_root.program = [chroot, str(root), "/bin/sh", "-c", f'exec {DROP_IN} "$@"', "sh"]

    assert empty_root.get().secret in empty_root.aws.issued


def test_a_cut_file(empty_root: Machine) -> None:
    """The kernel ends a download that was cut: the data that it must load first is at the end."""
    program = empty_root.root / "root" / DROP_IN
    whole = program.read_bytes()
    empty_root.login()
    for size in range(1_000_000, len(whole), 3_000_000):
        program.write_bytes(whole[:size])
        done = subprocess.run(
            [*empty_root.program, "get"],
            input=HOST.encode(),
            env=empty_root.environ,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (-signal.SIGSEGV, b"")
