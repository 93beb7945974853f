"""`kubelet check`: find out why the kubelet does or does not get credentials for an image."""

import os
from collections.abc import Mapping

import click

from docker_credential_ecrpy.cli.commands.kubernetes.kubelet_options import find_node, place_options
from docker_credential_ecrpy.cli.context import CommandContext
from docker_credential_ecrpy.cli.help import HOST, Command
from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.hot import protocol, registry, watchdog
from docker_credential_ecrpy.kubernetes.node import check
from docker_credential_ecrpy.kubernetes.node.trial import Answer, run_plugin
from docker_credential_ecrpy.text.console import Console
from docker_credential_ecrpy.text.sanitize import make_printable, one_line


@click.command(
    "check",
    cls=Command,
    short_help="find out why the kubelet does or does not get credentials for an image",
    examples=(
        (f"{HOST}/team/app:1", "with the configuration of the kubelet that runs here"),
        (f"--flavor k3s {HOST}/team/app:1", "with that of k3s"),
        (f"--json {HOST}/team/app:1", "print the result for a program"),
    ),
)
@click.argument("image")
@place_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def command(
    context: CommandContext,
    image: str,
    *,
    flavor: str | None,
    config: str | None,
    bin_dir: str | None,
    root: str,
    as_json: bool,
) -> int:
    """Find out why the kubelet does or does not get credentials for an image.

    Checks the configuration as strictly as the kubelet, finds the patterns that match the image by
    the kubelet's own rule, and runs the plugins as the kubelet would: with its environment, its
    time limit, and its checks of the answer. It shows no password.

    The last line says in one sentence what is wrong. Run it as root, as the kubelet runs its
    plugins. Exits with 0 if the kubelet gets credentials, or needs none; else with 1.
    """
    node = find_node(flavor, config, bin_dir, root, None)
    target = check.normalize_image(image)
    result = _Result(target, node.places.config, node.places.bin_dir)
    try:
        with watchdog.Paused():
            _check(result, check.find_environ(node.flags, node.root))
        result.problem = check.explain_not_loaded(node.flags, result.config, node.root)
    except HelperError as exc:
        result.problem = exc
    if as_json:
        context.console.say_document("kubelet check", result.members())
        return protocol.FAILED if result.problem else protocol.OK
    _print(context.console, result)
    if result.problem:
        raise result.problem
    return protocol.OK


class _Result:
    """What was found: for each provider that matches, its answer, or its error."""

    def __init__(self, image: str, config: str, bin_dir: str) -> None:
        self.image, self.config, self.bin_dir = image, config, bin_dir
        self.providers: int | None = None
        self.environment = ""
        self.tried: list[tuple[check.Match, Answer | HelperError | None]] = []
        self.problem: HelperError | None = None

    def members(self) -> dict[str, object]:
        """Return the members of the JSON document."""
        tried = []
        for match, found in self.tried:
            answer = found if isinstance(found, Answer) else None
            tried.append(
                {
                    "name": match.provider.name,
                    "pattern": match.pattern,
                    "username": answer.user or None if answer else None,
                    "cached": answer.cached if answer else None,
                    "error": str(found) if isinstance(found, HelperError) else None,
                }
            )
        return {
            "image": self.image,
            "config": self.config,
            "bin_dir": self.bin_dir,
            "providers": tried,
            "status": "failed" if self.problem else "ok",
            "problem": self.problem.message if self.problem else None,
            "fix": (self.problem.hint or None) if self.problem else None,
        }


def _check(result: _Result, environ: tuple[Mapping[str, str], str]) -> None:
    """Fill in a result. Raises HelperError for why the kubelet gets no credentials."""
    variables, result.environment = environ
    providers = check.load_providers(result.config)
    result.providers = len(providers)
    check.check_programs(providers, result.bin_dir)
    matches = check.find_matches(providers, result.image)
    if not matches:
        raise check.explain_no_match(providers, result.image)
    for match in matches:
        token = match.provider.token
        if token and token["requireServiceAccount"]:
            result.tried.append((match, None))
            continue
        try:
            answer = run_plugin(match.provider, result.bin_dir, result.image, variables)
        except HelperError as exc:
            result.tried.append((match, exc))
        else:
            result.tried.append((match, answer))
    outcomes = [found for _, found in result.tried]
    if any(found is None or (isinstance(found, Answer) and found.user) for found in outcomes):
        return
    for found in outcomes:
        if isinstance(found, HelperError):
            raise found
    known = registry.parse(result.image)
    if not (known and known.public):
        msg = f"the plugin has no credentials for {one_line(result.image)}"
        hint = "a host that is not ECR's needs a rule; see docker-credential-ecrpy help explain"
        raise HelperError(msg, hint=hint)


def _print(console: Console, result: _Result) -> None:
    if result.providers is not None:
        many = "1 provider" if result.providers == 1 else f"{result.providers} providers"
        console.say(f"config    {result.config}: valid, {many}")
    for match, found in result.tried:
        console.say(f"match     {result.image} by {match.pattern}")
        console.say(f"plugin    {os.path.join(result.bin_dir, match.provider.name)}")
        if found is None:
            console.say("answer    not run: it needs the token of a pod's service account")
        elif isinstance(found, HelperError):
            console.say(f"answer    {make_printable(str(found))}")
        elif found.user:
            cached = "not cached" if found.cached == "0s" else f"cached for {found.cached}"
            console.say(f"answer    credentials of {found.user}, {cached}")
        else:
            console.say("answer    no credentials: the kubelet pulls anonymously")
    if result.tried:
        console.say(f"run with  {result.environment}")
