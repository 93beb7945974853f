"""A machine without a proxy: AWS's real names lead to the loopback world.

The program runs as a client starts it, except for two lines that stand for the machine's own name
resolution and bundle, which only root could change.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.world.machine import Machine
from tests.world.web import Authority, WebServer

_RUN = """
import socket, sys
from docker_credential_ecrpy.aws import session
from docker_credential_ecrpy.aws.sdk.transport import trust
port, bundle, domains, *sys.argv[1:] = sys.argv[1:]
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, its, *more, **options: resolve(
    *((host, its) if its != 443 else ("127.0.0.1", int(port))), *more, **options
)
session.SYSTEM_BUNDLES = (bundle,)
if domains == "none":
    trust.DOMAINS = ()
from docker_credential_ecrpy.__main__ import main
sys.argv[0] = "docker-credential-ecr-login"
sys.exit(main())
"""


@contextmanager
def lead_to(machine: Machine, authority: Authority, bundle: Path) -> Iterator[WebServer]:
    """Let a machine reach AWS at a server with certificates of an authority.

    bundle: the system's file of trusted certificates.
    """
    for name in ("AWS_CA_BUNDLE", "HTTPS_PROXY", "NO_PROXY"):
        machine.environ.pop(name, None)
    with WebServer(machine.aws.handle, authority=authority, tls=True) as server:
        machine.program = make_program(server, bundle)
        yield server


def make_program(server: WebServer, bundle: Path, *, whole: bool = False) -> Sequence[str]:
    """Return the command of the helper; whole: it loads the whole bundle at once."""
    domains = "none" if whole else "own"
    return [sys.executable, "-c", _RUN, str(server.port), str(bundle), domains]
