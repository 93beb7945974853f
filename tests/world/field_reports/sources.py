"""Reports about sources of AWS credentials."""

import json
import shlex
from collections.abc import Callable

from tests.world import credential_sources
from tests.world.aws import refuse
from tests.world.broken_setups import Broken, Way
from tests.world.credential_sources import process_answer
from tests.world.docker_host import DockerHost
from tests.world.failures import FAILURES, Failure
from tests.world.machine import Machine


def _printing(machine: Machine, output: str, code: int = 0, errors: str = "") -> None:
    """Make a script that prints these texts the credential_process of the default profile."""
    # By the shell itself: Docker's PATH may have no other program.
    said, complained = (f"printf %s {shlex.quote(text)}" for text in (output, errors))
    text = f"#!/bin/sh\n{said}\n{complained} >&2\nexit {code}\n"
    script = machine.file("print-keys", text, 0o755)
    machine.config(f"[default]\ncredential_process = {script}\n")


def _prints(cause: str, cure: str, before: str = "", after: str = "", **fields: object) -> Failure:
    """Return the report of a program whose output is good but for this."""

    def set_up(machine: Machine) -> None:
        answer = {**json.loads(process_answer(machine)), **fields}
        _printing(machine, f"{before}{json.dumps(answer)}{after}\n")

    return Failure(set_up, cause, cure, 0)


def _fails(cause: str, cure: str, output: str = "", errors: str = "", code: int = 0) -> Failure:
    def set_up(machine: Machine) -> None:
        _printing(machine, output, code, errors)

    return Failure(set_up, cause, cure, 0)


def _runs(command: str, cause: str, cure: str) -> Failure:
    def set_up(machine: Machine) -> None:
        machine.config(f"[default]\ncredential_process = {command}\n")

    return Failure(set_up, cause, cure, 0)


def _script(text: str, command: str) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        machine.file("home/print-keys", text, 0o755)
        machine.config(f"[default]\ncredential_process = {command}\n")

    return set_up


def _not_executable(docker_host: DockerHost) -> Broken:
    machine = _without_keys(docker_host)
    _printing(machine, process_answer(machine))
    script = machine.root / "print-keys"
    script.chmod(0o644)
    return Broken(
        "identity",
        f"cannot be run: {script} is not executable",
        f"chmod +x {script}",
        lambda: script.chmod(0o755),
    )


def _not_renewed(docker_host: DockerHost) -> Broken:
    machine = _without_keys(docker_host)
    credential_sources.aws_login_that_needs_a_refresh(machine)
    machine.aws.faults["signin:CreateOAuth2Token"] = refuse(
        "ValidationException", "The provided authorization grant is invalid, expired or revoked"
    )
    return Broken(
        "identity",
        "the AWS login of profile 'work' has expired",
        "run: aws login --profile work",
        lambda: credential_sources.write_login(machine, machine.aws.login_life),
    )


def _without_keys(docker_host: DockerHost) -> Machine:
    for name in docker_host.user.environ:
        del docker_host.machine.environ[name]
    return docker_host.machine


def _login_over(source: Callable[[Machine], None]) -> Callable[[Machine], None]:
    def set_up(machine: Machine) -> None:
        source(machine)
        machine.aws.login_refresh_tokens.clear()

    return set_up


DOCTOR: dict[str, Way] = {
    "aws-cli#10613 a renewal of aws login is refused as malformed": _not_renewed,
    "sagemaker-examples#27 a helper's script without chmod +x": _not_executable,
}

ERRORS: dict[str, Failure] = {
    "helper#229 an SSO session that is over": FAILURES["SSO session expired"],
    "aws-cli#10330 aws login: the refresh token has expired": Failure(
        _login_over(credential_sources.role_from_aws_login),
        "the AWS login of profile 'base' has expired",
        "run: aws login --profile base",
        0,
    ),
    "aws-cli#6200 a program that refuses its options": _fails(
        "failed: aws-vault: error: exec: Can't use --server with --json",
        "run that command in a terminal",
        errors="\x1b[31maws-vault: error: exec: Can't use --server with --json\x1b[0m\n",
        code=1,
    ),
    "aws-okta-processor#63 variables in place of JSON": _fails(
        "printed settings or variables, and not JSON",
        "it must print Version, AccessKeyId and SecretAccessKey",
        output="export AWS_ACCESS_KEY_ID=AKIA AWS_SECRET_ACCESS_KEY=made-up\n",
    ),
    "aws-sdk-js#2559 Version as a text": _prints(
        'printed the text "1" as Version', "without quotes", Version="1"
    ),
    "awsprocesscreds#25 --verbose writes to standard output": _prints(
        "printed other text before its JSON",
        "messages belong on standard error",
        before="DEBUG - {'user': 'x'} logs in\n",
    ),
    "okta-aws-cli#169 a message behind the JSON": _prints(
        "printed other text after its JSON",
        "nothing else, to standard output",
        after='\nWrote profile "default" to ~/.aws/credentials',
    ),
    "continue#2186 a program that a desktop application does not find": _runs(
        "cust_process get 555555555 Admin --json",
        "cannot be run: cust_process is not on PATH",
        "give the program's full path: Docker's PATH may differ from your shell's",
    ),
    "git-remote-codecommit#42 a program that ends without keys": _fails(
        "printed nothing: session is over", "in a terminal", errors="session is over\n"
    ),
    "saml2aws#682 an expiry with another time zone's clock": _prints(
        "printed '2999-06-25T17:15:10' as Expiration, which has no time zone",
        "add the time zone",
        Expiration="2999-06-25T17:15:10",
    ),
    "saml2aws#880 a ~ that no shell expands": _runs(
        "'~/bin/saml2aws' login", "has a ~ in quotes", "write the path in full"
    ),
    "setup empty expiry": _prints("Expiration is empty", "leave Expiration out", Expiration=""),
    "setup a shell's command names a missing program": _runs(
        "A=1 jwt-keys | cat", "printed nothing: /bin/sh: ", "give the program's full path"
    ),
    "setup a program that env does not find, behind a pipe": Failure(
        _script("#!/usr/bin/env jwt-python\n", "~/print-keys --json | cat"),
        "names the interpreter jwt-python, which is not on PATH",
        "install it, or write its full path into the file's first line",
        0,
    ),
    "setup a script with lines of Windows": Failure(
        _script("#!/bin/sh\r\nexit 1\r\n", "A=1 ~/print-keys 2>/dev/null"),
        "end in CR LF",
        "dos2unix",
        0,
    ),
}
