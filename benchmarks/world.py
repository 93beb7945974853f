"""The loopback AWS of the tests, and the machines that call it."""

import json
from pathlib import Path

from tests.world.aws import ACCOUNT, Aws
from tests.world.machine import Machine, make_machine
from tests.world.web import Authority, Request, Response, WebServer

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""The system's trusted certificates."""


class BenchAws(Aws):
    """An AWS that accepts the deprecated `registryIds`, which the Go helper sends.

    The Go helper's cache finds a token by the registry that the answer names.
    """

    def __init__(self, latency: float = 0) -> None:
        super().__init__(latency=latency, allow_registry_ids=True)

    def _authorization_token(self, request: Request, service: str) -> Response:
        response = super()._authorization_token(request, service)
        asked = json.loads(request.body or b"{}").get("registryIds")
        if asked:
            response.body = response.body.replace(
                f"//{ACCOUNT}.".encode(), f"//{asked[0]}.".encode()
            )
        return response


class World:
    """The loopback AWS that all machines share, and their directory."""

    def __init__(self, root: Path, aws: Aws, server: WebServer, authority: Authority) -> None:
        self.aws = aws
        self.filled: dict[str, Machine] = {}
        """Program -> its machine with many other tokens in the cache."""
        self._root = root
        self._server = server
        self._authority = authority
        self._machines = 0

    def machine(self) -> Machine:
        """Return a new machine.

        It trusts as many certificates as a real one, by the variable that every program supports.
        """
        self._machines += 1
        root = self._root / str(self._machines)
        root.mkdir()
        machine = make_machine(self.aws, self._server, self._authority, root)
        bundle = root / "ca.pem"
        bundle.write_bytes((BUNDLE.read_bytes() if BUNDLE.exists() else b"") + bundle.read_bytes())
        del machine.environ["PYTHONPATH"]
        machine.environ |= {"SSL_CERT_FILE": str(bundle), "AWS_REGION": "us-east-1"}
        return machine
