"""The loopback AWS of the tests, and the machines whose programs ask it."""

import json
from pathlib import Path

from tests.world.aws import ACCOUNT, Aws
from tests.world.machine import Machine, make_machine
from tests.world.web import Authority, Request, Response, WebServer

BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
"""The certificates that the system trusts."""


class BenchAws(Aws):
    """An AWS that takes the deprecated `registryIds`, and answers for them: the Go helper sends it.

    Its cache finds a token again by the registry that the answer names.
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
    """The loopback AWS that all machines share, and where they keep their things."""

    def __init__(self, root: Path, aws: Aws, server: WebServer, authority: Authority) -> None:
        self.aws = aws
        self.filled: dict[str, Machine] = {}
        """Program -> the machine whose cache holds many other tokens."""
        self._root = root
        self._server = server
        self._authority = authority
        self._machines = 0

    def machine(self) -> Machine:
        """Return a new machine.

        It trusts as many certificates as a real one does, in the way that every program respects.
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
