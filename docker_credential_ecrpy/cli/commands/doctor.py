"""`doctor`: what is wrong between Docker, this program, AWS and a registry."""

from dataclasses import replace

import click

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
from docker_credential_ecrpy.doctor import report, run
from docker_credential_ecrpy.doctor.check import FAIL
from docker_credential_ecrpy.hot import protocol


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
def command(context: CommandContext, image: str, *, as_json: bool, fix: bool) -> int:
    """Say why a pull fails, and what to type.

    Looks at Docker's configuration, this program, its rules, the AWS identity, the clock, the
    way to AWS, the token, the registry, and the image; changes nothing without --fix. Exits with
    0 where nothing fails, and with 1 otherwise.
    """
    named = _parse_name(context, image) if image else None
    deadline, findings = run.read_deadline(context.environ)
    if fix:
        findings += run.fix_files(
            context.helper, named, deadline, lambda hosts: _configure(context, hosts, quiet=as_json)
        )
    with context.console.show_progress("looking at Docker, AWS and the registry"):
        findings += run.diagnose(context.helper, named, deadline)
    print_findings = report.print_json if as_json else report.print_text
    print_findings(findings, context.console)
    failed = any(finding.check.status == FAIL for finding in findings)
    return protocol.FAILED if failed else protocol.OK


def _parse_name(context: CommandContext, text: str) -> Image:
    """Return the registry or the image that the argument names. Raises click.BadParameter."""
    if text.partition("@")[0].isdigit():
        return Image(parse_registry(text, context))
    image = parse_image(text, "IMAGE|REGISTRY")
    host = bare_host(text.strip())  # with its port, which docker's key has too
    return replace(image, host=host) if host.startswith(f"{image.host}:") else image


def _configure(context: CommandContext, hosts: list[str], *, quiet: bool) -> None:
    """Do what `configure` would do for registries. Raises HelperError."""
    wanted = ConfigureRequest(dict.fromkeys(hosts, ("", "")))
    plan = make_plan(discover(wanted, context.helper, gateway.list_profiles), wanted)
    if quiet:
        list(apply_plan(plan))
    else:
        carry_out(context.console, plan, dry_run=False)
