"""The loopback AWS of the tests, and the machines that call it."""

import json
from pathlib import Path

from benchmarks.namespace import BUNDLE, REGION, is_entered
from tests.world.aws import ACCOUNT, Aws
from tests.world.machine import Machine, make_machine
from tests.world.web import Authority, Request, Response, WebServer


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

    def __init__(
        self, root: Path, aws: Aws, server: WebServer, plain: WebServer, authority: Authority
    ) -> None:
        self.aws = aws
        self.plain = plain
        """The same without TLS."""
        self.filled: dict[tuple[str, int], Machine] = {}
        """Program, and how many other tokens were stored -> its machine."""
        self._root = root
        self._server = server
        self._authority = authority
        self._machines = 0

    def machine(self) -> Machine:
        """Return a new machine.

        Without a mount namespace, it trusts as many certificates as a real one, by the variable
        that every program supports.
        """
        self._machines += 1
        root = self._root / str(self._machines)
        root.mkdir()
        machine = make_machine(self.aws, self._server, self._authority, root)
        del machine.environ["PYTHONPATH"]
        machine.environ["AWS_REGION"] = REGION
        if is_entered():
            for name in ("AWS_CA_BUNDLE", "HTTPS_PROXY", "NO_PROXY"):
                del machine.environ[name]
            return machine
        bundle = root / "ca.pem"
        bundle.write_bytes((BUNDLE.read_bytes() if BUNDLE.exists() else b"") + bundle.read_bytes())
        machine.environ["SSL_CERT_FILE"] = str(bundle)
        return machine
