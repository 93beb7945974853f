"""`doctor`: what is wrong between Docker, this program, AWS and a registry."""

import json
import time
from dataclasses import replace

import click

from docker_credential_ecrpy import PACKAGE, __version__
from docker_credential_ecrpy.aws import gateway
from docker_credential_ecrpy.cli.arguments import parse_image, parse_registry
from docker_credential_ecrpy.cli.commands import completion
from docker_credential_ecrpy.cli.commands.configure import carry_out
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, Command
from docker_credential_ecrpy.docker.apply import apply_plan
from docker_credential_ecrpy.docker.config import bare_host
from docker_credential_ecrpy.docker.discover import ConfigureRequest, discover
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.docker.plan import make_plan
from docker_credential_ecrpy.doctor.check import FAIL, PASS, SKIP, WARN, Check, check_from_error
from docker_credential_ecrpy.doctor.docker_checks import check_docker
from docker_credential_ecrpy.doctor.facts import gather_facts, local_facts
from docker_credential_ecrpy.doctor.machine import Machine, attempt
from docker_credential_ecrpy.doctor.network_checks import check_network
from docker_credential_ecrpy.doctor.program_checks import check_other_helpers, check_programs
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.helper.actions import DEFAULT_TIMEOUT, timeout
from docker_credential_ecrpy.hot import protocol

_STYLES = {PASS: "good", WARN: "warning", FAIL: "bad", SKIP: "strong"}
_MOST = 5  # registries that are looked at when none is named
# In the order of causes: the first that fails says why the others do.
_JUDGES = (check_docker, check_programs, check_network, check_other_helpers)
Found = list[tuple[str, Check]]
"""Checks, each with the host that it is about, or "" for none."""

_MARGIN = 1.0  # seconds kept for what is said in the end


