"""AWS as users reach it: its real host names on port 443, and the system's bundle, without a proxy.

The benchmark runs in its own mount namespace, where /etc/hosts leads AWS's names to a loopback
address, and a certificate like Amazon's own is added to the trusted ones. Without root, and on
other systems, a proxy leads there, and a variable names the bundle.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import botocore

from tests.world.web import Authority

ADDRESS = "127.83.0.3"  # a loopback address of its own
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""The system's trusted certificates."""
REGION = "us-east-1"
_SERVICES = ("api.ecr", "api.ecr-public", "sts", "oidc", "portal.sso")
_NAMES = [
    f"{name}.{region}.amazonaws.com" for name in _SERVICES for region in (REGION, "eu-west-1")
]
_BUNDLES = (BUNDLE, Path(botocore.__file__).with_name("cacert.pem"))  # the script has the last one
_OUTER = "OUTER_NAMESPACE"  # kept by the tests' environment


def is_entered() -> bool:
    """Whether this process runs in a mount namespace of its own."""
    return bool(outer := os.environ.get(_OUTER)) and outer != _own()


def describe() -> str:
    """Return how the programs reach AWS."""
    if is_entered():
        return "AWS's names on port 443 by /etc/hosts; no proxy, and no variable for certificates"
    return "through a proxy, with the certificates in a variable"


def enter(module: str, arguments: Sequence[str]) -> None:
    """Run `module` instead of this process in a mount namespace, where that is possible."""
    if is_entered() or sys.platform != "linux" or os.geteuid() != 0 or not BUNDLE.exists():
        return
    own = ["unshare", "--mount", "--propagation", "private"]
    if subprocess.run([*own, "true"], capture_output=True, check=False).returncode == 0:
        os.environ[_OUTER] = _own()
        os.execvp(own[0], [*own, sys.executable, "-m", module, *arguments])  # noqa: S606 - no shell


def lead_to_aws(root: Path, authority: Authority) -> None:
    """Make AWS's names lead to `ADDRESS`, and the authority one of the trusted ones."""
    names = "".join(f"{ADDRESS} {name}\n" for name in _NAMES)
    (root / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
    (root / "bundle.pem").write_bytes(BUNDLE.read_bytes() + authority.pem())
    _mount(root / "hosts", Path("/etc/hosts"))
    for target in filter(Path.exists, _BUNDLES):
        _mount(root / "bundle.pem", target.resolve())


def _mount(source: Path, target: Path) -> None:
    subprocess.run(["mount", "--bind", str(source), str(target)], check=True)


def _own() -> str:
    return os.readlink("/proc/self/ns/mnt")
