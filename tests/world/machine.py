"""A machine for one test: a home, an environment, and the loopback AWS."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from docker_credential_ecrpy.helper.fallback import Fallback
from docker_credential_ecrpy.hot import cache, paths
from docker_credential_ecrpy.settings.rules import SettingText
from docker_credential_ecrpy.tokens.folder import MARKER
from tests.world.aws import ACCOUNT, Aws
from tests.world.web import Authority, WebServer

HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
NOT_FOUND = b"credentials not found in native keychain\n"
MODULE = [sys.executable, "-m", "docker_credential_ecrpy"]


@dataclass(frozen=True)
class Result:
    """The result of a run of the helper."""

    code: int
    stdout: bytes
    stderr: bytes

    @property
    def secret(self) -> str:
        """The password of a reply to `get`; fails for another output."""
        assert (self.code, self.stderr) == (0, b""), self
        reply = json.loads(self.stdout)
        assert set(reply) == {"ServerURL", "Username", "Secret"}
        assert reply["Username"] == "AWS"
        assert isinstance(reply["Secret"], str)
        return reply["Secret"]

    @property
    def error(self) -> str:
        """The line of an error, which must be on both streams."""
        assert self.code == 1, self
        assert self.stdout.count(b"\n") == 1
        line = self.stdout.decode().rstrip("\n")
        name, _, said = self.stderr.decode().rstrip("\n").partition(": ")
        assert name.startswith("docker-credential-")
        assert said == line
        return line


@dataclass
class Machine:
    """A test's machine. `environ` is the helper's whole environment."""

    aws: Aws
    server: WebServer
    authority: Authority
    root: Path
    program: Sequence[str] = tuple(MODULE)
    """The command that runs the helper."""
    environ: dict[str, str] = field(default_factory=dict)
    closing: ExitStack = field(default_factory=ExitStack)

    @property
    def name(self) -> str:
        """The name that the program is called by, as it prints it."""
        return "docker-credential-ecrpy" if "-m" in self.program else Path(self.program[0]).stem

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def cache(self) -> Path:
        return self.home / ".ecr"

    def entries(self, folder: str = "tokens") -> list[Path]:
        """Return the files in a folder of the cache.

        Without its marker, removed logins, and the table of the rules (`rules`).
        """
        found = sorted(path for path in (self.cache / folder).glob("*") if path.name != MARKER)
        found = [path for path in found if not path.name.startswith(paths.RULES)]
        return [path for path in found if folder != "logins" or path.lstat().st_size]

    def rules(self) -> list[Path]:
        """Return the tables of the rules in the cache."""
        return sorted((self.cache / paths.ELSEWHERE).glob(f"{paths.RULES}~*"))

    def cached(self) -> dict[str, bytes]:
        """Return the files of the cache; an entry without its times and checksum."""
        found = {}
        for path in self.cache.rglob("*"):
            data = path.read_bytes() if path.is_file() else b""
            if data.startswith(cache.MAGIC):
                data = data.split(b" ", 6)[-1]
            found[str(path.relative_to(self.cache))] = data
        return found

    def config(self, text: str, name: str = "config") -> Path:
        """Write an AWS config or credentials file."""
        path = self.home / ".aws" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def settings(self, text: str) -> Path:
        """Write our own settings."""
        return self.file("home/.ecr/config.toml", text)

    def who(self, host: str = HOST, **environ: str) -> str:
        """Return the ARN that a `get`'s token was issued to."""
        return self.aws.issued[self.get(host, **environ).secret].arn

    def file(self, name: str, text: str, mode: int = 0o600) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        command: Sequence[str] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Result:
        done = subprocess.run(
            [*(command or self.program), *arguments],
            input=stdin,
            capture_output=True,
            env={**self.environ, **(environ or {})},
            cwd=self.root,
            timeout=60,
            check=False,
        )
        assert b"Traceback" not in done.stdout + done.stderr, done
        return Result(done.returncode, done.stdout, done.stderr)

    def get(self, host: str = HOST, **environ: str) -> Result:
        return self.run("get", stdin=host.encode(), environ=environ)

    def start_get(self, host: str = HOST) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen(
            [*self.program, "get"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environ,
            cwd=self.root,
            start_new_session=True,
        )
        assert child.stdin is not None
        child.stdin.write(host.encode())
        child.stdin.close()
        child.stdin = None
        return child

    def get_many(self, hosts: Sequence[str]) -> list[Result]:
        """Start one `get` for each host, all at once, and return the results."""
        children = [self.start_get(host) for host in hosts]
        results = []
        for child in children:
            stdout, stderr = child.communicate(timeout=60)
            results.append(Result(child.returncode, stdout, stderr))
        return results

    def login(self, as_user: str = "dev") -> None:
        """Put an access key into the environment."""
        self.environ |= self.aws.user(as_user).environ


def no_fallback(_name: SettingText) -> Fallback:
    """Stand in for the fallback of a helper without one."""
    raise AssertionError


def make_machine(aws: Aws, server: WebServer, authority: Authority, root: Path) -> Machine:
    """Return a machine that reaches AWS by its real host names, over TLS, through a proxy."""
    (root / "home").mkdir()
    bundle = authority.write_bundle(root / "ca.pem")
    return Machine(
        aws,
        server,
        authority,
        root,
        environ={
            "PATH": os.environ["PATH"],
            "HOME": str(root / "home"),
            "USERPROFILE": str(root / "home"),
            "PYTHONPATH": os.environ.get("TESTED_TREE", ""),
            "AWS_CA_BUNDLE": str(bundle),
            "AWS_EC2_METADATA_DISABLED": "true",
            "HTTPS_PROXY": server.url,
            "NO_PROXY": "127.0.0.1,localhost",
        },
    )