@click.command(
    "doctor",
    cls=Command,
    short_help="say why a pull fails, and what to type",
    examples=(
        (f"{HOST}/team/app:1", "why this image cannot be pulled"),
        (HOST, "all but the image"),
        ("", "each registry that Docker has a word of"),
        ("--fix", "and mend in config.json what can be mended there"),
    ),
)
@click.argument(
    "image", metavar="[IMAGE|REGISTRY]", default="", shell_complete=completion.registries
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.option("--fix", is_flag=True, help="Do what is safe: what 'configure' would do.")
@click.pass_obj
def command(given: CommandContext, image: str, *, as_json: bool, fix: bool) -> int:
    """Say why a pull fails, and what to type.

    Looks at Docker's configuration, this program, its rules, the AWS identity, the clock, the
    way to AWS, the token, the registry, and the image; changes nothing without --fix. Exits with
    0 where nothing fails, and with 1 otherwise.
    """
    named = _named(given, image) if image else None
    machine, found = _machine(given)
    if fix:
        found += _mended(given, machine, named, quiet=as_json)
    found += _looked_at(given, machine, named)
    worst = sorted((item for item in found if item[1].status in (FAIL, WARN)), key=_is_warning)
    cause = worst[0] if worst else None
    if as_json:
        _print_json(given, found, cause)
    else:
        _print(given, found, cause)
    return protocol.FAILED if cause and cause[1].status == FAIL else protocol.OK


def _is_warning(item: tuple[str, Check]) -> bool:
    return item[1].status == WARN


def _named(given: CommandContext, text: str) -> Image:
    """Return the registry or the image that a person named. Raises click.BadParameter."""
    if text.partition("@")[0].isdigit():
        return Image(parse_registry(text, given))
    image = parse_image(text, "IMAGE|REGISTRY")
    host = bare_host(text.strip())  # with its port, as docker looks for it
    return replace(image, host=host) if host.startswith(f"{image.host}:") else image


def _machine(given: CommandContext) -> tuple[Machine, Found]:
    """Return this machine with the time that there is, and what is wrong with that time."""
    found: Found = []
    seconds = attempt(lambda: timeout(given.environ))
    if isinstance(seconds, HelperError):
        found.append(("", check_from_error("time limit", seconds)))
        seconds = DEFAULT_TIMEOUT
    until = time.monotonic() + seconds - min(_MARGIN, seconds / 10)
    return Machine(given.helper, until), found


def _looked_at(given: CommandContext, machine: Machine, named: Image | None) -> Found:
    """Gather the facts, and judge them."""
    found: Found = []
    until = machine.until
    with given.console.show_progress("looking at Docker, AWS and the registry"):
        hosts = [] if named else machine.registries()
        images = _images(machine, named)
        for done, image in enumerate(images):
            # One that hangs leaves the others their share of the time.
            machine.until = until - (until - time.monotonic()) * (1 - 1 / (len(images) - done))
            facts = gather_facts(machine, image)
            known = [check for _, check in found]
            checks = [check for judge in _JUDGES for check in judge(facts)]
            found += [(image.host, check) for check in checks if check not in known]
    if not (named or hosts):
        configure = f"{PACKAGE} configure ACCOUNT@REGION"
        seen = "docker is told of no ECR registry"
        found.append(("", Check("registry", FAIL, seen, "name one", configure)))
    if len(hosts) > _MOST:
        others = f"{len(hosts) - _MOST} more registries: name one to look at it"
        found.append(("", Check("registry", SKIP, others)))
    return found


def _images(machine: Machine, named: Image | None) -> list[Image]:
    if named:
        return [named]
    return [Image(host) for host in machine.registries()[:_MOST] or [""]]


def _mended(given: CommandContext, machine: Machine, named: Image | None, *, quiet: bool) -> Found:
    """Do what is safe; return what went wrong with that."""
    machine = Machine(given.helper, machine.until)  # of the files as they are now
    hosts = []
    for image in _images(machine, named):
        facts = local_facts(machine, image)
        checks = (*check_docker(facts), *check_programs(facts))
        if any(check.safe and check.status in (WARN, FAIL) for check in checks):
            hosts.append(image.host)
    done = attempt(lambda: _configure(given, hosts, quiet=quiet))
    return [("", check_from_error("fix", done))] if isinstance(done, HelperError) else []


def _configure(given: CommandContext, hosts: list[str], *, quiet: bool) -> None:
    """Do what `configure` would do for registries. Raises HelperError."""
    if not hosts:
        return
    wanted = ConfigureRequest(dict.fromkeys(hosts, ("", "")))
    plan = make_plan(discover(wanted, given.helper, gateway.list_profiles), wanted)
    if not quiet:
        carry_out(given.console, plan, dry_run=False)
        return
    for _ in apply_plan(plan):
        pass  # with nothing said


def _print(given: CommandContext, found: Found, cause: tuple[str, Check] | None) -> None:
    console = given.console
    several = len({host for host, _ in found if host}) > 1
    last = ""
    for host, check in found:
        if several and host and host != last:
            console.say(f"\n{host}")
            last = host
        label = check.status.upper() if check.status == FAIL else check.status
        console.say(f"{label}  {check.name}: {check.seen}", mark=label, style=_STYLES[check.status])
    console.say()
    if cause is None:
        console.say("nothing is wrong", mark="nothing is wrong", style="good")
        return
    check = cause[1]
    word = "cause" if check.status == FAIL else "mind"
    console.say(f"{word}: {check.seen}", mark=f"{word}:", style="strong")
    if check.fix:
        console.say(f"do: {check.fix}", mark="do:", style="strong")
    if check.command:
        console.say_as_is(console.fit_command(check.command, "  "))


def _print_json(given: CommandContext, found: Found, cause: tuple[str, Check] | None) -> None:
    def written(item: tuple[str, Check]) -> dict[str, str]:
        host, check = item
        return {
            "registry": host,
            "check": check.name,
            "status": check.status,
            "seen": check.seen,
            "fix": check.fix,
            "command": check.command,
        }

    whole = {
        "version": __version__,
        "ok": not (cause and cause[1].status == FAIL),
        "cause": written(cause) if cause else None,
        "checks": [written(item) for item in found],
    }
    given.console.say_as_is(json.dumps(whole, indent=2))
