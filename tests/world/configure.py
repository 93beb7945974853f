"""Docker's file, and runs of `configure` that show none of its secrets."""

import base64
import json
from pathlib import Path
from typing import Any

from tests.world.machine import Machine, Result

WHERE = "123456789012@us-east-1"
OTHER = "210987654321.dkr.ecr.eu-west-1.amazonaws.com"
TOKEN = base64.b64encode(b'{"payload":"hunter2","expiration":1700000000}').decode()
AUTH = base64.b64encode(f"AWS:{TOKEN}".encode()).decode()
SSO = "sso_role_name = R\nsso_region = eu-west-1\nsso_start_url = https://x/\n"
"""The keys of an SSO profile, without the account."""
DESKTOP = """{
\t"auths": {
\t\t"https://index.docker.io/v1/": {},
\t\t"ghcr.io": {}
\t},
\t"credsStore": "desktop",
\t"currentContext": "desktop-linux",
\t"plugins": {
\t\t"-x-cli-hints": {
\t\t\t"enabled": "true"
\t\t}
\t},
\t"features": {
\t\t"hooks": "true"
\t}
}"""


def configure(machine: Machine, *arguments: str, code: int = 0, **environ: str) -> Result:
    done = machine.run("configure", *arguments, environ=environ)
    assert done.code == code, done
    if code:
        assert done.stdout == b""
    assert b"hunter2" not in done.stdout + done.stderr
    assert TOKEN.encode() not in done.stdout + done.stderr
    assert AUTH.encode() not in done.stdout + done.stderr
    return done


def write(docker: Path, made: Any) -> bytes:
    """Write Docker's file and return it."""
    docker.parent.mkdir(exist_ok=True)
    text = made if isinstance(made, str | bytes) else json.dumps(made, indent=4)
    docker.write_bytes(text if isinstance(text, bytes) else text.encode())
    return docker.read_bytes()


def read(docker: Path) -> Any:
    return json.loads(docker.read_bytes().decode("utf-8", "replace"), parse_int=str)


def list_names(docker: Path) -> list[str]:
    return sorted(path.name for path in docker.parent.iterdir() if path.suffix != ".bak")
