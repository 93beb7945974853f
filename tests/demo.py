"""`make demo`: the helper at work against the loopback AWS in this folder, without an account."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from docker_credential_ecrpy.cli.names import COMMANDS
from tests.world.aws import ACCOUNT, Aws
from tests.world.web import WebServer

HOST = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com"
OTHER = "210987654321.dkr.ecr.us-east-1.amazonaws.com"
PROGRAM = "docker-credential-ecr-login"
FOR_USERS = "docker-credential-ecrpy"
_SECRET = re.compile(r'("Secret":")([^"]+)')


def _say(text: str = "") -> None:
    print(text, flush=True)  # noqa: T201 - a demo prints


class Demo:
    """A shell session that shows each command and its result."""

    def __init__(self, aws: Aws, environ: dict[str, str]) -> None:
        self.aws = aws
        self.environ = environ

    def write(self, name: str, text: str) -> None:
        """Write a file in the demo's home."""
        path = os.path.join(self.environ["HOME"], name)
        os.makedirs(os.path.dirname(path))
        with open(path, "w") as file:
            file.write(text)

    def run(self, action: str, stdin: str = "", expect: int = 0) -> None:
        """Run one action as Docker does, and show its input, output, time and AWS calls."""
        program = FOR_USERS if action.split(maxsplit=1)[0] in COMMANDS else PROGRAM
        _say(f"$ {f'echo {stdin} | ' if stdin else ''}{program} {action}")
        calls = sum(self.aws.count().values())
        began = time.perf_counter()
        done = subprocess.run(
            [program, *action.split()],
            input=stdin.encode(),
            capture_output=True,
            env=self.environ,
            check=False,
        )
        took = (time.perf_counter() - began) * 1000
        if done.returncode != expect:
            sys.exit(f"the demo failed: exit code {done.returncode}, {done.stderr.decode()}")
        _say(_SECRET.sub(_redacted, done.stdout.decode()).rstrip())
        calls = sum(self.aws.count().values()) - calls
        asked = {0: "no AWS call", 1: "1 AWS call"}.get(calls, f"{calls} AWS calls")
        _say(f"  [{took:.0f} ms, exit code {done.returncode}, {asked}]\n")


def _redacted(found: "re.Match[str]") -> str:
    return f"{found[1]}{found[2][:12]}... {len(found[2])} characters, redacted"


def main() -> None:
    """Play the demo in a temporary home."""
    home = tempfile.mkdtemp(prefix="demo-")
    programs = os.path.dirname(sys.executable)
    aws = Aws()
    keys = aws.user()
    try:
        with WebServer(aws.handle) as server:
            environ = {
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "HOME": home,
                "USERPROFILE": home,
                "AWS_ENDPOINT_URL": server.url,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
            _play(Demo(aws, environ), keys.environ)
    finally:
        shutil.rmtree(home)


def _play(demo: Demo, keys: dict[str, str]) -> None:
    _say("A loopback AWS runs in this process. Docker's config.json has yesterday's login:\n")
    password = demo.aws.password(f"arn:aws:iam::{ACCOUNT}:user/dev", "us-east-1", life=-3600)
    auth = base64.b64encode(f"AWS:{password}".encode()).decode()
    demo.write(".docker/config.json", json.dumps({"auths": {HOST: {"auth": auth}}}, indent=2))
    demo.run(f"configure {ACCOUNT}@us-east-1")
    _say("Without AWS credentials, the error says what is wrong and what to do:\n")
    demo.run("get", HOST, expect=1)
    _say("With credentials (AWS_ACCESS_KEY_ID is set from here on), the first get calls ECR:\n")
    demo.environ |= keys
    demo.run("get", HOST)
    _say("From then on the token comes from disk, for half of its 12 hours:\n")
    demo.run("get", HOST)
    demo.run("get", HOST)
    _say("The token is valid for every account that this identity can reach in the region:\n")
    demo.run("get", OTHER)
    _say("Docker's other actions:\n")
    demo.run("list")
    demo.run("get", "ghcr.io", expect=1)
    demo.run("erase", HOST)
    demo.run("get", HOST)
    role = demo.aws.role("puller", "210987654321")
    _say("Another account, by a role:\n")
    demo.run(f"configure {OTHER} --role-arn {role.arn}")
    demo.run("get", OTHER)
    demo.run(f"explain {OTHER}")
    _say("If AWS denies a call, the error names the identity, the action and the fix:\n")
    user = next(iter(demo.aws.keys.values()))
    demo.aws.denied.add((user.arn, "ecr:GetAuthorizationToken"))
    demo.run("get", HOST.replace("us-east-1", "eu-west-1"), expect=1)


if __name__ == "__main__":
    main()
