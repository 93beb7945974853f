"""The processes: etcd and kube-apiserver on loopback, with RBAC and tokens of service accounts."""

import http.client
import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.world.kube.status import ApiError
from tests.world.web import Authority

_PATIENCE = 90.0  # seconds
_STOP = 10.0


def find_programs() -> Path:
    """Return the folder of both programs, which `make kube` names; skips without, fails in CI."""
    folder = Path(os.environ.get("KUBE", ""))
    if folder.is_absolute() and (folder / "kube-apiserver").exists():
        return folder
    if os.environ.get("CI"):
        pytest.fail("there is no kube-apiserver: run make kube")
    pytest.skip("there is no kube-apiserver: run make kube")


class RealServer:
    """etcd and kube-apiserver. programs, root: the folders of the programs and of their files.

    It has the default admission plugins and the watch cache of any cluster, and no controllers:
    those of namespaces and of their service accounts are in `store`.
    """

    def __init__(self, programs: Path, root: Path, authority: Authority) -> None:
        self.admin = f"canary-bearer-{secrets.token_hex(16)}"
        self.port, self._etcd_port, peers = _free_ports(3)
        self._programs, self._root = programs, root
        self._context = ssl.create_default_context(cadata=authority.pem().decode())
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        _write_files(root, authority, self.admin)
        etcd = f"http://127.0.0.1:{self._etcd_port}"
        self._commands: dict[str, Sequence[str]] = {
            "etcd": [
                *("--name=here", f"--data-dir={root}/etcd", f"--listen-client-urls={etcd}"),
                *(
                    f"--advertise-client-urls={etcd}",
                    f"--listen-peer-urls=http://127.0.0.1:{peers}",
                ),
                f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
                f"--initial-cluster=here=http://127.0.0.1:{peers}",
            ],
            "kube-apiserver": [
                *(f"--etcd-servers={etcd}", "--etcd-compaction-interval=0"),
                *("--bind-address=127.0.0.1", f"--secure-port={self.port}", f"--cert-dir={root}"),
                *("--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"),
                *(
                    f"--tls-cert-file={root}/server.pem",
                    f"--tls-private-key-file={root}/server.key",
                ),
                *("--authorization-mode=RBAC", f"--token-auth-file={root}/tokens.csv"),
                *("--service-account-issuer=https://localhost", "--anonymous-auth=false"),
                f"--service-account-signing-key-file={root}/accounts.key",
                f"--service-account-key-file={root}/accounts.key",
                "--service-cluster-ip-range=10.0.0.0/24",
            ],
        }

    def start(self) -> None:
        """Start both, and wait until the API is ready."""
        self._run("etcd")
        self.start_api()

    def start_api(self) -> None:
        self._run("kube-apiserver")
        end = time.monotonic() + _PATIENCE
        while not self._is_ready():
            for program, process in self._processes.items():
                assert process.poll() is None, self._read_log(program)
            assert time.monotonic() < end, self._read_log("kube-apiserver")
            time.sleep(0.1)

    def kill_api(self) -> None:
        """Kill kube-apiserver: every connection is reset."""
        process = self._processes.pop("kube-apiserver")
        process.kill()
        process.wait(_STOP)

    def stop(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait(_STOP)
        self._processes.clear()

    def compact(self) -> None:
        """Forget every version but the last one; the API forgets what its watch cache holds."""
        self.kill_api()
        now = self._ask_etcd("range", {"key": "Lw=="})["header"]["revision"]  # "/"
        self._ask_etcd("compaction", {"revision": now, "physical": True})
        self.start_api()

    def connect(self) -> http.client.HTTPSConnection:
        """Return a new connection to the API."""
        return http.client.HTTPSConnection("localhost", self.port, context=self._context)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        kind: str = "application/json",
        *,
        token: str = "",
    ) -> dict[str, Any]:
        """Return an answer, by default to the administrator. Raises ApiError."""
        headers = {"Authorization": f"Bearer {token or self.admin}", "Content-Type": kind}
        data = None if body is None else json.dumps(body)
        with closing(self.connect()) as connection:
            connection.timeout = _PATIENCE
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        is_json = "json" in answer.getheader("Content-Type", "")
        found: dict[str, Any] = json.loads(text) if is_json else {"message": text}
        if answer.status >= 400:
            code, reason = answer.status, found.get("reason", "")
            raise ApiError(code, reason, found["message"], found.get("details"))
        return found

    def wait_for(self, path: str, *, is_there: bool = True) -> None:
        """Wait until the API serves a path, or no longer."""
        end = time.monotonic() + _PATIENCE
        while self._serves(path) != is_there:
            assert time.monotonic() < end, path
            time.sleep(0.05)

    def _serves(self, path: str) -> bool:
        try:
            self.request("GET", path)
        except ApiError:
            return False
        return True

    def _run(self, program: str) -> None:
        command = [str(self._programs / program), *self._commands[program]]
        if end_with_us := shutil.which("setpriv"):
            command = [end_with_us, "--pdeathsig", "KILL", *command]
        with (self._root / f"{program}.log").open("ab") as log:
            self._processes[program] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._root,
                env={"PATH": os.defpath, "HOME": str(self._root)},
            )

    def _read_log(self, program: str) -> str:
        return (self._root / f"{program}.log").read_text()[-3000:]

    def _is_ready(self) -> bool:
        with suppress(OSError, http.client.HTTPException), closing(self.connect()) as connection:
            connection.timeout = _STOP
            headers = {"Authorization": f"Bearer {self.admin}"}
            connection.request("GET", "/readyz", headers=headers)
            return connection.getresponse().status == 200
        return False

    def _ask_etcd(self, what: str, body: object) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._etcd_port, timeout=_STOP)
        with closing(connection):
            connection.request("POST", f"/v3/kv/{what}", json.dumps(body))
            answer = connection.getresponse()
            found = json.loads(answer.read())
        assert answer.status == 200, found
        return found


def _free_ports(count: int) -> list[int]:
    """Return ports that nothing uses now."""
    with ExitStack() as stack:
        made = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        for each in made:
            stack.enter_context(each)
        return [int(each.getsockname()[1]) for each in made]


def _write_files(root: Path, authority: Authority, admin: str) -> None:
    """Write the certificate of the server, the key of its tokens, and its administrator."""
    issued = authority._ca.issue_cert("localhost", "127.0.0.1", "::1")
    (root / "server.pem").write_bytes(b"".join(each.bytes() for each in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(root / "server.key"))
    key = authority._ca.issue_cert("accounts").private_key_pem
    key.write_to_path(str(root / "accounts.key"))
    (root / "tokens.csv").write_text(f'{admin},admin,admin,"system:masters"\n')
