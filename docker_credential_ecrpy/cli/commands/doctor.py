"""`doctor`: find out why a pull fails, and how to fix it."""

import shlex

import click

from docker_credential_ecrpy import PACKAGE
from docker_credential_ecrpy.aws import gateway
from docker_credential_ecrpy.cli.arguments import parse_image, parse_registry
from docker_credential_ecrpy.cli.changes import carry_out
from docker_credential_ecrpy.cli.commands import completion
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, Command, verbose_option
from docker_credential_ecrpy.docker.apply import apply_plan
from docker_credential_ecrpy.docker.config import bare_host
from docker_credential_ecrpy.docker.discover import ConfigureRequest, discover, list_edited
from docker_credential_ecrpy.docker.image_reference import Image
from docker_credential_ecrpy.docker.plan import make_plan
from docker_credential_ecrpy.doctor import report, run
from docker_credential_ecrpy.doctor.check import FAIL, Written
from docker_credential_ecrpy.files.user.turn import take_turn
from docker_credential_ecrpy.hot import protocol
from docker_credential_ecrpy.hot.values import replace


@click.command(
    "doctor",
    cls=Command,
    short_help="find out why a pull fails, and how to fix it",
    examples=(
        (f"{HOST}/team/app:1", "check every step of pulling this image"),
        (HOST, "check every step up to the login to this registry"),
        ("", "check each ECR registry in Docker's config.json, or used before"),
        (f"--podman {HOST}", "judge what podman, buildah and skopeo do"),
        ("--fix", "also fix in config.json what 'configure' can fix"),
        (f"--json {HOST}", "print the same for a program"),
    ),
)
@click.argument(
    "image", metavar="[IMAGE|REGISTRY]", required=False, shell_complete=completion.registries
)
@click.option("--fix", is_flag=True, help="Fix what is safe to fix, as 'configure' does.")
@click.option("--podman", is_flag=True, help="Judge podman, buildah and skopeo, not docker.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option("-q", "--quiet", is_flag=True, help="Print problems and warnings only.")
@verbose_option
@click.pass_obj
def command(
    context: CommandContext,
    image: str | None,
    *,
    as_json: bool,
    fix: bool,
    podman: bool,
    quiet: bool,
) -> int:
    """Find out why a pull fails, and how to fix it.

    Checks Docker's config.json, the installed programs, the rules in config.toml, the AWS
    credentials, the clock, the network path to AWS, the token, the registry and the image. The
    last lines name the cause of the first failure, and its fix.

    Changes no file without --fix. Exits with 0 if no check fails, with 1 if one does.
    """
    named = None if image is None else _parse_name(context, image)
    deadline, findings = run.read_deadline(context.environ)
    written: list[Written] = []
    if fix:
        findings += run.fix_files(
            context.helper,
            named,
            deadline,
            lambda hosts: _configure(context, hosts, written, show=not as_json, podman=podman),
            for_podman=podman,
        )
    with context.console.show_progress("checking docker") as progress:
        findings += run.diagnose(context.helper, named, deadline, progress, for_podman=podman)
    if as_json:
        report.print_json(findings, written, context.console, quiet=quiet)
    else:
        options = "--fix --podman" if podman else "--fix"
        fix_command = f"{PACKAGE} doctor {options} {shlex.quote(image) if image else ''}".rstrip()
        report.print_text(findings, context.console, fix_command=fix_command, quiet=quiet)
    failed = any(finding.check.status == FAIL for finding in findings)
    return protocol.FAILED if failed else protocol.OK


def _parse_name(context: CommandContext, text: str) -> Image:
    """Return the registry or the image that the argument names. Raises click.BadParameter."""
    if text.partition("@")[0].isdigit():
        return Image(parse_registry(text, context))
    image = parse_image(text, "IMAGE|REGISTRY")
    host = bare_host(text.strip())  # with its port, which docker's key has too
    return replace(image, host=host) if host.startswith(f"{image.host}:") else image


def _configure(
    context: CommandContext, hosts: list[str], written: list[Written], *, show: bool, podman: bool
) -> None:
    """Configure registries as `configure` does, and add each file to `written`.

    show: print the diff and the files. Raises HelperError.
    """
    wanted = ConfigureRequest(dict.fromkeys(hosts, ("", "")), podman=podman)
    with take_turn(list_edited(context.environ, podman=podman)):
        plan = make_plan(discover(wanted, context.helper, gateway.list_profiles), wanted)
        if show:
            carry_out(context.console, plan, dry_run=False)
            return
        for rewrite, backup in apply_plan(plan, context.environ, context.console.note):
            written.append(Written(rewrite.file, backup))
