"""A machine for the recipes in docs/recipes: stand-ins for installers and clients of registries.

Clients look up credentials with Docker's Python SDK: the same config.json, the same helpers. What
they get is recorded.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.world.machine import HOST, Machine

OTHER_ACCOUNT = "210987654321"
OTHER = f"{OTHER_ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
TEAM = f"{HOST}/team/app:1"
CI = "arn:aws:sts::123456789012:assumed-role/ci/session"
PULLER = f"arn:aws:sts::{OTHER_ACCOUNT}:assumed-role/ecr-puller/session"
BOTH = {HOST: CI, OTHER: PULLER}
ID_TOKEN = "id-token-of-the-job"
DOCKERFILE = f"FROM {HOST}/team/base:1 AS base\nFROM {OTHER}/vendor/base:1\n"
INSTALLERS = ("apk", "pip", "pipx")
_SOURCE = "git+https://github.com/docker-credential-ecrpy/docker-credential-ecrpy"
# The packages of pip and pipx are this program's sources. Both install for all users here.
_INSTALLER = f"""
case "$0 $*" in
*/apk*) exit 0 ;;
*" install "*{_SOURCE}) ;;
*) echo "$0 $*: unknown" >&2; exit 2 ;;
esac
for name in docker-credential-ecrpy docker-credential-ecr-login; do
  printf '#!/bin/sh\\nexec "%s" "$@"\\n' "PROGRAMS/$name" >"BIN/$name"
  chmod 755 "BIN/$name"
done
"""
_CLIENT = """
import json, os, pathlib, re, sys
from docker import auth
arguments = sys.argv[1:]
if {"login", "logout"} & {*arguments}:
    sys.exit("a recipe has no login")
text = " ".join(arguments)
for name in {"build": ["Dockerfile"], "compose": ["compose.yaml"]}.get(arguments[0], ()):
    text += pathlib.Path(name).read_text()
config = auth.load_config()
record = {"arguments": arguments, "environ": dict(os.environ), "auths": config.auths}
record["answers"] = {
    host: config.resolve_authconfig(host)
    for host in dict.fromkeys(re.findall(r"[\\w.-]+[.]dkr[.][\\w.-]+(?=/)", text))
}
with open("RECORD", "a") as file:
    print(json.dumps(record), file=file)
"""


@dataclass(frozen=True)
class Use:
    """A client's command. answers: host -> user name and password."""

    arguments: list[str]
    environ: dict[str, str]
    answers: dict[str, dict[str, str]]


@dataclass
class RecipeHost:
    """A machine on which a recipe is followed."""

    machine: Machine
    programs: Path
    """The directory of the two programs, which is on no PATH."""
    prefix: Sequence[str] = ()
    """The command that starts programs as another user."""

    def __post_init__(self) -> None:
        for folder in (self.bin, self.work):
            folder.mkdir(parents=True)
        for name in INSTALLERS:
            text = _INSTALLER.replace("PROGRAMS", str(self.programs))
            self.tool(name, text.replace("BIN", str(self.bin)))
        self.tool("sudo", 'test "$1" = -H && shift\nexec "$@"')
        self.client("docker")
        (self.work / "Dockerfile").write_text(DOCKERFILE)
        aws = self.machine.aws
        aws.role("ci")
        aws.role("ecr-puller", OTHER_ACCOUNT)
        aws.web_identity_tokens.add(ID_TOKEN)

    @property
    def root(self) -> Path:
        return self.machine.root

    @property
    def home(self) -> Path:
        return self.machine.home

    @property
    def bin(self) -> Path:
        """It stands for /usr/local/bin."""
        return self.root / "usr" / "local" / "bin"

    @property
    def work(self) -> Path:
        """The checkout of the job."""
        return self.root / "builds" / "app"

    def tool(self, name: str, text: str) -> Path:
        """Add a shell script to /usr/local/bin."""
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def client(self, name: str) -> None:
        """Add a client of registries, which records what it gets."""
        path = self.bin / name
        text = _CLIENT.replace("RECORD", str(self.root / "uses"))
        path.write_text(f"#!{sys.executable}\n{text}")
        path.chmod(0o755)

    def install(self) -> None:
        """Install the program for all users, before anything else."""
        self.run(["pip", "install", _SOURCE])

    def become(self, uid: int) -> None:
        """Run programs as the user of a service from now on, if this is root on Linux.

        That user may read the directories of the tests, too.
        """
        if sys.platform != "linux" or os.geteuid() != 0:
            return
        for path in (self.root, *self.root.rglob("*")):
            os.chown(path, uid, uid, follow_symlinks=False)
        reads = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
        self.prefix = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", *reads]

    @property
    def environ(self) -> dict[str, str]:
        """The environment of a service, and what leads to the loopback world."""
        mine = ("HOME", "PATH", "PYTHONPATH", "USERPROFILE")
        kept = {name: text for name, text in self.machine.environ.items() if name not in mine}
        path = f"{self.bin}{os.pathsep}/usr/bin{os.pathsep}/bin"
        return {**kept, "HOME": str(self.home), "PATH": path}

    def run(
        self,
        command: Sequence[str],
        environ: Mapping[str, str | None] | None = None,
        *,
        code: int = 0,
        stdin: str = "",
    ) -> str:
        """Run a command, which has to exit with `code`; return both of its streams.

        environ: variables beside those of a service, or instead of them; None removes one.
        """
        merged = {**self.environ, **(environ or {})}
        done = subprocess.run(
            [*self.prefix, *command],
            cwd=self.work,
            env={name: text for name, text in merged.items() if text is not None},
            input=stdin,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, (command, done.stdout)
        return done.stdout

    def follow(self, console: str) -> None:
        """Type the commands of a console block."""
        for line in re.findall(r"^\$ (.*)$", console, re.MULTILINE):
            self.run(["/bin/sh", "-c", line])

    @property
    def uses(self) -> list[Use]:
        """What clients did, in order. No config.json that they read holds a login."""
        lines = (self.root / "uses").read_text().splitlines()
        records = [json.loads(line) for line in lines]
        assert not any(record["auths"] for record in records), records
        return [Use(r["arguments"], r["environ"], r["answers"]) for r in records]

    def check(self, identities: Mapping[str, str]) -> None:
        """Fail unless clients asked for just these hosts, and got tokens of these ARNs."""
        found = {}
        for use in self.uses:
            for host, answer in use.answers.items():
                token = self.machine.aws.issued[answer["Password"]]
                assert (answer["Username"], token.region) == ("AWS", host.split(".")[3])
                found[host] = token.arn
        assert found == identities
