"""The steps of the action: `set-up` installs and configures the program, `check` runs doctor."""

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess

import runner
from inputs import Inputs, need_region, read_inputs
from isolation import isolate, make_directory
from program import HELPER, NAME, Program, find_error, install
from runner import ActionError

_NO_ACCOUNT = "000000000000"  # in place of an account, to ask for that of the caller


def set_up(environ: Mapping[str, str]) -> None:
    """Install and configure the program, and tell the runner. Raises ActionError and OSError."""
    inputs = read_inputs(environ)
    own_files = str(Path(environ["GITHUB_ACTION_PATH"]).resolve())
    source = f"{NAME}=={inputs.version}" if inputs.version else own_files
    directory = make_directory(environ)
    on_path = install(environ, source, directory, inputs.proxy)
    variables = isolate(environ, directory) if inputs.isolate else {}
    path = os.pathsep.join((str(on_path), environ.get("PATH", "")))
    program = Program(on_path, {**_without_inputs(environ), **variables, "PATH": path})
    hosts = find_hosts(program, inputs)
    _configure(program, hosts)
    if inputs.isolate:
        _keep_logins(program, hosts)
    password = _read_password(program, hosts) if inputs.password_output else ""

    if password and inputs.mask_password:
        runner.mask(password)
    outputs = {"registries": json.dumps(hosts), "username": "AWS"}
    outputs |= {"registry": hosts[0]} if len(hosts) == 1 else {}
    outputs |= {"password": password} if password else {}
    for name, value in outputs.items():
        runner.set_output(environ, name, value)
    for name, value in variables.items():
        runner.set_variable(environ, name, value)
    runner.add_path(environ, str(on_path))


def check(environ: Mapping[str, str]) -> None:
    """Run doctor for each registry, with what later steps have. Raises ActionError."""
    inputs = read_inputs(environ)
    if not inputs.check:
        return
    found = shutil.which(NAME, path=environ.get("PATH"))
    if not found:
        msg = f"{NAME} is not on PATH; the step before this one puts it there"
        raise ActionError(msg)
    program = Program(Path(found).parent, _without_inputs(environ))
    causes = []
    for host in find_hosts(program, inputs):
        done = program.run("doctor", "--", host)
        runner.say_verbatim(done.stdout + done.stderr)
        if done.returncode:
            cause = done.stdout.rpartition("\ncause: ")[2] if "\ncause: " in done.stdout else ""
            causes.append(f"{host}: {' '.join(cause.split()) or find_error(done.stderr)}")
    if causes:
        raise ActionError("\n".join(causes))


def find_hosts(program: Program, inputs: Inputs) -> list[str]:
    """Return the hosts of the registries, each once. Raises ActionError."""
    registries = inputs.registries or (_find_own_registry(program, inputs.region),)
    hosts = [str(program.explain(registry)["host"]) for registry in registries]
    return list(dict.fromkeys(hosts))


def _find_own_registry(program: Program, region: str) -> str:
    """Return the registry of the account that the AWS credentials belong to.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    found = program.explain(f"{_NO_ACCOUNT}@{need_region(region)}", "--check")
    if not found["caller"]:
        error = found["error"] or {"message": "AWS did not say who the caller is"}
        msg = f"registries is empty, and the caller's account is unknown: {error['message']}; run"
        msg += " aws-actions/configure-aws-credentials before this action, or name the registries"
        raise ActionError(msg)
    return f"{found['caller'].split(':')[4]}@{region}"


def _configure(program: Program, hosts: Sequence[str]) -> None:
    done = program.run("configure", "--", *hosts)
    with runner.group("Configure"):
        runner.say_verbatim(done.stdout + done.stderr)
    _need_success(done)


def _keep_logins(program: Program, hosts: Sequence[str]) -> None:
    """Keep a login for each registry, from the credentials that this step has.

    Later steps may have other ones, or none. Without credentials here, nothing is kept: a pull uses
    those of its own step. What the helper prints for `get` is what it reads for `store`.
    """
    for host in hosts:  # of an earlier use of the action, with other credentials
        _need_success(program.run("erase", name=HELPER, request=host))
    for host in hosts:
        got = program.run("get", name=HELPER, request=host)
        if not got.returncode:
            _need_success(program.run("store", name=HELPER, request=got.stdout))
        elif got.stderr:  # ECR Public works without a login
            msg = f"no login for {host} yet; a later step needs credentials of its own:"
            runner.warn(f"{msg} {find_error(got.stderr)}")


def _need_success(done: CompletedProcess[str]) -> str:
    """Return what a command printed. Raises ActionError for one that failed."""
    if done.returncode:
        raise ActionError(find_error(done.stderr))
    return done.stdout


def _read_password(program: Program, hosts: Sequence[str]) -> str:
    """Return the password, which all registries of an identity and a region share."""
    found = {_need_success(program.run("password", "--", host)).strip() for host in hosts}
    if len(found) > 1:
        msg = "password-output: the registries have different passwords; use the action once for"
        msg += " each region and AWS identity"
        raise ActionError(msg)
    return found.pop()


def _without_inputs(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in environ.items() if not name.startswith("INPUT_")}


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a step and return its exit code."""
    try:
        if arguments == ["set-up"]:
            set_up(environ)
        else:
            check(environ)
    except ActionError as exc:
        runner.say_error(str(exc))
        return 1
    except KeyError as exc:
        runner.say_error(f"{exc.args[0]} is not set; this action runs in GitHub Actions alone")
        return 1
    except OSError as exc:
        runner.say_error(f"{exc.filename or 'the runner'}: {exc.strerror or exc}")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], os.environ))
